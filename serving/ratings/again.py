"""Rating firms again whose records were corrected or repaired, within the time their cases have for it."""

from datetime import datetime

from features.errors import NoRecordError, XinqiaoError
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

    It is rated as of today, because a corrected record is not known on any day before it came. A case
    whose firm cannot be rated any more is told so, and goes on. Institutions are not rated for anew: a
    look under a consent is theirs to take; a rating they hold says when records behind it changed.

    Returns
    -------
    int
        Cases that went on; none while what has landed cannot be read yet.

    Raises
    ------
    XinqiaoError
        If some firm could not be rated for a reason of ours; then it is tried again the next time, and
        the others have been rated.
    """
    async with bench.database.transaction() as connection:
        duties = await rerate_due(connection)
    if not duties:
        return 0
    # What a case waits for has landed: an older desk would rate from the record as it was.
    landed = cases.lake.view().version
    if (await bench.desks.fresh(now)).lake.version < landed:
        return 0
    done, failed = 0, None
    for duty in duties:
        try:
            done += await _one(bench, cases, duty, now)
        except XinqiaoError as one:
            failed = one
    if failed is not None:
        raise failed
    return done


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
    order = Order(uscc, Purpose.SELF_REPORT, institution="", asked_by=_ACTOR, as_of_date=now.date())
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
