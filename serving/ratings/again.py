"""Rating firms again whose records were corrected or repaired, within the time their cases have for it."""

from datetime import datetime

from features.errors import NoRecordError
from features.scope import Purpose
from serving.access.decision import Action, LiveConsent
from serving.audit.record import Entry, write_entry
from serving.disputes.rows import OpenDutyRow
from serving.disputes.tasks import Desk as CaseDesk
from serving.disputes.tasks import rated, rerate_due
from serving.errors import NotFoundError
from serving.ratings.batches.work import Workbench
from serving.ratings.repository import Rating, add_rating
from serving.ratings.service import FIELDS, Order, rate

#: Whose doing it is in the record.
_ACTOR = "system"


async def rate_again(bench: Workbench, cases: CaseDesk, now: datetime) -> int:
    """Rate every firm a case waits for, under all that is held about it, for the firm to read.

    A case whose firm cannot be rated any more is told so, and goes on.

    Returns
    -------
    int
        Cases that went on.
    """
    async with bench.database.transaction() as connection:
        duties = await rerate_due(connection)
    if not duties:
        return 0
    # What a case waits for has landed: an older desk would rate from the record as it was.
    await bench.desks.fresh(now)
    return sum([await _one(bench, cases, duty, now) for duty in duties])


async def _one(bench: Workbench, cases: CaseDesk, duty: OpenDutyRow, now: datetime) -> bool:
    rating = await _rating(bench, duty.uscc, now)
    async with bench.database.transaction() as connection:
        rating_id = None if rating is None else rating.rating_id
        if not await rated(cases, connection, duty, rating_id, now):
            return False  # another process told the case before
        if rating is not None:
            await add_rating(connection, rating)
            await write_entry(connection, _entry(bench, duty, rating, now))
    return True


async def _rating(bench: Workbench, uscc: str, now: datetime) -> Rating | None:
    order = Order(uscc, Purpose.SELF_REPORT, institution="", asked_by=_ACTOR)
    desk = await bench.desks.desk(now)
    try:
        return await rate(bench.desks, desk, order, LiveConsent(), now)
    except (NoRecordError, NotFoundError):
        return None


def _entry(bench: Workbench, duty: OpenDutyRow, rating: Rating, now: datetime) -> Entry:
    return Entry(
        at=now,
        request_id=duty.case_id,
        actor_kind=_ACTOR,
        actor=_ACTOR,
        role=_ACTOR,
        tenant=None,
        action=f"{Action.RATING_CREATE}:granted",
        subject=bench.subject_of(duty.uscc),
        purpose=rating.purpose,
        consents=(),
        fields=FIELDS,
        result="granted",
        detail={"case": duty.case_id, "rating": rating.rating_id},
    )
