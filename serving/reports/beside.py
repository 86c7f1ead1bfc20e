"""What stands beside records in a report: marks 异议中 and the firm's own statements.

The room of disputes fills it; `read_beside` is the one place where the two rooms meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serving.db import Connection


@dataclass(frozen=True)
class MarkBeside:
    """A record that is not beyond doubt: `disputed`, or `both_views` where it could not be settled."""

    dataset: str
    key: Mapping[str, str]
    mark: str
    since: datetime


@dataclass(frozen=True)
class StatementBeside:
    """A firm's own words beside a record."""

    dataset: str
    key: Mapping[str, str]
    text: str
    made_at: datetime


@dataclass(frozen=True)
class Beside:
    """Everything beside a firm's records."""

    marks: tuple[MarkBeside, ...] = ()
    statements: tuple[StatementBeside, ...] = ()


async def read_beside(connection: Connection, uscc: str) -> Beside:  # noqa: ARG001 - what the room of disputes will need
    """Marks and statements live now."""
    return Beside()
