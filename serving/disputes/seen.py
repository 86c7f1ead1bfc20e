"""What of the marks and statements beside a firm's records one asker may see."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from features.contracts import Catalogue, Sensitivity
from serving.db import Connection
from serving.disputes.beside import Mark, Statement, live_statements, open_marks
from serving.disputes.records import Record

#: The scope under which records themselves are shown, not only what is drawn from them.
_RAW = "raw"


@dataclass(frozen=True)
class Beside:
    """What stands beside a firm's records."""

    marks: list[Mark]
    statements: list[Statement]


async def beside_records(
    connection: Connection, catalogue: Catalogue, uscc: str, scopes: Collection[str] | None
) -> Beside:
    """Marks and statements of now, as somebody may see them.

    Parameters
    ----------
    scopes : collection of str or None
        What the firm's consent opens to the institution that asks; None for the firm itself.
    """
    marks = await open_marks(connection, uscc)
    said = await live_statements(connection, uscc)
    if scopes is None:
        return Beside(marks, said)
    shown = ((one, seen_record(catalogue, scopes, one.record)) for one in marks)
    words = ((one, seen_record(catalogue, scopes, one.record)) for one in said)
    return Beside(
        [replace(one, record=record) for one, record in shown if record is not None],
        [replace(one, record=record) for one, record in words if record is not None],
    )


def seen_datasets(catalogue: Catalogue, scopes: Collection[str]) -> frozenset[str]:
    """Datasets whose records an institution may know of: public ones, and those its consent opens."""
    return frozenset(
        dataset.name
        for dataset in catalogue
        if dataset.document.sensitivity is Sensitivity.PUBLIC
        or dataset.document.consent_scope in scopes
    )


def seen_record(catalogue: Catalogue, scopes: Collection[str], record: Record) -> Record | None:
    """A record as an institution may know of it, or None.

    The key of a record that is not public is a part of its raw detail: without that scope only the
    dataset is told, and of secret data never more.
    """
    if record.dataset not in seen_datasets(catalogue, scopes):
        return None
    sensitivity = catalogue[record.dataset].document.sensitivity
    is_authorised = sensitivity is Sensitivity.AUTHORISED and _RAW in scopes
    if sensitivity is Sensitivity.PUBLIC or is_authorised:
        return record
    return Record(record.dataset, {})
