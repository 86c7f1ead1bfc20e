"""New rows of the ledger are delivered to the lake as its own datasets, through the ordinary door.

A room reads what is new, lands it, and moves its mark: two transactions with the lake's commits between
them. Whoever dies in between leaves rows to be landed again, and the lake drops a row it has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

from features.contracts import Catalogue
from features.engine import connect
from features.ingest import ingest_files
from features.lake import Lake
from features.landing import copy_to
from features.mapping import AvailableAt, Provider, identity_mapping
from features.mapping import Mapping as FileMapping
from features.vault import Vault
from serving.db import Connection


@dataclass(frozen=True)
class Destination:
    """Where rows go.

    Attributes
    ----------
    work : Path
        A folder for the file that is delivered; it is removed when it has landed.
    """

    lake: Lake
    catalogue: Catalogue
    vault: Vault
    work: Path


@dataclass(frozen=True)
class NewRows:
    """New rows of one dataset, columns by the contract's names.

    Attributes
    ----------
    since : str
        The column of instants that says since when each row is known.
    """

    dataset: str
    columns: Mapping[str, Sequence[Any]]
    since: str = "reported_at"

    def __len__(self) -> int:
        return len(self.columns[self.since])


async def new_rows(
    connection: Connection,
    dataset: str,
    query: LiteralString,
    asked: Mapping[str, object],
    *,
    since: str = "reported_at",
) -> NewRows:
    """What a query of the ledger finds for a dataset."""
    cursor = await connection.execute(query, asked)
    rows = await cursor.fetchall()
    names = [column.name for column in cursor.description or ()]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return NewRows(dataset, columns, since)


def land(
    rows: NewRows, mark: int, to: Destination, *, now: datetime, max_rejected_share: float = 0
) -> None:
    """Deliver rows, each known from its own instant on and not from its delivery.

    Parameters
    ----------
    mark : int
        Number of the newest change among them; it names the file.
    now : datetime
        Asia/Shanghai wall time.
    max_rejected_share : float
        By default a single bad row refuses them all; 1 leaves bad rows in quarantine.

    Raises
    ------
    LakeError, RejectedBatchError
        If the lake cannot be written or refuses the rows; then nothing has landed.
    """
    to.work.mkdir(parents=True, exist_ok=True)
    path = to.work / f"{rows.dataset}-{mark}.parquet"
    with connect(threads=1) as duck:
        kinds = {name: _kind(values) for name, values in rows.columns.items()}
        listed = ", ".join(f"unnest(${name}::{kind}[]) AS {name}" for name, kind in kinds.items())
        duck.execute(f"CREATE TABLE new AS SELECT {listed}", dict(rows.columns))
        copy_to(duck, "SELECT * FROM new", path)
    try:
        ingest_files(
            [path],
            ledger_mapping(to.catalogue, rows.dataset, rows.since),
            to.lake,
            to.vault,
            now=max(now, *rows.columns[rows.since]),
            max_rejected_share=max_rejected_share,
        )
    finally:
        path.unlink(missing_ok=True)


def ledger_mapping(catalogue: Catalogue, dataset: str, since: str = "reported_at") -> FileMapping:
    """The ledger's own format: the contract's names, known from the instant in `since` on."""
    return replace(
        identity_mapping(catalogue[dataset]),
        name="ledger",
        provider=Provider(name=catalogue[dataset].document.provider.zh),
        available_at=AvailableAt.model_validate({"from": since}),
    )


def _kind(values: Sequence[object]) -> str:
    return "TIMESTAMP" if any(isinstance(value, datetime) for value in values) else "VARCHAR"
