"""The demonstration's lending: its bank's own products, and applications at different points of their way.

Each step is taken through the services, by whom it belongs to, at a moment before today and with what was on record
then. It is all written together and once: a ledger that knows the products is left as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.datasets import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.scope import Purpose
from serving.access.callers import Caller, Role
from serving.access.decision import Action
from serving.auth.institutions import repository as institutions
from serving.auth.people import first
from serving.auth.people.first import Newcomer
from serving.db import Connection
from serving.errors import ConflictError, NotFoundError
from serving.look import Look
from serving.matching.schemas import Given, MatchRequest, Need
from serving.matching.service import give_match
from serving.needs import service as needs
from serving.needs.applying import apply_from
from serving.needs.rows import Application
from serving.needs.schemas import Contact, Decline, Grant
from serving.products import repository as shelf
from serving.products import service as products
from serving.products.schemas import NewProduct, Review
from xinqiao.demo_past import Stage

LENDING = Path(__file__).with_name("demo_lending.yaml")
#: The hour of the first step of a day.
_MORNING = time(10)
#: Firms tried for one application before it is left out.
_TRIED = 6


class Offer(Document):
    """A product as its bank hands it in; who lends, and from when, is filled in."""

    code: str
    name: Words
    channels: list[str] = Field(default_factory=list)
    terms: dict[str, object]


class Taken(Document):
    """One step of the bank."""

    step: Literal["contact", "grant", "decline"]
    days_ago: int = Field(ge=1)
    said: dict[str, object]


class Applied(Document):
    """One application and what came of it."""

    product: str
    steps: list[Taken] = Field(default_factory=list[Taken])


class Asking(Document):
    """One firm's need, matched on one day, and what it applied for."""

    firm: Literal["owner", "another"]
    need: Need
    offers: dict[str, Given] = Field(default_factory=dict[str, Given])
    days_ago: int = Field(ge=1)
    applications: list[Applied] = Field(min_length=1)


class Lending(Document):
    """`demo_lending.yaml` as written."""

    published_days_ago: int = Field(ge=1)
    review_note: str
    products: list[Offer] = Field(min_length=1)
    firms: list[Asking]


@dataclass(frozen=True)
class Cast:
    """Who acts.

    Attributes
    ----------
    others : iterator of Newcomer
        Owners of firms that may apply beside the first; each is asked at most once, and comes in by that.
    """

    owner: Caller
    officer: Caller
    operator: Caller
    others: Iterator[Newcomer]


def load_lending(path: Path = LENDING) -> Lending:
    """Read what the demonstration's bank offers and has been asked for.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, Lending, ModelDocumentError)


async def is_lending(connection: Connection, lending: Lending) -> bool:
    """Whether the ledger knows the first product already."""
    return bool(await shelf.read_versions(connection, lending.products[0].code))


async def lend(on: Stage, cast: Cast, lending: Lending, now: datetime) -> int:
    """Publish the products and take every application as far as it has come; how many there are.

    Parameters
    ----------
    now : datetime
        Of the demonstration's clock.
    """
    await _publish(on, cast, lending, now)
    made = 0
    for asking in lending.firms:
        found = await _first_fitting(on, cast, asking, _moment(now, asking.days_ago, 0))
        for application, applied in zip(found, asking.applications, strict=False):
            await _answer(on, cast.officer, application, applied, now)
        made += len(found)
    return made


async def _publish(on: Stage, cast: Cast, lending: Lending, now: datetime) -> None:
    """The bank hands in, the platform reviews."""
    at = _moment(now, lending.published_days_ago, 0)
    bank = await institutions.read_one(on.connection, cast.officer.tenant)
    lender = {"zh": bank.name_zh, "en": bank.name_en or bank.name_zh} if bank else None
    said = Review(outcome="published", note=lending.review_note)
    for offer in lending.products:
        terms = offer.terms | {"valid_from": at.date()}
        body = offer.model_dump() | {"lender": lender, "terms": terms}
        submit = partial(products.submit, new=NewProduct.model_validate(body))
        await on.act(cast.officer, Action.PRODUCT_SUBMIT, at, submit)
        review = partial(products.review, code=offer.code, version=1, said=said)
        await on.act(cast.operator, Action.PRODUCT_REVIEW, at + timedelta(hours=4), review)


async def _first_fitting(on: Stage, cast: Cast, asking: Asking, at: datetime) -> list[Application]:
    """What the first firm applies for whose match shows it all; nothing if none of the first does."""
    if asking.firm == "owner":
        return await _tried(on, cast.owner, asking, at)
    for newcomer in islice(cast.others, _TRIED):
        found = await _tried(on, newcomer, asking, at)
        if found:
            return found
    return []


async def _tried(
    on: Stage, who: Caller | Newcomer, asking: Asking, at: datetime
) -> list[Application]:
    """A firm's applications; none, and no trace of it, if its match does not show every product."""
    try:
        async with on.connection.transaction():
            caller = who if isinstance(who, Caller) else await _taken_in(on, who, at)
            return await _apply(on, caller, asking, at)
    except (ConflictError, NotFoundError):  # the latter where it was on no register yet
        return []


async def _apply(on: Stage, who: Caller, asking: Asking, at: datetime) -> list[Application]:
    """Match, and apply for products that the match shows."""
    request = MatchRequest(
        uscc=who.tenant, purpose=Purpose.SELF_REPORT, need=asking.need, offers=asking.offers
    )
    match, _ = await on.act(who, Action.MATCH_CREATE, at, partial(give_match, asked=request))
    return [
        await on.act(
            who,
            Action.APPLICATION_CREATE,
            at + timedelta(minutes=6),
            partial(apply_from, match_id=match.match_id, product=applied.product),
        )
        for applied in asking.applications
    ]


async def _answer(
    on: Stage, officer: Caller, application: Application, applied: Applied, now: datetime
) -> None:
    for place, taken in enumerate(applied.steps, 1):
        step = partial(_step, application_id=application.application_id, taken=taken)
        at = _moment(now, taken.days_ago, place)
        await on.act(officer, Action.APPLICATION_CHANGE, at, step)


async def _step(look: Look, application_id: str, taken: Taken) -> Application:
    match taken.step:
        case "contact":
            return await needs.contact(look, application_id, Contact.model_validate(taken.said))
        case "grant":
            return await needs.grant(look, application_id, Grant.model_validate(taken.said))
        case "decline":
            return await needs.decline(look, application_id, Decline.model_validate(taken.said))


async def _taken_in(on: Stage, newcomer: Newcomer, at: datetime) -> Caller:
    person_id = await first.take_in(on.connection, newcomer, at - timedelta(days=1))
    return Caller(Role.OWNER, person_id, newcomer.tenant)


def _moment(now: datetime, days_ago: int, place: int) -> datetime:
    """Two hours after the step before, if that was on the same day."""
    day = now.date() - timedelta(days=days_ago)
    return datetime.combine(day, _MORNING) + timedelta(hours=2 * place)
