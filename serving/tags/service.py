"""Deciding about tags: what of them a look shows, and who may change one."""

import asyncio
from collections.abc import Collection
from datetime import date

from features.errors import XinqiaoError
from features.scope import Purpose
from features.windows import months_before
from models.matching.chances import letters_of_scale
from models.matching.meanings import GRADE_RANK
from models.tags.book import Audience, TagEntry, load_tags
from models.tags.held import Answer, Given, answers_of
from serving.access.callers import Role
from serving.access.decision import not_found
from serving.auth.marks import new_id
from serving.disputes.filing import lake_of, shared_catalogue
from serving.errors import ConflictError
from serving.look import Look
from serving.ratings.sight import Opened
from serving.tags import repository
from serving.tags.evidence import rests_on
from serving.tags.reading import Found, TagSetting, read_firm, setting_at
from serving.tags.rows import Claim, Contest
from serving.tags.schemas import (
    Certificate,
    GroupAnswer,
    TagAnswer,
    TagsAnswer,
)

RISK_WATCH = "risk_watch"
_SEEN: dict[str, frozenset[Audience]] = {
    "self": frozenset({"open", "self"}),
    "grantee": frozenset({"open"}),
}


def entry_of(code: str) -> TagEntry | None:
    """The tag of a code; None if the book has none, or none any more."""
    return next((one for one in load_tags().entries if one.code == code), None)


def find_entry(code: str) -> TagEntry:
    """The tag of a code.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    found = entry_of(code)
    if found is None:
        raise not_found()
    return found


async def tags_of_firm(
    look: Look, uscc: str, opened: Opened, purpose: Purpose | None
) -> TagsAnswer:
    """Every tag of a firm that this look may see, with why.

    Parameters
    ----------
    opened : Opened
        The firm's own look, or what it opens to an institution; nothing opened shows what public records say.
    """
    setting, day = await setting_of(look), look.now.date()
    found = await read_records(look, uscc, opened)
    claims = await repository.read_claims(look.connection, [uscc])
    removed = {tag for _, tag in await repository.removed_tags(look.connection, [uscc])}
    values = {**found.values, GRADE_RANK: await _rank(look, uscc, opened, purpose)}
    is_told = opened.kind == "self" or bool(opened.scopes)
    given = [*found.given, *(one.given for one in claims if is_told)]
    answers = answers_of(setting.tags, values, uscc, given, removed, day)
    contests = await repository.latest_contests(look.connection, uscc)
    closed = None if opened.kind == "self" else opened.withheld(shared_catalogue())
    told = [
        tell_tag(one, setting, closed, contests.get(one.tag.entry.code))
        for one in answers
        if _is_seen(one, opened, closed)
    ]
    return _answer(uscc, day, told)


async def tags_for_platform(look: Look, uscc: str) -> TagsAnswer:
    """What the platform itself keeps of a firm: what was certified or declared, and whether it is watched."""
    setting, day = await setting_of(look), look.now.date()
    given = [one.given for one in await repository.read_claims(look.connection, [uscc])]
    if await repository.is_watched(look.connection, uscc):
        given.append(Given(uscc, RISK_WATCH, day, day))
    removed = {tag for _, tag in await repository.removed_tags(look.connection, [uscc])}
    contests = await repository.latest_contests(look.connection, uscc)
    told = [
        tell_tag(one, setting, None, contests.get(one.tag.entry.code))
        for one in answers_of(setting.tags, {}, uscc, given, removed, day)
        if one.rule is None and one.tag.entry.audience != "self"
    ]
    return _answer(uscc, day, told)


async def certify(look: Look, certificates: Collection[Certificate]) -> list[Claim]:
    """Keep certificates of an authority.

    Raises
    ------
    NotFoundError
        If there is no such tag.
    ConflictError
        If a tag is not one that is certified.
    """
    return [await _claim_of(look, one) for one in certificates]


async def declare(look: Look, code: str) -> Claim:
    """Keep the firm's own word that it has a tag.

    Raises
    ------
    NotFoundError
        If there is no such tag.
    ConflictError
        If it is not one that firms declare.
    """
    entry = find_entry(code)
    if entry.kind != "self_declared":
        raise _not_of_kind(entry, "self_declared")
    uscc, day = look.caller.tenant, look.now.date()
    claim = Claim(
        new_id("K"), uscc, code, "self_declared", day, _last_day(entry, day), "", "", look.caller.id, look.now
    )  # fmt: skip
    await repository.write_claim(look.connection, claim)
    await repository.restore_tag(look.connection, uscc, code, look.now)
    return claim


async def remove(look: Look, code: str) -> None:
    """Take a personal tag away from one's own firm: it is unknown at once, to everybody.

    Raises
    ------
    NotFoundError
        If there is no such tag.
    ConflictError
        If it is not personal: such a tag can be contested.
    """
    entry = find_entry(code)
    if not (entry.personal or entry.kind == "self_declared"):
        raise ConflictError(
            en=f"The tag '{code}' says nothing of a person, so it cannot be removed. Contest it instead.",
            zh=f"标签“{entry.words.zh}”不属于个人标签，不能移除；如有误请提出异议。",
            details={"tag": code},
        )
    await repository.remove_tag(
        look.connection, look.caller.tenant, code, cause="owner", by=look.caller.id, now=look.now
    )


async def restore(look: Look, code: str) -> None:
    """Take a removal back.

    Raises
    ------
    NotFoundError
        If there is no such tag, or it was not removed.
    """
    find_entry(code)
    if not await repository.restore_tag(look.connection, look.caller.tenant, code, look.now):
        raise not_found()


async def setting_of(look: Look) -> TagSetting:
    """The tags of today; the first look of a day compiles them, beside the event loop."""
    return await asyncio.to_thread(setting_at, look.now)


async def read_records(look: Look, uscc: str, opened: Opened) -> Found:
    """What is open of a firm in the lake; nothing in a house without one."""
    lake, catalogue, now = lake_of(look), shared_catalogue(), look.now
    try:
        return await look.house.reading.read(
            lambda stop: read_firm(lake, catalogue, uscc, opened, now, stop)
        )
    except XinqiaoError as refused:
        if refused.code != "lake":
            raise
        return Found({}, [])  # a house without a lake has no records


async def _rank(look: Look, uscc: str, opened: Opened, purpose: Purpose | None) -> float | None:
    institution = "" if opened.kind == "self" else look.caller.tenant
    grade = await repository.newest_grade(
        look.connection, uscc, institution, purpose, opened.scopes, look.now.date()
    )
    return None if grade is None else 1.0 + letters_of_scale().index(grade)


def _is_seen(answer: Answer, opened: Opened, closed: frozenset[str] | None) -> bool:
    """Whether a tag is shown at all; what nothing could decide is left out for an institution."""
    if answer.tag.entry.audience not in _SEEN[opened.kind]:
        return False
    if closed is None or answer.state != "unknown":
        return True
    return answer.rule is not None and answer.rule.datasets.isdisjoint(closed)


def tell_tag(
    answer: Answer, setting: TagSetting, closed: frozenset[str] | None, contested: Contest | None
) -> TagAnswer:
    """A tag in words; `closed` are the datasets that are withheld, None for the firm itself."""
    entry = answer.tag.entry
    version = max(
        (one for one in entry.versions), key=lambda one: one.valid_from, default=None
    ) if answer.rule else None  # fmt: skip
    needs = answer.rule.datasets & closed if answer.rule and closed else frozenset[str]()
    return TagAnswer(
        tag=entry.code,
        words=entry.words,
        group=entry.group,
        kind=entry.kind,
        state=answer.state,
        is_personal=entry.personal,
        # Whether something was removed is the firm's own affair.
        is_removed=answer.is_removed and closed is None,
        contest=contested.state if contested and closed is None else None,
        valid_from=answer.since,
        valid_until=answer.until,
        rule=str(answer.rule.rule) if answer.rule else None,
        source=version.source if version else None,
        rests_on=rests_on(answer, setting.meanings, closed),
        need_authorisation=list(setting.meanings.scopes_of(needs))
        if answer.state == "unknown"
        else [],
    )


def _answer(uscc: str, day: date, told: list[TagAnswer]) -> TagsAnswer:
    shown = {one.group for one in told}
    groups = load_tags().groups
    return TagsAnswer(
        uscc=uscc,
        as_of=day,
        groups=[GroupAnswer(code=code, words=groups[code]) for code in groups if code in shown],
        tags=sorted(told, key=lambda one: (list(groups).index(one.group), one.tag)),
    )


async def _claim_of(look: Look, one: Certificate) -> Claim:
    entry = find_entry(one.tag)
    if entry.kind != "certified" or entry.audience != "open":
        raise _not_of_kind(entry, "certified")
    until = one.valid_until or _last_day(entry, one.valid_from)
    claim = Claim(
        new_id("K"), one.uscc, one.tag, "certified", one.valid_from, until, one.authority, one.evidence_no,
        look.caller.id, look.now,
    )  # fmt: skip
    await repository.write_claim(look.connection, claim)
    return claim


def _last_day(entry: TagEntry, first: date) -> date:
    return months_before(first, -(entry.valid_months or 12))


def _not_of_kind(entry: TagEntry, kind: str) -> ConflictError:
    way = {"certified": ("certified", "认证"), "self_declared": ("declared by firms", "企业申报")}
    en, zh = way[kind]
    return ConflictError(
        en=f"The tag '{entry.code}' is not one that is {en}.",
        zh=f"标签“{entry.words.zh}”不属于{zh}类标签。",
        details={"tag": entry.code, "kind": entry.kind},
    )


async def opened_by(look: Look, scopes: frozenset[str]) -> Opened:
    """What the caller's look opens: the firm's own sees all that is held about it."""
    return Opened("self") if look.caller.role is Role.OWNER else Opened("grantee", scopes)
