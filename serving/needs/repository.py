"""All SQL about needs and applications."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import LiteralString

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from serving.auth.rows import fetch_all, fetch_one
from serving.db import Connection
from serving.needs.rows import (
    Application,
    DutyRow,
    EventRow,
    ExposureRow,
    Need,
    NewEvent,
    OutcomeRow,
    Shown,
    application_of,
)

#: What is written of a need leaves a line for the export.
_ADD_NEED = """
WITH made AS (
    INSERT INTO financing_need (need_id, uscc, institution, amount_fen, term_months, purpose, statements, source,
                                made_by, made_at)
    VALUES (%(need_id)s, %(uscc)s, %(institution)s, %(amount_fen)s, %(term_months)s, %(purpose)s, %(statements)s,
            %(source)s, %(made_by)s, %(made_at)s)
    RETURNING need_id)
INSERT INTO need_change (need_id) SELECT need_id FROM made
"""
_NEED = """
SELECT need_no, need_id, uscc, institution, amount_fen, term_months, purpose, statements, source, made_by, made_at
FROM financing_need
"""
_FIND_NEED = _NEED + " WHERE need_id = %(need_id)s"
_NEEDS = _NEED + " WHERE need_id = ANY(%(need_ids)s)"
_LIST_NEEDS = (
    _NEED
    + """
WHERE need_no < %(before)s AND (%(uscc)s = '' OR uscc = %(uscc)s)
  AND (%(institution)s = '' OR institution = %(institution)s)
ORDER BY need_no DESC LIMIT %(limit)s
"""
)
_SHOWN = """
SELECT eligible, valid_until FROM match
WHERE match_id = %(match_id)s AND uscc = %(uscc)s AND institution = ''
"""
#: The letter of the firm's own latest rating; empty without one.
_GRADE = """
SELECT coalesce((SELECT grade FROM rating WHERE uscc = %(uscc)s AND scope = 'self' ORDER BY rating_no DESC LIMIT 1), '')
"""
_COLUMNS = """
SELECT application_no, application_id, need_id, match_id, uscc, institution, product, family, grade, state, since,
       expires_at, contact_by, decide_by, revisit_by, applied_by, applied_at, reason, amount_fen, rate_percent,
       term_months, loan_id, revisit_outcome, satisfaction
FROM application
"""
#: Who applies twice at once gets the one application.
_ADD = """
INSERT INTO application (application_id, need_id, match_id, uscc, institution, product, family, grade, state, since,
                         expires_at, contact_by, decide_by, revisit_by, applied_by, applied_at)
VALUES (%(application_id)s, %(need_id)s, %(match_id)s, %(uscc)s, %(institution)s, %(product)s, %(family)s, %(grade)s,
        %(state)s, %(since)s, %(expires_at)s, %(contact_by)s, %(decide_by)s, %(revisit_by)s, %(applied_by)s,
        %(applied_at)s)
ON CONFLICT (uscc, product) WHERE decide_by IS NOT NULL DO NOTHING
"""
_OPEN_ONE = _COLUMNS + " WHERE uscc = %(uscc)s AND product = %(product)s AND decide_by IS NOT NULL"
_MOVE = """
UPDATE application SET state = %(state)s, since = %(since)s, expires_at = %(expires_at)s, contact_by = %(contact_by)s,
    decide_by = %(decide_by)s, revisit_by = %(revisit_by)s, reason = %(reason)s, amount_fen = %(amount_fen)s,
    rate_percent = %(rate_percent)s, term_months = %(term_months)s, loan_id = %(loan_id)s,
    revisit_outcome = %(revisit_outcome)s, satisfaction = %(satisfaction)s,
    alarmed_at = CASE WHEN (contact_by, decide_by, revisit_by) IS NOT DISTINCT FROM
                           (%(contact_by)s, %(decide_by)s, %(revisit_by)s) THEN alarmed_at END
WHERE application_id = %(application_id)s
"""
_READ = _COLUMNS + " WHERE application_id = %(application_id)s"
_LOCK = _READ + " FOR UPDATE"
_LIST = (
    _COLUMNS
    + """
WHERE application_no < %(before)s AND (%(uscc)s = '' OR uscc = %(uscc)s)
  AND (%(institution)s = '' OR institution = %(institution)s)
  AND (%(state)s = '' OR state = %(state)s OR (%(state)s = 'open' AND decide_by IS NOT NULL)
       OR (%(state)s = 'revisit' AND revisit_by IS NOT NULL))
ORDER BY application_no DESC LIMIT %(limit)s
"""
)
_EXPIRED = (
    _COLUMNS
    + """
WHERE decide_by IS NOT NULL AND expires_at <= %(now)s ORDER BY application_no LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
)
_EVENT = """
WITH made AS (
    INSERT INTO application_event (application_id, step, to_state, at, actor, actor_role, said)
    VALUES (%(application_id)s, %(step)s, %(to_state)s, %(at)s, %(actor)s, %(actor_role)s, %(said)s)
    RETURNING application_id)
INSERT INTO need_change (need_id) SELECT need_id FROM application JOIN made USING (application_id)
"""
_EVENTS = """
SELECT step, to_state, at, actor_role, said FROM application_event
WHERE application_id = %(application_id)s ORDER BY event_no
"""
_LATE = (
    _COLUMNS
    + """
WHERE least(contact_by, decide_by, revisit_by) < %(now)s AND alarmed_at IS NULL
ORDER BY uscc, application_no LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
)
_ALARM = """
WITH late AS (
    UPDATE application SET alarmed_at = %(now)s WHERE application_id = ANY(%(application_ids)s)
    RETURNING application_id, institution, least(contact_by, decide_by, revisit_by) AS due_at)
INSERT INTO alarm (kind, actor, tenant, raised_at, window_from, count, limit_per_window)
SELECT 'application_overdue', application_id, institution, %(now)s, due_at, 1, 0 FROM late
"""
_DUTIES = """
SELECT application_id, institution, product, state,
       CASE WHEN revisit_by IS NOT NULL THEN 'revisit' WHEN contact_by < %(now)s THEN 'contact' ELSE 'decide' END AS due,
       least(contact_by, decide_by, revisit_by) AS due_at,
       least(contact_by, decide_by, revisit_by) < %(now)s AS is_overdue
FROM application
WHERE least(contact_by, decide_by, revisit_by) < %(now)s OR revisit_by IS NOT NULL
ORDER BY due_at, application_no LIMIT %(limit)s
"""
#: Scopes that a firm opens to each institution for its applications now.
_OPENED = """
SELECT grantee, array_agg(DISTINCT scope) AS scopes FROM consent, unnest(scopes) AS scope
WHERE uscc = %(uscc)s AND grantee = ANY(%(institutions)s) AND purpose = 'apply' AND status = 'active'
  AND valid_from <= %(today)s AND valid_to >= %(today)s
GROUP BY grantee
"""
_OPENED_BY = """
SELECT uscc, array_agg(DISTINCT scope) AS scopes FROM consent, unnest(scopes) AS scope
WHERE grantee = %(institution)s AND uscc = ANY(%(usccs)s) AND purpose = 'apply' AND status = 'active'
  AND valid_from <= %(today)s AND valid_to >= %(today)s
GROUP BY uscc
"""
_LOAN_FIRM = (
    "SELECT uscc FROM loan WHERE institution = %(institution)s AND loan_id = %(loan_id)s LIMIT 1"
)
_OUTCOMES = """
SELECT product, min(family) AS family, grade, count(*)::integer AS answered,
       (count(*) FILTER (WHERE state = 'granted'))::integer AS granted
FROM application WHERE state IN ('granted', 'declined') GROUP BY product, grade ORDER BY product, grade
"""
#: A firm that looks at its match again on the same day has seen its products once.
_EXPOSURES = """
SELECT shown.product, count(*)::integer AS shown,
       (count(*) FILTER (WHERE EXISTS (
           SELECT 1 FROM application a WHERE a.uscc = shown.uscc AND a.product = shown.product
             AND a.applied_at::date BETWEEN shown.on_day AND shown.on_day + %(days)s)))::integer AS applied
FROM (SELECT DISTINCT m.uscc, m.made_at::date AS on_day, listed.product
      FROM match m, unnest(m.eligible) WITH ORDINALITY AS listed (product, place)
      WHERE m.institution = '' AND listed.place <= %(places)s) shown
GROUP BY shown.product ORDER BY shown.product
"""


async def add_need(connection: Connection, need: Need) -> None:
    """Write a need."""
    bound = asdict(need) | {"statements": Jsonb(need.statements)}
    await connection.execute(_ADD_NEED, bound)


async def find_need(connection: Connection, need_id: str) -> Need | None:
    """A need by its id."""
    return await fetch_one(connection, Need, _FIND_NEED, {"need_id": need_id})


async def read_needs(connection: Connection, need_ids: Collection[str]) -> Mapping[str, Need]:
    """Some needs, by id."""
    found = await fetch_all(connection, Need, _NEEDS, {"need_ids": sorted(set(need_ids))})
    return {need.need_id: need for need in found}


async def list_needs(
    connection: Connection, *, uscc: str, institution: str, before: int, limit: int
) -> list[Need]:
    """A firm's needs, or those an institution's officers took down; the newest first."""
    asked = {"uscc": uscc, "institution": institution, "before": before, "limit": limit}
    return await fetch_all(connection, Need, _LIST_NEEDS, asked)


async def shown_in(connection: Connection, match_id: str, uscc: str) -> Shown | None:
    """What a firm's own match showed it."""
    return await fetch_one(connection, Shown, _SHOWN, {"match_id": match_id, "uscc": uscc})


async def own_grade(connection: Connection, uscc: str) -> str:
    """Letter of the latest rating a firm asked for itself; empty without one."""
    row = await (await connection.execute(_GRADE, {"uscc": uscc})).fetchone()
    return str(row[0]) if row else ""


async def add_application(connection: Connection, application: Application) -> bool:
    """Write a new application; False if the firm has an open one for the product."""
    return (await connection.execute(_ADD, application.columns)).rowcount > 0


async def open_application(connection: Connection, uscc: str, product: str) -> Application | None:
    """The open application of a firm for a product."""
    found = await _fetch(connection, _OPEN_ONE, {"uscc": uscc, "product": product})
    return found[0] if found else None


async def move_application(connection: Connection, application: Application) -> None:
    """Write an application as it stands now."""
    await connection.execute(_MOVE, application.columns)


async def read_application(
    connection: Connection, application_id: str, *, lock: bool
) -> Application | None:
    """One application; locked until the transaction ends if it is to move."""
    query = _LOCK if lock else _READ
    found = await _fetch(connection, query, {"application_id": application_id})
    return found[0] if found else None


async def list_applications(
    connection: Connection, *, uscc: str, institution: str, state: str, before: int, limit: int
) -> list[Application]:
    """A firm's or an institution's applications, the newest first; an empty filter is any."""
    asked = {"uscc": uscc, "institution": institution, "state": state}
    return await _fetch(connection, _LIST, {**asked, "before": before, "limit": limit})


async def expired_applications(
    connection: Connection, now: datetime, limit: int
) -> list[Application]:
    """Open applications whose time is over, locked."""
    return await _fetch(connection, _EXPIRED, {"now": now, "limit": limit})


async def late_applications(connection: Connection, now: datetime, limit: int) -> list[Application]:
    """Applications that have become overdue and nobody was told of, locked; in the order of their firms."""
    return await _fetch(connection, _LATE, {"now": now, "limit": limit})


async def alarm_late(connection: Connection, application_ids: Sequence[str], now: datetime) -> None:
    """Raise one alarm for each of some late applications."""
    given = {"application_ids": list(application_ids), "now": now}
    await connection.execute(_ALARM, given)


async def read_duties(connection: Connection, now: datetime, limit: int) -> list[DutyRow]:
    """Answers that lenders are late with and revisits to make, what was due first before the rest."""
    return await fetch_all(connection, DutyRow, _DUTIES, {"now": now, "limit": limit})


async def add_event(connection: Connection, event: NewEvent) -> None:
    """Append what was done."""
    await connection.execute(_EVENT, {**asdict(event), "said": Jsonb(event.said)})


async def read_events(connection: Connection, application_id: str) -> list[EventRow]:
    """What was done about an application, oldest first."""
    return await fetch_all(connection, EventRow, _EVENTS, {"application_id": application_id})


async def opened_to(
    connection: Connection, uscc: str, institutions: Collection[str], today: date
) -> Mapping[str, frozenset[str]]:
    """Scopes a firm opens to each of some institutions for its applications."""
    given = {"uscc": uscc, "institutions": sorted(set(institutions)), "today": today}
    found = await (await connection.execute(_OPENED, given)).fetchall()
    return {str(grantee): frozenset(scopes) for grantee, scopes in found}


async def opened_by(
    connection: Connection, usccs: Collection[str], institution: str, today: date
) -> Mapping[str, frozenset[str]]:
    """Scopes that each of some firms opens to an institution for its applications."""
    given = {"usccs": sorted(set(usccs)), "institution": institution, "today": today}
    found = await (await connection.execute(_OPENED_BY, given)).fetchall()
    return {str(uscc): frozenset(scopes) for uscc, scopes in found}


async def firm_of_loan(connection: Connection, institution: str, loan_id: str) -> str | None:
    """Whose a loan is that an institution reported; None if it reported no such loan."""
    given = {"institution": institution, "loan_id": loan_id}
    row = await (await connection.execute(_LOAN_FIRM, given)).fetchone()
    return None if row is None else str(row[0])


async def count_outcomes(connection: Connection) -> list[OutcomeRow]:
    """Answers by product and letter."""
    return await fetch_all(connection, OutcomeRow, _OUTCOMES, {})


async def count_exposures(connection: Connection, places: int, days: int) -> list[ExposureRow]:
    """How often products were seen, and applied for within some days."""
    return await fetch_all(connection, ExposureRow, _EXPOSURES, {"places": places, "days": days})


async def _fetch(
    connection: Connection, query: LiteralString, given: Mapping[str, object]
) -> list[Application]:
    async with connection.cursor(row_factory=kwargs_row(application_of)) as cursor:
        return await (await cursor.execute(query, given)).fetchall()
