"""Rows of the record as they leave the database."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from serving.audit.leaf import Value

_HIGHEST = 2**63 - 1


@dataclass(frozen=True)
class Row:
    """A row of the record as it is hashed; `leaf_index` is None until it is sealed."""

    audit_id: int
    transaction_id: str
    at: str
    request_id: str
    actor_kind: str
    actor: str
    role: str
    tenant: str | None
    action: str
    subject: str | None
    purpose: str | None
    consents: list[str]
    fields: list[str]
    result: str
    detail: str
    leaf_index: int | None

    def values(self) -> Sequence[Value]:
        """The columns that are hashed, in their order."""
        return astuple(self)[:-1]


@dataclass(frozen=True, order=True)
class Place:
    """Where in the order of the log a row stands."""

    transaction_id: int
    audit_id: int

    def end_of_transaction(self) -> "Place":
        """Behind every row of the same transaction: once a head covers it, none may come any more."""
        return Place(self.transaction_id, _HIGHEST)


START = Place(0, 0)


@dataclass(frozen=True)
class Leaf:
    """A seal and the row it is of; `row` is None if the row is gone."""

    index: int
    audit_id: int
    hash: bytes
    row: Sequence[Value] | None
