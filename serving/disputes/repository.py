"""All SQL about cases: filing, steps, duties."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from psycopg.rows import class_row

from serving.db import Connection
from serving.disputes.clocks import Duty, Kind
from serving.disputes.machine import Actor, Standing
from serving.disputes.rows import CaseRow, DutyRow, EventRow, NewCase, OpenDutyRow, OverdueRow
from serving.disputes.workdays import Due

_INSERT = """
INSERT INTO credit_case (case_id, kind, uscc, dataset, record_key, rating_id, about, text, application_no,
                         state, state_since, filed_by, filed_at)
VALUES (%(case_id)s, %(kind)s, %(uscc)s, %(dataset)s, %(record_key)s, %(rating_id)s, %(about)s, %(text)s,
        %(application_no)s, %(state)s, %(now)s, %(filed_by)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING case_id
"""
_OPEN = """
SELECT case_id FROM credit_case
WHERE kind = %(kind)s AND uscc = %(uscc)s AND dataset = %(dataset)s AND record_key = %(record_key)s
  AND rating_id = %(rating_id)s AND state NOT IN ('closed', 'withdrawn')
"""
_READ = """
SELECT case_no, case_id, kind, uscc, dataset, record_key, rating_id, about, text, appeal_text, application_no,
       state, state_since, round, assigned_to, deciders, outcome, answer_zh, filed_by, filed_at
FROM credit_case WHERE case_id = %(case_id)s AND kind = %(kind)s
"""
_LOCK = _READ + " FOR UPDATE"
_LIST = """
SELECT case_no, case_id, kind, uscc, dataset, record_key, rating_id, about, text, appeal_text, application_no,
       state, state_since, round, assigned_to, deciders, outcome, answer_zh, filed_by, filed_at
FROM credit_case
WHERE kind = %(kind)s AND (%(uscc)s = '' OR uscc = %(uscc)s) AND (%(state)s = '' OR state = %(state)s)
  AND case_no < %(before)s
ORDER BY case_no DESC LIMIT %(limit)s
"""
_MOVE = """
UPDATE credit_case SET state = %(state)s, state_since = %(since)s, round = %(round)s,
    assigned_to = %(assigned_to)s, deciders = %(deciders)s, outcome = %(outcome)s,
    answer_zh = coalesce(%(answer_zh)s, answer_zh), appeal_text = coalesce(%(appeal_text)s, appeal_text)
WHERE case_id = %(case_id)s
"""
_EVENT = """
INSERT INTO case_event (case_id, step, from_state, to_state, at, actor, actor_role, said)
VALUES (%(case_id)s, %(step)s, %(from_state)s, %(to_state)s, %(at)s, %(actor)s, %(role)s, %(said)s)
"""
_EVENTS = """
SELECT step, from_state, to_state, at, actor, actor_role, said FROM case_event
WHERE case_id = %(case_id)s ORDER BY event_no
"""
_DUTY = """
INSERT INTO case_duty (case_id, duty, opened_at, due_at, is_provisional)
VALUES (%(case_id)s, %(duty)s, %(opened_at)s, %(due_at)s, %(is_provisional)s)
"""
_DUTIES = """
SELECT duty_no, case_id, duty, opened_at, due_at, is_provisional, ended_at, is_done, rating_id
FROM case_duty WHERE case_id = %(case_id)s ORDER BY duty_no
"""
_DO = """
UPDATE case_duty SET ended_at = %(now)s, is_done = true, rating_id = coalesce(%(rating_id)s, rating_id)
WHERE case_id = %(case_id)s AND duty = ANY(%(duties)s) AND ended_at IS NULL
"""
_DROP = "UPDATE case_duty SET ended_at = %(now)s WHERE case_id = %(case_id)s AND ended_at IS NULL"
_OVERDUE = """
SELECT d.case_id, c.kind, d.duty, d.due_at, c.assigned_to FROM case_duty d JOIN credit_case c USING (case_id)
WHERE d.ended_at IS NULL AND d.due_at < %(now)s ORDER BY d.due_at, d.duty_no LIMIT %(limit)s
"""
_OPEN_DUTIES = """
SELECT d.duty_no, d.case_id, c.kind, c.uscc, c.about, c.rating_id, d.duty, d.opened_at, d.due_at, d.is_provisional
FROM case_duty d JOIN credit_case c USING (case_id)
WHERE d.ended_at IS NULL AND d.duty = ANY(%(duties)s) ORDER BY d.due_at, d.duty_no
"""
_SETTLE = """
UPDATE case_duty SET due_at = %(due_at)s, is_provisional = %(is_provisional)s
WHERE duty_no = %(duty_no)s AND ended_at IS NULL
"""
_ALARM = """
WITH late AS (
    UPDATE case_duty SET alarmed_at = %(now)s
    WHERE ended_at IS NULL AND due_at < %(now)s AND alarmed_at IS NULL
    RETURNING case_id, due_at)
INSERT INTO alarm (kind, actor, raised_at, window_from, count, limit_per_window)
SELECT 'duty_overdue', case_id, %(now)s, due_at, 1, 0 FROM late
RETURNING alarm_id
"""
_ANSWERED = """
SELECT case_no, case_id, kind, uscc, dataset, record_key, rating_id, about, text, appeal_text, application_no,
       state, state_since, round, assigned_to, deciders, outcome, answer_zh, filed_by, filed_at
FROM credit_case WHERE state = %(state)s ORDER BY case_no FOR UPDATE SKIP LOCKED
"""
_OPERATOR = """
SELECT 1 FROM membership WHERE person_id = %(person)s AND role = 'operator' AND ended_at IS NULL
"""


async def insert_case(
    connection: Connection, case: NewCase, state: str, filed_by: str, now: datetime
) -> bool:
    """File it; False if an open case is about the same thing."""
    given = {**asdict(case), "state": state, "filed_by": filed_by, "now": now}
    return await (await connection.execute(_INSERT, given)).fetchone() is not None


async def open_case_about(connection: Connection, case: NewCase) -> str:
    """Id of the open case about the same thing, or nothing."""
    found = await (await connection.execute(_OPEN, asdict(case))).fetchone()
    return str(found[0]) if found else ""


async def read_case(
    connection: Connection, kind: Kind, case_id: str, *, lock: bool = False
) -> CaseRow | None:
    """One case of this kind; locked until the transaction ends if it is to move."""
    async with connection.cursor(row_factory=class_row(CaseRow)) as cursor:
        query = _LOCK if lock else _READ
        return await (await cursor.execute(query, {"kind": kind, "case_id": case_id})).fetchone()


async def list_cases(
    connection: Connection, kind: Kind, *, uscc: str, state: str, before: int, limit: int
) -> list[CaseRow]:
    """The newest first; an empty `uscc` or `state` is any."""
    asked = {"kind": kind, "uscc": uscc, "state": state, "before": before, "limit": limit}
    async with connection.cursor(row_factory=class_row(CaseRow)) as cursor:
        return await (await cursor.execute(_LIST, asked)).fetchall()


async def cases_in(connection: Connection, state: str) -> list[CaseRow]:
    """All cases in a state, locked; those another transaction works on are left to it."""
    async with connection.cursor(row_factory=class_row(CaseRow)) as cursor:
        return await (await cursor.execute(_ANSWERED, {"state": state})).fetchall()


async def move_case(
    connection: Connection,
    case_id: str,
    to: Standing,
    *,
    outcome: str,
    answer_zh: str | None,
    appeal_text: str | None,
) -> None:
    """Write where the case stands now."""
    await connection.execute(
        _MOVE,
        {
            "case_id": case_id,
            "state": to.state,
            "since": to.since,
            "round": to.round,
            "assigned_to": to.assigned_to,
            "deciders": sorted(to.deciders),
            "outcome": outcome,
            "answer_zh": answer_zh,
            "appeal_text": appeal_text,
        },
    )


async def insert_event(
    connection: Connection,
    case_id: str,
    step: str,
    states: tuple[str, str],
    at: datetime,
    actor: Actor,
    said: Mapping[str, str],
) -> None:
    """Append the step that was taken, `states` being from and to."""
    given = {"case_id": case_id, "step": step, "from_state": states[0], "to_state": states[1]}
    text = json.dumps(dict(said), ensure_ascii=False)
    await connection.execute(
        _EVENT, {**given, "at": at, "actor": actor.id, "role": actor.by, "said": text}
    )


async def read_events(connection: Connection, case_id: str) -> list[EventRow]:
    """What was done, oldest first."""
    async with connection.cursor(row_factory=class_row(EventRow)) as cursor:
        return await (await cursor.execute(_EVENTS, {"case_id": case_id})).fetchall()


async def open_duties(connection: Connection, case_id: str, duties: Sequence[Duty]) -> None:
    """Start the clocks of these duties."""
    for duty in duties:
        await connection.execute(
            _DUTY,
            {
                "case_id": case_id,
                "duty": duty.name,
                "opened_at": duty.opened_at,
                "due_at": duty.due.at,
                "is_provisional": duty.due.is_provisional,
            },
        )


async def read_duties(connection: Connection, case_id: str) -> list[DutyRow]:
    """All duties of a case, also those that ended."""
    async with connection.cursor(row_factory=class_row(DutyRow)) as cursor:
        return await (await cursor.execute(_DUTIES, {"case_id": case_id})).fetchall()


async def do_duties(
    connection: Connection,
    case_id: str,
    duties: Sequence[str],
    now: datetime,
    rating_id: str | None = None,
) -> None:
    """Note that these duties are done, with the new rating where that is what was due."""
    given = {"case_id": case_id, "duties": list(duties), "now": now, "rating_id": rating_id}
    await connection.execute(_DO, given)


async def drop_duties(connection: Connection, case_id: str, now: datetime) -> None:
    """End what is open: the case is over."""
    await connection.execute(_DROP, {"case_id": case_id, "now": now})


async def overdue_duties(connection: Connection, now: datetime, limit: int) -> list[OverdueRow]:
    """What should have been done by now, the longest overdue first."""
    async with connection.cursor(row_factory=class_row(OverdueRow)) as cursor:
        return await (await cursor.execute(_OVERDUE, {"now": now, "limit": limit})).fetchall()


async def duties_open(connection: Connection, duties: Sequence[str]) -> list[OpenDutyRow]:
    """Open duties of these names, the next due first."""
    async with connection.cursor(row_factory=class_row(OpenDutyRow)) as cursor:
        return await (await cursor.execute(_OPEN_DUTIES, {"duties": list(duties)})).fetchall()


async def settle_duty(connection: Connection, duty_no: int, due: Due) -> None:
    """Write a deadline that is counted anew."""
    given = {"duty_no": duty_no, "due_at": due.at, "is_provisional": due.is_provisional}
    await connection.execute(_SETTLE, given)


async def alarm_overdue(connection: Connection, now: datetime) -> int:
    """Raise one alarm for every duty that has become overdue."""
    return len(await (await connection.execute(_ALARM, {"now": now})).fetchall())


async def is_operator(connection: Connection, person: str) -> bool:
    """Whether this person works for the platform now."""
    return await (await connection.execute(_OPERATOR, {"person": person})).fetchone() is not None
