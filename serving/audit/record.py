"""One row of the record, written in the transaction of what it records."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serving.db import Connection

_INSERT = """
INSERT INTO audit_event (at, request_id, actor_kind, actor, role, tenant, action, subject, purpose,
                         consents, fields, result, detail)
VALUES (%(at)s, %(request_id)s, %(actor_kind)s, %(actor)s, %(role)s, %(tenant)s, %(action)s, %(subject)s,
        %(purpose)s, %(consents)s, %(fields)s, %(result)s, %(detail)s)
"""


@dataclass(frozen=True)
class Entry:
    """Who did what about whom, when, why, by which consent, and what came of it.

    Attributes
    ----------
    action : str
        `room:verb:outcome`, e.g. `rating:read:granted`.
    subject : str or None
        Pseudonym of the enterprise (`subject_of`), so that the record outlives an erasure.
    result : str
        A short code; for a refusal the problem's.
    detail : mapping
        Ids and counts, never raw values or personal data.
    """

    at: datetime
    request_id: str
    actor_kind: str
    actor: str
    role: str
    tenant: str | None
    action: str
    subject: str | None
    purpose: str | None
    consents: tuple[str, ...]
    fields: tuple[str, ...]
    result: str
    detail: Mapping[str, object]


async def write_entry(connection: Connection, entry: Entry) -> None:
    """Append the row; if that fails, so does the transaction, and there is no answer."""
    await connection.execute(
        _INSERT,
        {
            "at": entry.at,
            "request_id": entry.request_id,
            "actor_kind": entry.actor_kind,
            "actor": entry.actor,
            "role": entry.role,
            "tenant": entry.tenant,
            "action": entry.action,
            "subject": entry.subject,
            "purpose": entry.purpose,
            "consents": list(entry.consents),
            "fields": list(entry.fields),
            "result": entry.result,
            "detail": json.dumps(entry.detail, ensure_ascii=False, sort_keys=True, default=str),
        },
    )
