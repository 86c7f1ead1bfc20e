"""The outbox: what an institution shall hear is written where it happens, and leaves later.

::

    await post(connection, Notice(bank, "alert.changed", uscc, alert_id, uscc, needs, state), now)

A *stream* is an endpoint of an institution and an enterprise. Its sequence is given under the stream's
lock, so the order of notices is the order in which their transactions were committed. Whoever posts
about several enterprises in one transaction posts in the order of their codes, or two such
transactions could wait for each other.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serving.auth.marks import new_id
from serving.db import Connection

NOTICE_PREFIX = "N"

_ENDPOINTS = """
SELECT endpoint_id FROM webhook_endpoint
WHERE institution = %(institution)s AND state <> 'removed' ORDER BY endpoint_id
"""
#: A stream that waits after a failure goes on waiting; one at rest is due at once.
_TAKE_SEQUENCE = """
INSERT INTO webhook_stream AS s (endpoint_id, stream, next_sequence, due_at)
VALUES (%(endpoint_id)s, %(stream)s, 2, %(now)s)
ON CONFLICT (endpoint_id, stream) DO UPDATE
SET next_sequence = s.next_sequence + 1, due_at = coalesce(s.due_at, excluded.due_at)
RETURNING next_sequence - 1
"""
_FOLD = """
UPDATE notice SET state = 'folded', settled_at = %(now)s
WHERE endpoint_id = %(endpoint_id)s AND stream = %(stream)s AND thing = %(thing)s AND state = 'waiting'
"""
_ADD = """
INSERT INTO notice (notice_id, endpoint_id, stream, sequence, thing, kind, uscc, needs, body, state, posted_at)
VALUES (%(notice_id)s, %(endpoint_id)s, %(stream)s, %(sequence)s, %(thing)s, %(kind)s, %(uscc)s, %(needs)s,
        %(body)s, 'waiting', %(now)s)
"""


@dataclass(frozen=True)
class Notice:
    """One state of one thing, for one institution.

    Attributes
    ----------
    institution : str
        USCC of who shall hear it.
    kind : str
        A past-tense fact, e.g. `alert.changed`.
    stream : str
        USCC of the enterprise: notices of one stream arrive in their order.
    thing : str
        Id of what it is the whole state of; a newer state takes the place of an undelivered older one.
    uscc : str
        The enterprise it is about, for the record and for consent; empty for none.
    needs : frozenset of str
        Consent scopes that must be live, for the purpose `postloan`, at the moment of sending; empty
        where public data alone are told.
    body : mapping
        The thing's whole state, as JSON.
    """

    institution: str
    kind: str
    stream: str
    thing: str
    uscc: str
    needs: frozenset[str]
    body: Mapping[str, object]


async def post(connection: Connection, notice: Notice, now: datetime) -> int:
    """Leave a notice for every endpoint of its institution, in the caller's transaction.

    Returns
    -------
    int
        For how many endpoints; 0 where the institution has none, and then nothing is written.
    """
    found = await connection.execute(_ENDPOINTS, {"institution": notice.institution})
    endpoints = [str(row[0]) for row in await found.fetchall()]
    for endpoint_id in endpoints:
        await post_to(connection, endpoint_id, notice, now)
    return len(endpoints)


async def post_to(connection: Connection, endpoint_id: str, notice: Notice, now: datetime) -> str:
    """Leave a notice for one endpoint; its id, which is also the webhook id."""
    given: dict[str, object] = {
        "notice_id": new_id(NOTICE_PREFIX),
        "endpoint_id": endpoint_id,
        "stream": notice.stream,
        "thing": notice.thing,
        "kind": notice.kind,
        "uscc": notice.uscc,
        "needs": sorted(notice.needs),
        "body": json.dumps(notice.body, ensure_ascii=False, sort_keys=True),
        "now": now,
    }
    sequence = (await (await connection.execute(_TAKE_SEQUENCE, given)).fetchone() or [0])[0]
    async with connection.pipeline():
        await connection.execute(_FOLD, given)
        await connection.execute(_ADD, given | {"sequence": sequence})
    return str(given["notice_id"])
