"""What the room refuses of its own."""

from serving.errors import ServingError


class AddressRefusedError(ServingError):
    """A notice may not go there; `reason` is a code that is kept with the attempt.

    Parameters
    ----------
    reason : str
        E.g. `address_private`.
    """

    code = "address_refused"
    status = 422

    def __init__(self, reason: str, en: str, zh: str) -> None:
        super().__init__(en, zh, {"reason": reason})
        self.reason = reason
