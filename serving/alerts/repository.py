"""All SQL about alerts and watch lists."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import LiteralString

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from serving.alerts.rows import (
    Alert,
    CountRow,
    EventRow,
    NewEvent,
    OriginTold,
    OverdueRow,
    WatchRow,
    alert_of,
)
from serving.auth.rows import fetch_all
from serving.db import Connection

_COLUMNS = """
SELECT alert_no, alert_id, institution, uscc, name, signal, dimension, level, state, began_at, level_since, as_of,
       counted, less_runs, less, acknowledge_by, handle_by, repeat_at, outcome, closed_at, has_cleared, reopened,
       repeats, found_on, found_at, model, datasets, needs, evidence, says, since_grant
FROM alert
"""
#: Only one run is taken at a time, whichever worker hears it.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('alerts', 0))"
_LATEST = (
    _COLUMNS
    + """
WHERE alert_no IN (SELECT max(alert_no) FROM alert WHERE uscc = ANY(%(usccs)s) GROUP BY institution, uscc, signal)
ORDER BY alert_no FOR UPDATE
"""
)
_WRITE = """
INSERT INTO alert (alert_id, institution, uscc, name, signal, dimension, level, state, began_at, level_since, as_of,
                   counted, less_runs, less, acknowledge_by, handle_by, repeat_at, outcome, closed_at, has_cleared,
                   reopened, repeats, found_on, found_at, model, datasets, needs, evidence, says, since_grant)
VALUES (%(alert_id)s, %(institution)s, %(uscc)s, %(name)s, %(signal)s, %(dimension)s, %(level)s, %(state)s,
        %(began_at)s, %(level_since)s, %(as_of)s, %(counted)s, %(less_runs)s, %(less)s, %(acknowledge_by)s,
        %(handle_by)s, %(repeat_at)s, %(outcome)s, %(closed_at)s, %(has_cleared)s, %(reopened)s, %(repeats)s,
        %(found_on)s, %(found_at)s, %(model)s, %(datasets)s, %(needs)s, %(evidence)s, %(says)s, %(since_grant)s)
ON CONFLICT (alert_id) DO UPDATE SET
    name = excluded.name, level = excluded.level, state = excluded.state, began_at = excluded.began_at,
    level_since = excluded.level_since, as_of = excluded.as_of, counted = excluded.counted,
    less_runs = excluded.less_runs, less = excluded.less, repeat_at = excluded.repeat_at,
    acknowledge_by = excluded.acknowledge_by, handle_by = excluded.handle_by, outcome = excluded.outcome,
    closed_at = excluded.closed_at, has_cleared = excluded.has_cleared, reopened = excluded.reopened,
    repeats = excluded.repeats, found_on = excluded.found_on, found_at = excluded.found_at, model = excluded.model,
    datasets = excluded.datasets, needs = excluded.needs, evidence = excluded.evidence, says = excluded.says,
    since_grant = excluded.since_grant,
    alarmed_at = CASE WHEN alert.acknowledge_by IS NOT DISTINCT FROM excluded.acknowledge_by
                       AND alert.handle_by IS NOT DISTINCT FROM excluded.handle_by THEN alert.alarmed_at END
"""
_ALERTED = (
    "SELECT DISTINCT institution, uscc FROM alert WHERE closed_at IS NULL OR closed_at > %(since)s"
)
#: A signal that came back, got worse or lost a repaired record is asked about anew.
_ORIGINS_TOLD = """
SELECT institution, uscc, signal, level, datasets FROM alert AS a
WHERE since_grant <> '[]' AND NOT has_cleared AND outcome IS DISTINCT FROM 'repaired'
  AND alert_no = (SELECT max(alert_no) FROM alert AS l
                  WHERE (l.institution, l.uscc, l.signal) = (a.institution, a.uscc, a.signal))
"""
_EVENT = """
INSERT INTO alert_event (alert_id, step, from_state, to_state, level, at, actor, actor_role, said)
VALUES (%(alert_id)s, %(step)s, %(from_state)s, %(to_state)s, %(level)s, %(at)s, %(actor)s, %(actor_role)s, %(said)s)
"""
_EVENTS = """
SELECT step, from_state, to_state, level, at, actor, actor_role, said FROM alert_event
WHERE alert_id = %(alert_id)s ORDER BY event_no
"""
_READ = _COLUMNS + " WHERE alert_id = %(alert_id)s"
_LOCK = _READ + " FOR UPDATE"
_LIST = (
    _COLUMNS
    + """
WHERE institution = %(institution)s AND alert_no < %(before)s
  AND (%(uscc)s = '' OR uscc = %(uscc)s) AND (%(signal)s = '' OR signal = %(signal)s)
  AND (%(level)s = '' OR level = %(level)s)
  AND (%(state)s = '' OR state = %(state)s OR (%(state)s = 'open' AND state <> 'closed'))
ORDER BY alert_no DESC LIMIT %(limit)s
"""
)
_TO_REPEAT = (
    _COLUMNS
    + " WHERE state <> 'closed' AND repeat_at <= %(now)s ORDER BY alert_no LIMIT %(limit)s FOR UPDATE SKIP LOCKED"
)
_FORGOTTEN = (
    _COLUMNS
    + " WHERE state <> 'closed' AND as_of < %(before)s ORDER BY alert_no LIMIT %(limit)s FOR UPDATE SKIP LOCKED"
)
_SETTLED = (
    _COLUMNS
    + """
WHERE state <> 'closed' AND institution <> 'platform' AND NOT EXISTS (
    SELECT 1 FROM loan WHERE loan.uscc = alert.uscc AND loan.status IN ('running', 'overdue')
      AND alert.institution IN (loan.institution, loan.guarantor))
ORDER BY alert_no LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
)
#: A correction or repair that came in by a case, of a dataset the alert rests on, since it was last found.
_REPAIRED = (
    _COLUMNS
    + """
WHERE state <> 'closed' AND (%(usccs)s::text[] IS NULL OR uscc = ANY(%(usccs)s)) AND EXISTS (
    SELECT 1 FROM credit_case c JOIN case_event e USING (case_id)
    WHERE c.uscc = alert.uscc AND c.dataset = ANY(alert.datasets) AND e.step = 'land' AND e.at > alert.found_at)
ORDER BY alert_no LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""
)
_ON_RECORDS = _COLUMNS + (
    " WHERE state <> 'closed' AND datasets && %(datasets)s::text[] ORDER BY alert_no"
)
_OPEN_ONES = _COLUMNS + (
    " WHERE state <> 'closed' AND alert_id = ANY(%(alert_ids)s) ORDER BY alert_no FOR UPDATE SKIP LOCKED"
)
_ALARM = """
WITH late AS (
    UPDATE alert SET alarmed_at = %(now)s
    WHERE state <> 'closed' AND institution <> 'platform' AND alarmed_at IS NULL
      AND least(acknowledge_by, handle_by) < %(now)s
    RETURNING alert_id, least(acknowledge_by, handle_by) AS due_at)
INSERT INTO alarm (kind, actor, raised_at, window_from, count, limit_per_window)
SELECT 'alert_overdue', alert_id, %(now)s, due_at, 1, 0 FROM late
RETURNING alarm_id
"""
_OVERDUE = """
SELECT alert_id, institution, signal, level,
       CASE WHEN acknowledge_by IS NOT NULL THEN 'acknowledge' ELSE 'handle' END AS due,
       coalesce(acknowledge_by, handle_by) AS due_at
FROM alert
WHERE state <> 'closed' AND institution <> 'platform' AND coalesce(acknowledge_by, handle_by) < %(now)s
ORDER BY due_at, alert_no LIMIT %(limit)s
"""
_COUNTS = """
SELECT institution, signal, level, state, outcome, count(*)::integer AS alerts FROM alert
GROUP BY institution, signal, level, state, outcome ORDER BY institution, signal, level, state, outcome
"""
_WATCHED = """
SELECT uscc, a.level, coalesce(a.alerts, 0)::integer AS alerts, w.reason, w.put_at FROM (
    SELECT uscc, CASE WHEN bool_or(level = 'R') THEN 'R' ELSE 'O' END AS level, count(*) AS alerts FROM alert
    WHERE institution = %(institution)s AND state <> 'closed' AND level IN ('O', 'R') GROUP BY uscc) a
FULL JOIN (SELECT uscc, reason, put_at FROM watched_firm WHERE institution = %(institution)s) w USING (uscc)
WHERE uscc > %(after)s ORDER BY uscc LIMIT %(limit)s
"""
_PUT = """
INSERT INTO watched_firm (institution, uscc, reason, put_by, put_at)
VALUES (%(institution)s, %(uscc)s, %(reason)s, %(by)s, %(now)s)
ON CONFLICT (institution, uscc) DO UPDATE SET reason = excluded.reason, put_by = excluded.put_by, put_at = excluded.put_at
"""
_TAKE_OFF = "DELETE FROM watched_firm WHERE institution = %(institution)s AND uscc = %(uscc)s"
_OPENED = """
SELECT uscc, grantee AS institution, consent_id, scopes FROM consent
WHERE uscc = ANY(%(usccs)s) AND grantee = ANY(%(institutions)s) AND purpose = 'postloan' AND status = 'active'
  AND valid_from <= %(today)s AND valid_to >= %(today)s
ORDER BY consent_id
"""


async def wait_for_turn(connection: Connection) -> None:
    """Take runs one after another, until the transaction ends."""
    await connection.execute(_ONE_AT_A_TIME)


async def alerted_pairs(connection: Connection, since: datetime) -> frozenset[tuple[str, str]]:
    """Institutions and enterprises with an alert that is open, or was closed since."""
    found = await connection.execute(_ALERTED, {"since": since})
    return frozenset((str(institution), str(uscc)) for institution, uscc in await found.fetchall())


async def origins_told(connection: Connection) -> list[OriginTold]:
    """Alerts that need not be told again what changed since the grant, while they rest on the same."""
    return await fetch_all(connection, OriginTold, _ORIGINS_TOLD, {})


async def latest_alerts(connection: Connection, usccs: Collection[str]) -> list[Alert]:
    """The newest alert of every institution, enterprise and signal, open or not; locked."""
    return await _fetch(connection, _LATEST, {"usccs": list(usccs)})


async def write_alerts(connection: Connection, rows: Sequence[Alert]) -> None:
    """Write new alerts, and changed ones as they stand now."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_WRITE, [_bound(row) for row in rows])


def _bound(row: Alert) -> Mapping[str, object]:
    held = {name: Jsonb(getattr(row, name)) for name in ("evidence", "says", "since_grant")}
    return {**row.columns, **held}


async def write_events(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Append what was done."""
    async with connection.cursor() as cursor:
        bound = [{**asdict(event), "said": Jsonb(event.said)} for event in events]
        await cursor.executemany(_EVENT, bound)


async def read_events(connection: Connection, alert_id: str) -> list[EventRow]:
    """What was done about an alert, oldest first."""
    return await fetch_all(connection, EventRow, _EVENTS, {"alert_id": alert_id})


async def read_alert(connection: Connection, alert_id: str, *, lock: bool) -> Alert | None:
    """One alert; locked until the transaction ends if it is to move."""
    query = _LOCK if lock else _READ
    found = await _fetch(connection, query, {"alert_id": alert_id})
    return found[0] if found else None


async def list_alerts(
    connection: Connection,
    institution: str,
    *,
    uscc: str,
    signal: str,
    level: str,
    state: str,
    before: int,
    limit: int,
) -> list[Alert]:
    """An institution's alerts, the newest first; an empty filter is any, state `open` any but closed."""
    asked = {"institution": institution, "uscc": uscc, "signal": signal, "level": level}
    more = {"state": state, "before": before, "limit": limit}
    return await _fetch(connection, _LIST, {**asked, **more})


async def alerts_to_repeat(connection: Connection, now: datetime, limit: int) -> list[Alert]:
    """Open alerts that are due to be sent again, locked."""
    return await _fetch(connection, _TO_REPEAT, {"now": now, "limit": limit})


async def forgotten_alerts(connection: Connection, before: datetime, limit: int) -> list[Alert]:
    """Open alerts of which no run has known anything since a day, locked."""
    asked = {"before": before.date(), "limit": limit}
    return await _fetch(connection, _FORGOTTEN, asked)


async def settled_alerts(connection: Connection, limit: int) -> list[Alert]:
    """Open alerts whose institution has no running loan of the firm any more, nor stands for one; locked."""
    return await _fetch(connection, _SETTLED, {"limit": limit})


async def repaired_alerts(
    connection: Connection, usccs: Collection[str] | None = None, *, limit: int | None = None
) -> list[Alert]:
    """Open alerts with a record behind them that a case has corrected or repaired since; locked."""
    asked = {"usccs": None if usccs is None else list(usccs), "limit": limit}
    return await _fetch(connection, _REPAIRED, asked)


async def alerts_resting_on(connection: Connection, datasets: Collection[str]) -> list[Alert]:
    """Open alerts that rest on any of these datasets."""
    return await _fetch(connection, _ON_RECORDS, {"datasets": list(datasets)})


async def hold_open(connection: Connection, alert_ids: Sequence[str]) -> list[Alert]:
    """Those of some alerts that are open and nobody else is at, locked."""
    return await _fetch(connection, _OPEN_ONES, {"alert_ids": list(alert_ids)})


async def alarm_overdue(connection: Connection, now: datetime) -> int:
    """Raise one alarm for every alert that became overdue."""
    return len(await (await connection.execute(_ALARM, {"now": now})).fetchall())


async def overdue_alerts(connection: Connection, now: datetime, limit: int) -> list[OverdueRow]:
    """Alerts that should have been acknowledged or handled by now, the longest overdue first."""
    return await fetch_all(connection, OverdueRow, _OVERDUE, {"now": now, "limit": limit})


async def count_alerts(connection: Connection) -> list[CountRow]:
    """How many there are of each kind."""
    return await fetch_all(connection, CountRow, _COUNTS, {})


async def watch_list(
    connection: Connection, institution: str, *, after: str, limit: int
) -> list[WatchRow]:
    """Firms with an open orange or red alert, or put there, in the order of their codes."""
    asked = {"institution": institution, "after": after, "limit": limit}
    return await fetch_all(connection, WatchRow, _WATCHED, asked)


async def put_on_watch_list(
    connection: Connection, institution: str, uscc: str, *, reason: str, by: str, now: datetime
) -> None:
    """Put a firm on the list, or give another reason for its being there."""
    given = {"institution": institution, "uscc": uscc, "reason": reason, "by": by, "now": now}
    await connection.execute(_PUT, given)


async def take_off_watch_list(connection: Connection, institution: str, uscc: str) -> bool:
    """Take a firm off that was put there; False if it was not."""
    given = {"institution": institution, "uscc": uscc}
    return (await connection.execute(_TAKE_OFF, given)).rowcount > 0


async def opened_scopes(
    connection: Connection, usccs: Collection[str], institutions: Collection[str], now: datetime
) -> Mapping[tuple[str, str], tuple[frozenset[str], tuple[str, ...]]]:
    """What each firm opens to each institution for watching its loan: scopes, and by which consents."""
    given = {"usccs": list(usccs), "institutions": list(institutions), "today": now.date()}
    found = await (await connection.execute(_OPENED, given)).fetchall()
    opened: dict[tuple[str, str], tuple[frozenset[str], tuple[str, ...]]] = {}
    for uscc, institution, consent_id, scopes in found:
        known, ids = opened.get((institution, uscc), (frozenset[str](), ()))
        opened[institution, uscc] = (known | frozenset(scopes), (*ids, consent_id))
    return opened


async def _fetch(
    connection: Connection, query: LiteralString, given: Mapping[str, object]
) -> list[Alert]:
    async with connection.cursor(row_factory=kwargs_row(alert_of)) as cursor:
        return await (await cursor.execute(query, given)).fetchall()
