"""What a lender hears of applications by the outbox: the whole state, and nothing that needs a consent."""

from datetime import datetime

from serving.db import Connection
from serving.needs.rows import Application, Need
from serving.needs.schemas import application_answer
from serving.webhooks import outbox

KIND = "application.changed"


async def tell(connection: Connection, application: Application, need: Need, now: datetime) -> int:
    """Leave a notice of how an application stands; for how many endpoints."""
    answer = application_answer(application, need, asked=(), opened=(), is_owner=False, now=now)
    hidden = {"opened", "need_authorisation", "statements"}
    notice = outbox.Notice(
        institution=application.institution,
        kind=KIND,
        stream=application.uscc,
        thing=application.application_id,
        uscc=application.uscc,
        needs=frozenset(),
        body=answer.model_dump(mode="json", exclude=hidden),
    )
    return await outbox.post(connection, notice, now)
