"""Persons' data as they may be printed: enough to recognise somebody known, too little to find anybody."""

from dataclasses import dataclass

from features.contracts import Column
from features.errors import LakeError
from features.vault import Vault

#: Where a value is sealed for good, or its key was deleted.
HIDDEN = "***"
#: Characters kept at the front and at the back, by kind.
_KEPT = {"person_name": (1, 0), "id_number": (1, 1), "phone": (3, 2)}


def masked(kind: str, value: str) -> str:
    """A value with its middle covered; a short one is covered whole.

    Examples
    --------
    >>> masked("person_name", "欧阳大山"), masked("phone", "13800138000"), masked("id_number", "110101199003077571")
    ('欧***', '138******00', '1****************1')
    >>> masked("person_name", "山")
    '*'
    """
    front, back = _KEPT[kind]
    if len(value) <= front + back:
        return "*" * len(value)
    covered = "*" * (len(value) - front - back)
    return value[:front] + covered + value[len(value) - back :]


@dataclass(frozen=True)
class Sealed:
    """One stored value of a person: its token, the token of the ID number beside it, the blob."""

    column: Column
    token: str
    owner: str | None
    blob: bytes | None

    def masked(self, vault: Vault, uscc: str) -> str:
        """Unsealed, covered and forgotten; `***` where it cannot be unsealed any more."""
        kind = self.column.personal
        if kind is None or self.blob is None:
            return HIDDEN
        subject = self.owner or vault.unidentified(uscc, self.token)
        try:
            return masked(kind, vault.unseal(subject, kind, self.blob))
        except LakeError:
            return HIDDEN
