"""What stands beside records in a report: marks 异议中 and the firm's own statements."""

from collections.abc import Mapping
from dataclasses import dataclass

from serving.db import Connection
from serving.disputes.beside import Mark, Statement, live_statements, open_marks
from serving.disputes.records import Record


@dataclass(frozen=True)
class Beside:
    """Everything beside a firm's records."""

    marks: tuple[Mark, ...] = ()
    statements: tuple[Statement, ...] = ()

    def of(
        self, dataset: str, key: Mapping[str, str]
    ) -> tuple[tuple[Mark, ...], tuple[Statement, ...]]:
        """What stands beside one record; `key` as its columns are written."""
        return (
            tuple(one for one in self.marks if _is_about(one.record, dataset, key)),
            tuple(one for one in self.statements if _is_about(one.record, dataset, key)),
        )


async def read_beside(connection: Connection, uscc: str) -> Beside:
    """Marks and statements live now."""
    marks = await open_marks(connection, uscc)
    return Beside(tuple(marks), tuple(await live_statements(connection, uscc)))


def _is_about(record: Record, dataset: str, key: Mapping[str, str]) -> bool:
    """A record may be named without those columns of its key that its provider leaves empty."""
    return record.dataset == dataset and record.key.items() <= dict(key).items()
