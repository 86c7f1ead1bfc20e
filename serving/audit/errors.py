"""What can be wrong with the record itself. Each of these stops the sealer and is for people."""

from serving.errors import ConflictError, ServingError


class RecordDamagedError(ServingError):
    """The record, its heads or its keys are not what was signed; nothing more is signed."""

    code = "record_damaged"
    status = 503


class SealerBusyError(ConflictError):
    """Another sealer is at work on this record."""

    code = "sealer_busy"


class NotSealedYetError(ConflictError):
    """The row is on record and no signed head covers it yet."""

    code = "not_sealed_yet"
