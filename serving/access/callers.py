"""Who is asking, as a value."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the platform. `client` is an institution's program, the others are people."""

    ANONYMOUS = "anonymous"
    CLIENT = "client"
    OFFICER = "officer"
    OWNER = "owner"
    OPERATOR = "operator"
    SCIENTIST = "scientist"
    AUDITOR = "auditor"


@dataclass(frozen=True)
class Caller:
    """Who asks, in the one role of this request.

    Attributes
    ----------
    id : str
        Client id or person id; empty for nobody.
    tenant : str
        USCC of the enterprise (owner) or institution (client, officer); empty for the platform's roles.
    permissions : frozenset of str
        Actions a client may take; not used for people.
    number : int
        Small and never given twice: where a client's or person's rate is counted.
    rate_per_second, burst
        How fast it may ask.
    session : bytes
        Digest of the session's token; empty for programs.
    real_name_level : int
        How surely a person is who it says (0 not at all, 2 with document, 3 in person).
    """

    role: Role
    id: str = ""
    tenant: str = ""
    permissions: frozenset[str] = frozenset()
    number: int = 0
    rate_per_second: float = 0.0
    burst: int = 0
    session: bytes = b""
    real_name_level: int = 0

    @property
    def kind(self) -> str:
        """How the record calls it: a person, a client or nobody."""
        if self.role in {Role.ANONYMOUS, Role.CLIENT}:
            return str(self.role)
        return "person"


NOBODY = Caller(Role.ANONYMOUS)
