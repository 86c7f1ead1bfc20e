"""Deciding about ways up: only to the firm itself, computed beside the event loop."""

from dataclasses import dataclass
from typing import Literal

from features.errors import NoRecordError, UnknownEnterpriseError
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from models.matching.facts import load_facts
from models.products.book import ProductEntry, ProductVersion
from models.scale import load_scale
from models.tags.book import Tags
from models.wayup.document import NamedFact, WayUpTold, way_up_told
from models.wayup.guide import Guide
from models.wayup.targets import Target
from serving.access.callers import Role
from serving.access.decision import LiveConsent, Resource, not_found
from serving.errors import MalformedError, NotFoundError
from serving.look import Look
from serving.products.shelves import ProductShelf
from serving.ratings.desk import Desk
from serving.ratings.errors import NoModelError
from serving.ratings.service import Order, rate, unknown_firm
from serving.reading import Stop
from serving.wayup.peers import ranges_for
from serving.wayup.schemas import WayUpRequest

FIELDS = ("score", "grade", "plan")


@dataclass(frozen=True)
class _Aim:
    """A product asked for, as it stands on the shelf."""

    entry: ProductEntry
    version: ProductVersion
    tags: Tags


async def show_way_up(look: Look, asked: WayUpRequest) -> WayUpTold:
    """The cheapest plan for the caller's own firm, or that none was found among everything computed.

    Raises
    ------
    NotFoundError
        For whoever is no owner, a firm that is on no register, or a product not on the shelf.
    RequestError
        If there is no such grade.
    OverloadedError
        If as many reads are in work as may be.
    """
    if look.caller.role is not Role.OWNER:
        raise not_found()
    await look.allow(Resource(uscc=look.caller.tenant))
    desk = await look.house.desks.desk(look.now)
    aim = None
    if asked.product is not None:
        _require_known(asked)
        aim = _on_shelf(
            await look.house.shelves.on(look.connection, look.now.date()), asked.product
        )
    told = await look.house.reading.read(lambda stop: _computed(look, desk, asked, aim, stop))
    if told is None:
        raise unknown_firm()
    look.says(fields=FIELDS, sha256=told.sha256, bundle=told.bundle_id[:12], verdict=told.verdict)
    return told


async def grade_today(look: Look) -> str | None:
    """The grade that the caller's own firm would be given now; None where it can be given none."""
    uscc = look.caller.tenant
    await look.allow(Resource(uscc=uscc))
    order = Order(uscc, Purpose.SELF_REPORT, institution="", asked_by=look.caller.id)
    desks = look.house.desks
    try:
        desk = await desks.desk(look.now)
        rating = await rate(desks, desk, order, LiveConsent(), look.now)
    except (NoModelError, NoRecordError, NotFoundError):
        return None
    return rating.grade


def grades_above(grade: str | None) -> list[str]:
    """Grades to aim at, the next one first; all of them from default, or without a grade.

    Examples
    --------
    >>> grades_above("BBB"), grades_above("AAA")
    (['A', 'AA', 'AAA'], [])
    """
    codes = [one.code for one in load_scale().version.grades]
    return codes[: codes.index(grade) if grade in codes else len(codes)][::-1]


def _computed(
    look: Look, desk: Desk, asked: WayUpRequest, aim: _Aim | None, stop: Stop
) -> WayUpTold | None:
    """Takes seconds: not for the event loop."""
    day = desk.as_of_date
    guide = Guide.of(desk.bundle, day)
    target, kind, named = _target(guide, asked, aim)
    try:
        key = desk.lake.find_enterprise(look.caller.tenant).key
    except UnknownEnterpriseError:
        return None
    today = look.now.date()
    scope = DataScope(frozenset(desk.catalogue.datasets), Purpose.SELF_REPORT, until=today)
    with (
        open_snapshot(
            desk.lake,
            desk.catalogue,
            day,
            scope,
            now=look.now,
            enterprises=[key],
            threads=1,
            datasets=guide.datasets(target),
        ) as snapshot,
        stop.watch(snapshot),
    ):
        found = guide.show(snapshot, key, target)
    if found is None:
        return None
    home, grade = look.house.settings.home, found.today.model_grade
    return way_up_told(found, guide, kind, named, ranges_for(home, desk, look.caller.tenant, grade))


def _target(
    guide: Guide, asked: WayUpRequest, aim: _Aim | None
) -> tuple[Target, Literal["grade", "product"], NamedFact]:
    if aim is None:
        grade = guide.to_grade(asked.target_grade or "")
        words = guide.rater.bundle.scale.grade(grade.grade).label
        return grade, "grade", NamedFact(code=grade.grade, words=words)
    said = {name: float(v) if isinstance(v, bool) else v for name, v in asked.said.items()}
    product = guide.to_product(aim.entry, aim.version, aim.tags, said)
    return product, "product", NamedFact(code=aim.entry.code, words=aim.entry.name)


def _on_shelf(shelf: ProductShelf, code: str) -> _Aim:
    for entry, version in shelf.shelf.products:
        if entry.code == code:
            return _Aim(entry, version, shelf.tags)
    raise not_found()


def _require_known(asked: WayUpRequest) -> None:
    known = {entry.name for entry in load_facts().of("need", "offer", "firm")}
    unknown = sorted(set(asked.said) - known)
    if unknown:
        raise MalformedError(
            en=f"A firm is not asked for {len(unknown)} of the facts given. Use names of the facts a firm can say.",
            zh=f"所给事实中有 {len(unknown)} 项不由企业申报，请使用企业可申报的事实名称。",
            details={
                "fields": [{"place": f"body.said.{n}", "problem": "unknown_fact"} for n in unknown]
            },
        )
