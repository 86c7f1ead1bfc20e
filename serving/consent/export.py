"""Events of the ledger become rows of the lake's `consent_event`, in the order they were written.

Two transactions with the lake's commit between them: read what is new, land it, move the mark. Whoever
dies in between leaves events to be landed again, and the lake drops a row it has. Events that came from
the lake (`cause` `imported`) do not go back.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from psycopg.rows import class_row

from features.contracts import Catalogue
from features.engine import connect
from features.ingest import ingest_files
from features.lake import Lake
from features.landing import copy_to
from features.mapping import AvailableAt, Mapping, Provider, identity_mapping
from features.snapshot import CONSENTS
from features.vault import Vault
from serving.db import Connection

#: Events in one commit of the lake.
BATCH = 100_000
#: The cause of an event that the lake knew first.
IMPORTED = "imported"

_NEW = """
SELECT e.event_no, c.uscc, e.event_id, e.consent_id, e.event, e.occurred_at, c.grantee, c.purpose, e.scopes,
       c.valid_from, c.valid_to
FROM consent_event AS e JOIN consent AS c USING (consent_id)
WHERE e.event_no > (SELECT last_event_no FROM consent_export) AND e.cause <> %(imported)s
ORDER BY e.event_no LIMIT %(limit)s
"""
_MOVE = """
UPDATE consent_export SET last_event_no = greatest(last_event_no, %(event_no)s), exported_at = %(now)s
"""
_KINDS = {
    "uscc": "VARCHAR",
    "event_id": "VARCHAR",
    "consent_id": "VARCHAR",
    "event": "VARCHAR",
    "occurred_at": "TIMESTAMP",
    "grantee": "VARCHAR",
    "purpose": "VARCHAR",
    "scopes": "VARCHAR",
    "valid_from": "DATE",
    "valid_to": "DATE",
}


@dataclass(frozen=True)
class Exported:
    """One event with the consent it belongs to, as the catalogue's dataset wants it."""

    event_no: int
    uscc: str
    event_id: str
    consent_id: str
    event: str
    occurred_at: datetime
    grantee: str
    purpose: str
    scopes: list[str]
    valid_from: date
    valid_to: date


@dataclass(frozen=True)
class Destination:
    """Where events go.

    Attributes
    ----------
    work : Path
        A folder for the file that is delivered; it is removed when it has landed.
    """

    lake: Lake
    catalogue: Catalogue
    vault: Vault
    work: Path


async def export_new(
    connection: Connection, to: Destination, *, now: datetime, batch: int = BATCH
) -> int:
    """Land what has happened since the last export.

    Several at once do no harm: the lake lets one in after the other and drops what it has.

    Parameters
    ----------
    connection : Connection
        Outside a transaction; nothing is held while the lake is written.
    now : datetime
        Asia/Shanghai wall time.
    batch : int
        Events in one commit of the lake at most.

    Returns
    -------
    int
        Events that were landed, or had been.

    Raises
    ------
    LakeError, RejectedBatchError
        If the lake cannot be written or refuses a row; then the mark stays and nothing is lost.
    """
    total = 0
    while events := await read_new(connection, batch):
        await asyncio.to_thread(land, events, to, now=now)
        await move_mark(connection, events[-1].event_no, now)
        total += len(events)
        if len(events) < batch:
            break
    return total


async def read_new(connection: Connection, limit: int) -> list[Exported]:
    """Events after the mark, oldest first; in a transaction of its own."""
    async with (
        connection.transaction(),
        connection.cursor(row_factory=class_row(Exported)) as cursor,
    ):
        return await (await cursor.execute(_NEW, {"limit": limit, "imported": IMPORTED})).fetchall()


async def move_mark(connection: Connection, event_no: int, now: datetime) -> None:
    """Say that everything up to this event is in the lake; in a transaction of its own."""
    async with connection.transaction():
        await connection.execute(_MOVE, {"event_no": event_no, "now": now})


def land(events: Sequence[Exported], to: Destination, *, now: datetime) -> None:
    """Deliver events to the lake through the ordinary door; a single bad row refuses them all.

    Each counts from its own instant, not from its delivery: what was revoked at noon was closed at
    noon, however late the lake heard of it.
    """
    to.work.mkdir(parents=True, exist_ok=True)
    path = to.work / f"consent_event-{events[0].event_no}-{events[-1].event_no}.parquet"
    with connect(threads=1) as connection:
        listed = ", ".join(f"unnest(${name}::{kind}[]) AS {name}" for name, kind in _KINDS.items())
        columns = {name: [getattr(event, name) for event in events] for name in _KINDS}
        columns["scopes"] = [";".join(event.scopes) for event in events]
        connection.execute(f"CREATE TABLE event AS SELECT {listed}", columns)
        copy_to(connection, "SELECT * FROM event", path)
    latest = max(now, *(event.occurred_at for event in events)) if events else now
    try:
        ingest_files(
            [path],
            ledger_mapping(to.catalogue),
            to.lake,
            to.vault,
            now=latest,
            max_rejected_share=0,
        )
    finally:
        path.unlink(missing_ok=True)


def ledger_mapping(catalogue: Catalogue) -> Mapping:
    """The ledger's own format: the contract's names, available from `occurred_at` on."""
    return replace(
        identity_mapping(catalogue[CONSENTS]),
        name="ledger",
        provider=Provider(name=catalogue[CONSENTS].document.provider.zh),
        available_at=AvailableAt.model_validate({"from": "occurred_at"}),
    )
