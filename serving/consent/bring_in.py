"""Consents that the lake knew first (a simulated city, another platform) come into the ledger.

The lake's rule makes the state: the latest event of a consent counts, of events at one instant the most
restrictive. What is there already stays; what came since is added, and the consents it touches are
reckoned again.
"""

from dataclasses import dataclass
from datetime import datetime

from features.contracts import Catalogue
from features.lake import LakeView
from features.snapshot import consent_events_by
from serving.audit.record import Entry, write_entry
from serving.consent import repository
from serving.consent.export import IMPORTED
from serving.database.copying import copy_rows
from serving.db import Connection

#: Ids of our own events are made from the consent's and must fit the contract.
ID_LENGTH = 58
_LEDGER_FIELDS = (
    "uscc, event_id, consent_id, event, occurred_at, grantee, purpose, scopes, valid_from, valid_to"
)

_ARRIVING = """
CREATE TEMPORARY TABLE arriving (
    uscc text NOT NULL, event_id text NOT NULL, consent_id text NOT NULL, event text NOT NULL,
    occurred_at timestamp NOT NULL, grantee text NOT NULL, purpose text NOT NULL, scopes text[] NOT NULL,
    valid_from date NOT NULL, valid_to date NOT NULL
) ON COMMIT DROP
"""
_COPY = f"COPY arriving ({_LEDGER_FIELDS}) FROM STDIN"
#: Ids that two enterprises or two consents share, an end before the beginning, nothing open: the whole
#: consent stays out, so nothing is opened by half a history.
_UNUSABLE = """
CREATE TEMPORARY TABLE unusable ON COMMIT DROP AS
SELECT consent_id FROM arriving GROUP BY consent_id
HAVING min(uscc) <> max(uscc) OR min(grantee) <> max(grantee) OR max(length(consent_id)) > %(length)s
    OR bool_or(valid_to < valid_from) OR bool_or(cardinality(scopes) = 0)
UNION SELECT a.consent_id FROM arriving AS a JOIN arriving AS b USING (event_id) WHERE a.consent_id <> b.consent_id
UNION SELECT a.consent_id FROM arriving AS a JOIN consent_event AS e USING (event_id) WHERE a.consent_id <> e.consent_id
UNION SELECT a.consent_id FROM arriving AS a JOIN consent AS c USING (consent_id)
      WHERE a.uscc <> c.uscc OR a.grantee <> c.grantee
"""
_KNOWN = """
DELETE FROM arriving AS a USING consent_event AS e WHERE e.event_id = a.event_id AND e.consent_id = a.consent_id
"""
_REFUSE = "DELETE FROM arriving WHERE consent_id IN (SELECT consent_id FROM unusable)"
_LOCK_TOUCHED = """
SELECT consent_id FROM consent WHERE consent_id IN (SELECT consent_id FROM arriving) ORDER BY consent_id FOR UPDATE
"""
_LATEST = """
CREATE TEMPORARY TABLE latest ON COMMIT DROP AS
SELECT DISTINCT ON (consent_id) * FROM arriving
ORDER BY consent_id, occurred_at DESC, CASE event WHEN 'granted' THEN 2 WHEN 'narrowed' THEN 1 ELSE 0 END, event_id DESC
"""
#: Where the ledger knows something later, that stands.
_STALE = """
DELETE FROM latest AS l USING consent_event AS e WHERE e.consent_id = l.consent_id AND e.occurred_at > l.occurred_at
"""
_STATE = """
CREATE TEMPORARY TABLE state ON COMMIT DROP AS
SELECT l.*, s.status, s.ended, CASE WHEN s.status = 'active' AND (
    row_number() OVER (PARTITION BY uscc, grantee, purpose, s.status ORDER BY consent_id) > 1
    OR EXISTS (SELECT FROM consent AS c WHERE (c.uscc, c.grantee, c.purpose, c.need_id, c.status)
               = (l.uscc, l.grantee, l.purpose, '', 'active') AND c.consent_id <> l.consent_id)
) THEN consent_id ELSE '' END AS need_id
FROM latest AS l, LATERAL (SELECT CASE event WHEN 'revoked' THEN 'revoked' WHEN 'expired' THEN 'expired'
                                             ELSE CASE WHEN valid_to < %(today)s THEN 'expired' ELSE 'active' END
                                  END AS status,
                      CASE WHEN event IN ('revoked', 'expired') THEN occurred_at ELSE valid_to + 1 END AS ended) AS s
"""
_CONSENTS = """
INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, need_id, status, valid_from, valid_to, method,
                     granted_at, ended_at)
SELECT s.consent_id, s.uscc, s.grantee, s.purpose, s.scopes, s.need_id, s.status, s.valid_from, s.valid_to,
       'imported', first.at, CASE WHEN s.status <> 'active' THEN s.ended END
FROM state AS s JOIN (SELECT consent_id, min(occurred_at) AS at FROM arriving GROUP BY consent_id) AS first USING (consent_id)
WHERE NOT EXISTS (SELECT FROM consent AS c WHERE c.consent_id = s.consent_id)
"""
_AGAIN = """
UPDATE consent AS c SET purpose = s.purpose, scopes = s.scopes, status = s.status, valid_from = s.valid_from,
    valid_to = s.valid_to, need_id = CASE WHEN c.need_id = '' THEN s.need_id ELSE c.need_id END,
    ended_at = CASE WHEN s.status <> 'active' THEN s.ended END
FROM state AS s WHERE s.consent_id = c.consent_id AND c.status <> 'used_up'
"""
_EVENTS = """
INSERT INTO consent_event (event_id, consent_id, event, cause, occurred_at, scopes, actor)
SELECT event_id, consent_id, event, %(cause)s, occurred_at, scopes, 'import' FROM arriving ORDER BY occurred_at, event_id
"""


@dataclass(frozen=True)
class BroughtIn:
    """What an import did.

    Attributes
    ----------
    read : int
        Events of the lake.
    events, consents : int
        Added to the ledger.
    changed : int
        Consents known before whose state is another now.
    refused : int
        Consents whose ids or days contradict themselves or the ledger; nothing of them was taken.
    """

    read: int
    events: int
    consents: int
    changed: int
    refused: int


async def bring_in(
    connection: Connection, lake: LakeView, catalogue: Catalogue, *, now: datetime, request_id: str
) -> BroughtIn:
    """Read the lake's consent events into the ledger; a second time changes nothing.

    Parameters
    ----------
    connection : Connection
        Of the ledger's owner (it makes temporary tables); everything is one transaction.
    now : datetime
        What was known and had happened by this Asia/Shanghai wall time.
    """
    async with connection.transaction():
        await connection.execute(_ARRIVING)
        read = await copy_rows(
            connection,
            _COPY,
            f"SELECT {_LEDGER_FIELDS} FROM ({consent_events_by(lake, catalogue, now)})",
        )
        await connection.execute("ANALYZE arriving")
        await connection.execute(_UNUSABLE, {"length": ID_LENGTH})
        refused = await _refused(connection)
        await connection.execute(_REFUSE)
        await connection.execute(_KNOWN)
        await connection.execute(_LOCK_TOUCHED)
        for statement in (_LATEST, _STALE):
            await connection.execute(statement)
        await connection.execute(_STATE, {"today": now.date()})
        changed = (await connection.execute(_AGAIN)).rowcount
        consents = (await connection.execute(_CONSENTS)).rowcount
        await repository.take_turn(connection)
        events = (await connection.execute(_EVENTS, {"cause": IMPORTED})).rowcount
        done = BroughtIn(read, events, consents, changed, refused)
        await write_entry(connection, _entry(done, now, request_id))
    return done


async def _refused(connection: Connection) -> int:
    row = await (await connection.execute("SELECT count(*) FROM unusable")).fetchone()
    return int(row[0]) if row else 0


def _entry(done: BroughtIn, now: datetime, request_id: str) -> Entry:
    return Entry(
        at=now,
        request_id=request_id,
        actor_kind="system",
        actor="import",
        role="system",
        tenant=None,
        action="consent:import:granted",
        subject=None,
        purpose=None,
        consents=(),
        fields=(),
        result="granted",
        detail={"events": done.events, "consents": done.consents, "changed": done.changed},
    )
