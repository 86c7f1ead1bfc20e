"""What goes on without anybody asking: landing repairs, noticing corrections, re-rating, closing, alarms.

Each task is safe to run again after a kill at any point: the ledger says what is left to do, and the
lake drops a notice it has.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from features.contracts import Catalogue
from features.errors import RejectedBatchError
from features.lake import Lake
from features.mapping import identity_mapping
from features.pull.spool import Row, land_rows
from features.snapshot import REPAIRS
from features.vault import Vault
from serving.audit.record import Entry, write_entry
from serving.db import Connection, Database
from serving.disputes import beside, repository
from serving.disputes.clocks import due_of, load_clocks
from serving.disputes.machine import appeal_until, next_steps
from serving.disputes.records import is_changed_since, record_of
from serving.disputes.rows import CaseRow, NoticeRow, OpenDutyRow
from serving.disputes.service import SYSTEM, find_case, take_step


@dataclass(frozen=True)
class Desk:
    """What the tasks work with."""

    database: Database
    lake: Lake
    vault: Vault
    catalogue: Catalogue


async def tend_cases(desk: Desk, now: datetime) -> dict[str, int]:
    """Everything that is due now; how much of each was done.

    Rating is not among it: the rooms that rate ask `rerate_due` and tell `rated`.
    """
    return {
        "alarms": await raise_alarms(desk, now),
        "closed": await close_answered(desk, now),
        "deadlines_settled": await settle_deadlines(desk),
        "corrections_noticed": await notice_corrections(desk, now),
        "repairs_landed": await land_repairs(desk, now),
    }


async def land_repairs(desk: Desk, now: datetime) -> int:
    """Bring decided repairs into the lake by the ordinary ingest, then let them take effect.

    From the landing on no look but a replay shows the record. A kill before the ledger knows of it
    leaves the notice to be landed again, and the lake drops what it has.

    Raises
    ------
    XinqiaoError
        If the lake cannot be written or refuses a notice; then the ledger still has it, and the other
        notices have landed.
    """
    async with desk.database.transaction() as connection:
        notices = await beside.unlanded_notices(connection)
    refused: RejectedBatchError | None = None
    for notice in notices:
        try:
            await asyncio.to_thread(_land, desk, notice, now)
        except RejectedBatchError as one:
            refused = one
            continue
        async with desk.database.transaction() as connection:
            case = await find_case(connection, "repair", notice.case_id, lock=True)
            if case.state == "granted":
                await beside.notice_landed(connection, notice.case_id, now)
                await _step(desk, connection, case, "land", now)
    if refused is not None:
        raise refused
    return len(notices)


def _land(desk: Desk, notice: NoticeRow, now: datetime) -> None:
    row: Row = {
        "uscc": notice.uscc,
        "dataset": notice.dataset,
        "record_no": notice.record_no,
        "repaired_at": notice.repaired_at.isoformat(sep=" "),
        "decided_by": notice.decided_by,
        "certificate_no": notice.certificate_no,
    }
    mapping = identity_mapping(desk.catalogue[REPAIRS])
    land_rows(
        [row],
        mapping,
        desk.lake,
        desk.vault,
        now=now,
        name=f"repair-{notice.case_id}",
        max_rejected_share=0,
    )


async def notice_corrections(desk: Desk, now: datetime) -> int:
    """Let disputes go on whose corrected record, or its repair, has come into the lake since they were filed.

    To be called after every landing, or regularly.
    """
    async with desk.database.transaction() as connection:
        waiting = await repository.duties_open(connection, ["bring_correction"])
    landed = 0
    for duty in waiting:
        async with desk.database.transaction() as connection:
            case = await find_case(connection, "dispute", duty.case_id, lock=True)
            if case.state == "corrected" and await _is_corrected(desk, connection, case):
                await _step(desk, connection, case, "land", now)
                landed += 1
    return landed


async def _is_corrected(desk: Desk, connection: Connection, case: CaseRow) -> bool:
    duties = await repository.read_duties(connection, case.case_id)
    since = max(duty.opened_at for duty in duties if duty.duty == "answer")
    record = record_of(case.dataset, case.record_key)

    def look() -> bool:
        return is_changed_since(desk.lake.view(), desk.catalogue, case.uscc, record, since)

    return await asyncio.to_thread(look)


async def rerate_due(connection: Connection) -> list[OpenDutyRow]:
    """Firms that must be rated again, the next due first, each with the case it is for."""
    return await repository.duties_open(connection, ["re_rate"])


async def rated(
    desk: Desk, connection: Connection, duty: OpenDutyRow, rating_id: str | None, now: datetime
) -> bool:
    """Note that a firm was rated again; to be called in the transaction that writes the rating.

    Parameters
    ----------
    rating_id : str or None
        The new rating; None where the firm cannot be rated any more, which also does the duty.

    Returns
    -------
    bool
        False if another worker had told it before; then nothing is changed.
    """
    case = await find_case(connection, duty.kind, duty.case_id, lock=True)
    if "rated" not in next_steps(case.kind, case.state, "system"):
        return False
    await _step(desk, connection, case, "rated", now, rating_id=rating_id)
    return True


async def close_answered(desk: Desk, now: datetime) -> int:
    """Close cases whose answer can no longer be appealed against."""
    closed = 0
    async with desk.database.transaction() as connection:
        for case in await repository.cases_in(connection, "answered"):
            if case.round == 1 and now < appeal_until(case.state_since):
                continue
            await _step(desk, connection, case, "close", now)
            closed += 1
    return closed


async def settle_deadlines(desk: Desk) -> int:
    """Count open deadlines anew that were counted before the holidays were arranged."""
    settled = 0
    async with desk.database.transaction() as connection:
        for duty in await repository.duties_open(connection, list(load_clocks().duties)):
            if not duty.is_provisional:
                continue
            due = due_of(duty.duty, at=duty.opened_at, region=duty.uscc[2:8], about=duty.about)
            if not due.is_provisional:
                await repository.settle_duty(connection, duty.duty_no, due)
                settled += 1
    return settled


async def raise_alarms(desk: Desk, now: datetime) -> int:
    """Raise one alarm for every duty that became overdue."""
    async with desk.database.transaction() as connection:
        return await repository.alarm_overdue(connection, now)


async def _step(
    desk: Desk,
    connection: Connection,
    case: CaseRow,
    step: str,
    now: datetime,
    *,
    rating_id: str | None = None,
) -> None:
    """A step of nobody's, with its row in the record."""
    to = await take_step(connection, case, step, SYSTEM, {}, now, rating_id=rating_id)
    await write_entry(
        connection,
        Entry(
            at=now,
            request_id=f"task-{case.case_id}",
            actor_kind="system",
            actor="disputes",
            role="system",
            tenant=None,
            action=f"{case.kind}:change:granted",
            subject=desk.vault.token("audit_subject", case.uscc),
            purpose=None,
            consents=(),
            fields=(),
            result="granted",
            detail={"case_id": case.case_id, "step": step, "state": to.state},
        ),
    )
