"""Deciding about ratings: whose look it is, what is open to it, and what is said where nothing can be."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from pydantic import ValidationError

from features.errors import NoRecordError, UnknownEnterpriseError
from features.scope import Purpose
from serving.access.callers import Role
from serving.access.decision import LiveConsent, Resource, not_found
from serving.ahead import Question
from serving.consent.live import Opening, live_question
from serving.errors import MalformedError, NeedAuthorisationError, NotFoundError
from serving.look import Look
from serving.ratings.desk import Desk, Facts, Rated
from serving.ratings.desks import Desks
from serving.ratings.document import About, as_text, rating_document, valid_until
from serving.ratings.repository import (
    INSERT,
    Beside,
    Rating,
    beside_question,
    find_rating,
    values_of,
)
from serving.ratings.schemas import RatingRequest
from serving.ratings.sight import Opened, Sight

#: What the answer holds, for the record of who looked.
FIELDS = ("score", "grade", "probability", "reasons", "portrait", "knock_outs")


@dataclass(frozen=True)
class Order:
    """One firm to be rated for somebody.

    Attributes
    ----------
    institution : str
        Who asks; empty where the firm does itself.
    """

    uscc: str
    purpose: Purpose
    institution: str
    asked_by: str
    as_of_date: date | None = None
    need_id: str = ""
    require: frozenset[str] = frozenset()
    is_public_only: bool = False
    batch_id: str | None = None

    @property
    def resource(self) -> Resource:
        """What the order asks about."""
        return Resource(
            uscc=self.uscc,
            institution=self.institution,
            needs=self.require,
            purpose=self.purpose,
            is_public=self.is_public_only,
        )

    def opened(self, consent: LiveConsent) -> Opened:
        """What is open to it under the consents live now."""
        if not self.institution:
            return Opened("self")
        return Opened("grantee", frozenset() if self.is_public_only else consent.scopes)


async def give_rating(look: Look, asked: RatingRequest) -> Rating:
    """Rate one firm for the caller, and keep the rating.

    Raises
    ------
    NotFoundError
        For a firm of that code nowhere on the register, before anything is said of consent.
    NeedAuthorisationError
        Without a live consent, without a scope that is required, or where nothing is left to read.
    NoRecordError
        If nothing that is open is on record: silence is never a rating.
    MalformedError
        If the purpose is not the caller's, or the date lies ahead.
    """
    order = _order_of(look, asked)
    if not order.institution:
        await look.allow(order.resource)
    desk = await look.house.desks.desk(look.now)
    if not desk.knows(order.uscc):
        look.asked[:] = [order.resource]
        raise unknown_firm()
    wanted = replace(order.resource, helps=desk.scopes)
    consent = await look.allow(wanted) if order.institution else LiveConsent()
    rating = await rate(look.house.desks, desk, order, consent, look.now)
    (beside,) = await look.ahead.rows(look.connection, beside_question(order.uscc))
    rating = replace(rating, has_beside=beside.has_beside)
    look.at_last(INSERT, values_of(rating))
    # Who asks again under the same key must still be let see everything the answer rests on.
    look.asked[-1] = replace(order.resource, needs=frozenset(rating.opened))
    look.says(fields=FIELDS, rating=rating.rating_id, bundle=rating.bundle_id[:12])
    return rating


def foreseen(
    body: object, institution: str, now: datetime
) -> Sequence[Question[Opening] | Question[Beside]]:
    """What rating a firm for an institution reads of the ledger; nothing for a request that is malformed."""
    try:
        asked = RatingRequest.model_validate(body)
    except ValidationError:
        return ()
    beside = beside_question(asked.uscc)
    if asked.public_only:
        return (beside,)
    return live_question(asked.uscc, institution, Purpose(asked.purpose), now), beside


async def rate(
    desks: Desks, desk: Desk, order: Order, consent: LiveConsent, now: datetime
) -> Rating:
    """One rating of an order that has been allowed; not kept yet.

    Raises
    ------
    NeedAuthorisationError, NoRecordError, NotFoundError
        As `give_rating`.
    """
    opened = order.opened(consent)
    if not desk.is_warm(opened):
        await asyncio.get_running_loop().run_in_executor(desks.threads, desk.sight, opened)
    sight = desk.sight(opened)
    if sight.sees_nothing:
        raise _nothing_open(order, sight)
    facts = await facts_of(desks, desk, order, sight, now)
    rated = desk.rate(facts, sight)
    if rated is None:
        raise _no_record(order, facts, sight)
    return _kept(desk, sight, rated, order, opened, consent, now)


async def facts_of(desks: Desks, desk: Desk, order: Order, sight: Sight, now: datetime) -> Facts:
    """What is known of the firm: from the build, or from the lake where the build does not say it."""
    day = order.as_of_date or desk.as_of_date
    at_hand = desk.at_hand(order.uscc, day)
    if at_hand is not None:
        return at_hand
    loop = asyncio.get_running_loop()
    try:
        found = await loop.run_in_executor(desks.threads, desk.look_up, order.uscc, day, sight, now)
    except UnknownEnterpriseError:
        found = None
    if found is None:
        raise unknown_firm()
    return found


async def read_rating(look: Look, rating_id: str) -> Rating:
    """A rating for whoever may still read it: the firm, or who asked while its consents live.

    Raises
    ------
    NotFoundError
        If there is none, or none of the caller's.
    NeedAuthorisationError
        If a scope it was made from has been closed since.
    """
    rating = await find_rating(look.connection, rating_id)
    if rating is None:
        raise not_found()
    await look.allow(
        Resource(
            uscc=rating.uscc,
            institution=rating.institution,
            needs=frozenset(rating.opened),
            purpose=rating.consent_purpose,
            is_public=rating.is_public_only,
        )
    )
    return rating


def unknown_firm() -> NotFoundError:
    """No firm of that code has registered with anybody who reports here."""
    return NotFoundError(
        en="No enterprise of that code is on the register here. Check the code.",
        zh="登记信息中没有该统一社会信用代码的企业，请核对代码。",
    )


def _order_of(look: Look, asked: RatingRequest) -> Order:
    is_own = look.caller.role is Role.OWNER
    if (asked.purpose == Purpose.SELF_REPORT) != is_own:
        raise _malformed(
            "purpose",
            "An owner asks for 'self_report', an institution for 'apply', 'pre_credit' or 'postloan'.",
            "企业本人使用 self_report；机构使用 apply、pre_credit 或 postloan。",
        )
    require_past(asked.as_of, look.now)
    return Order(
        uscc=asked.uscc,
        purpose=Purpose(asked.purpose),
        institution="" if is_own else look.caller.tenant,
        asked_by=look.caller.id,
        as_of_date=asked.as_of,
        need_id=asked.need_id,
        require=frozenset(asked.require),
        is_public_only=asked.public_only and not is_own,
    )


def require_past(as_of: date | None, now: datetime) -> None:
    """Refuse a date that has not come.

    Raises
    ------
    MalformedError
        If `as_of` is after today.
    """
    if as_of is not None and as_of > now.date():
        raise _malformed(
            "as_of",
            f"The as-of date {as_of} lies ahead of today, {now.date()}.",
            f"截止日 {as_of} 晚于今天（{now.date()}）。",
        )


def _malformed(place: str, en: str, zh: str) -> MalformedError:
    return MalformedError(
        en=en, zh=zh, details={"fields": [{"place": f"body.{place}", "problem": "value"}]}
    )


def _nothing_open(order: Order, sight: Sight) -> NeedAuthorisationError:
    listed = list(sight.need_authorisation)
    return NeedAuthorisationError(
        en=f"What is open leaves nothing the model reads. Ask the enterprise for: {', '.join(listed)}.",
        zh=f"已授权的数据中没有模型可用的内容，请向企业取得授权：{'、'.join(listed)}。",
        details={"need_authorisation": listed, "purpose": order.purpose},
    )


def _no_record(order: Order, facts: Facts, sight: Sight) -> NoRecordError:
    listed = ", ".join(sight.need_authorisation)
    return NoRecordError(
        en=f"Nothing that is open for '{order.purpose}' was on record by {facts.as_of_date}, so there is no "
        f"rating. Ask for another date{f', or for authorisation of {listed}' if listed else ''}.",
        zh=f"截至 {facts.as_of_date}，在“{order.purpose}”授权范围内没有可用记录，不予评级；请更换截止日"
        f"{f'，或取得授权：{listed}' if listed else ''}。",
    )


def _kept(
    desk: Desk,
    sight: Sight,
    rated: Rated,
    order: Order,
    opened: Opened,
    consent: LiveConsent,
    now: datetime,
) -> Rating:
    about = About(
        rating_id=f"R-{secrets.token_hex(10)}",
        uscc=order.uscc,
        purpose=order.purpose,
        need_id=order.need_id,
        opened=opened,
        consents=consent.ids,
        rated_at=now,
        is_public_only=order.is_public_only,
    )
    document = rating_document(desk, sight, rated, about)
    day = rated.facts.as_of_date
    manifest = desk.bundle.manifest
    return Rating(
        rating_id=about.rating_id,
        uscc=order.uscc,
        institution=order.institution,
        asked_by=order.asked_by,
        scope=opened.kind,
        opened=sorted(opened.scopes),
        consents=list(consent.ids),
        purpose=order.purpose,
        need_id=order.need_id,
        is_public_only=order.is_public_only,
        as_of=day,
        rated_at=now,
        valid_until=valid_until(day),
        model=f"{manifest.name}@{manifest.version}",
        bundle_id=desk.bundle.id,
        lake_version=desk.stale.lake_version,
        score=int(rated.ratings.score[0]),
        grade=rated.grade,
        feature_hash=rated.feature_hash,
        document=as_text(document),
        batch_id=order.batch_id,
    )
