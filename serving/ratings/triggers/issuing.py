"""Rating again those for whom something was noticed: one exposure, one transaction.

It holds the rating, its row of the record, the notice and what became of the causes, so whoever dies
leaves all of it or nothing, and a cause leads to one rating. What is open to the institution is read in
it as well: the platform rates under the institution's own consents and sees no more than it would.
"""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time

from features.clock import end_of
from features.errors import XinqiaoError
from features.scope import Purpose
from serving.access.decision import LiveConsent
from serving.audit.record import Entry, write_entry
from serving.consent.live import live_consent
from serving.db import Connection
from serving.loans.exposures import live_exposures
from serving.ratings.batches.work import Workbench
from serving.ratings.desk import Desk
from serving.ratings.repository import Rating, add_rating
from serving.ratings.service import FIELDS, Order, rate
from serving.ratings.sight import Opened
from serving.ratings.triggers.notice import notice_of
from serving.ratings.triggers.repository import (
    Before,
    Pair,
    Trigger,
    claim,
    is_admitted,
    next_pair,
    put_off,
    rating_before,
    settle,
)
from serving.ratings.triggers.rules import rules_on
from serving.webhooks.outbox import post

#: Whose doing it is in the record.
ACTOR = "system"
ACTION = "rating:issue"
#: The scope without which a consent for the purpose opens nothing to the platform's own watching.
WATCHING = "postloan"


async def issue_due(bench: Workbench, desk: Desk, now: datetime) -> Counter[str]:
    """Rate again everybody whose turn it is, a round at most.

    Returns
    -------
    Counter
        Exposures by what came of them: `issued`, `unchanged`, `later` (rated today already and of the
        same grade), `no_consent`, `not_open` (what happened is closed to the institution), `no_exposure`,
        `not_admitted`, or the code of a refusal.

    Raises
    ------
    XinqiaoError
        If some firm could not be rated for a reason of ours; it is tried again after a while, and the
        others have been rated.
    """
    rules, told = rules_on(now.date()), Counter[str]()
    failed: XinqiaoError | None = None
    for _ in range(rules.a_round):
        async with bench.database.transaction() as connection:
            pair = await next_pair(connection, now)
        if pair is None:
            break
        try:
            async with bench.database.transaction() as connection:
                told[await _work_on(bench, desk, connection, pair, now)] += 1
        except XinqiaoError as one:
            failed = one
            async with bench.database.transaction() as connection:
                await put_off(connection, pair, now + rules.retry_after)
    if failed is not None:
        raise failed
    return told


async def _work_on(
    bench: Workbench, desk: Desk, connection: Connection, pair: Pair, now: datetime
) -> str:
    triggers = await claim(connection, pair)
    if not triggers:
        return "done_by_another"
    consent, why_not = await _opened(connection, pair, now)
    seen = _seen(desk, consent, triggers)
    outcome = why_not or ("" if seen else "not_open")
    rating = None
    if not outcome:
        outcome, rating = await _rated(bench, desk, pair, consent, now)
    if rating is None:
        return await _leave(connection, pair, triggers, outcome, now)
    before = await rating_before(connection, pair, ACTOR, _midnight(now))
    if before is not None and _is_equal(before, rating, now):
        return await _leave(connection, pair, triggers, "unchanged", now)
    if before is not None and before.was_issued_today and before.grade == rating.grade:
        await put_off(connection, pair, end_of(now.date()))
        return "later"
    await add_rating(connection, rating)
    await write_entry(connection, _entry(bench, rating, consent, seen, now))
    await post(connection, notice_of(rating, before, seen), now)
    await settle(connection, pair, triggers, "issued", rating.rating_id, now)
    return "issued"


async def _opened(connection: Connection, pair: Pair, now: datetime) -> tuple[LiveConsent, str]:
    """What is open to the institution, and why nothing is rated for it if so."""
    if not await is_admitted(connection, pair.institution, now.date()):
        return LiveConsent(), "not_admitted"
    exposures = await live_exposures(connection, [pair.uscc])
    if pair.institution not in {exposure.institution for exposure in exposures}:
        return LiveConsent(), "no_exposure"
    # Looks that an enterprise has counted are the institution's own to take: none is spent here.
    consent = await live_consent(
        connection, pair.uscc, pair.institution, Purpose.POSTLOAN, now, paid=()
    )
    return consent, "" if WATCHING in consent.scopes else "no_consent"


def _seen(desk: Desk, consent: LiveConsent, triggers: Sequence[Trigger]) -> list[Trigger]:
    """Causes the institution may know: of a dataset closed to it not even that something came."""
    withheld = Opened("grantee", consent.scopes).withheld(desk.catalogue)
    return [one for one in triggers if one.what not in withheld]


async def _rated(
    bench: Workbench, desk: Desk, pair: Pair, consent: LiveConsent, now: datetime
) -> tuple[str, Rating | None]:
    order = Order(
        uscc=pair.uscc,
        purpose=Purpose.POSTLOAN,
        institution=pair.institution,
        asked_by=ACTOR,
        as_of_date=now.date(),
    )
    try:
        return "", await rate(bench.desks, desk, order, consent, now)
    except XinqiaoError as refused:
        if refused.status >= 500:  # noqa: PLR2004 - ours, not the firm's: it is tried again
            raise
        return refused.code, None


async def _leave(
    connection: Connection, pair: Pair, triggers: Sequence[Trigger], outcome: str, now: datetime
) -> str:
    await settle(connection, pair, triggers, outcome, None, now)
    return outcome


def _is_equal(before: Before, rating: Rating, now: datetime) -> bool:
    """Whether the rating there is says the same, of the same, and still holds."""
    return (
        before.bundle_id == rating.bundle_id
        and before.feature_hash == rating.feature_hash
        and before.grade == rating.grade
        and before.opened == rating.opened
        and before.valid_until >= now.date()
    )


def _midnight(now: datetime) -> datetime:
    return datetime.combine(now.date(), time())


def _entry(
    bench: Workbench, rating: Rating, consent: LiveConsent, seen: Sequence[Trigger], now: datetime
) -> Entry:
    return Entry(
        at=now,
        request_id=f"trigger-{secrets.token_hex(8)}",
        actor_kind=ACTOR,
        actor=ACTOR,
        role=ACTOR,
        tenant=rating.institution,
        action=f"{ACTION}:granted",
        subject=bench.subject_of(rating.uscc),
        purpose=rating.purpose,
        consents=consent.ids,
        fields=FIELDS,
        result="granted",
        detail={
            "rating": rating.rating_id,
            "causes": sorted({f"{one.cause}:{one.what}" for one in seen}),
        },
    )
