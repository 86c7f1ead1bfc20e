"""Decisions about needs and applications: who states what, who sees what of it, and what is answered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from features.contracts import load_catalogue
from models.products.book import ProductEntry, ProductVersion
from serving.access.callers import Role
from serving.access.decision import Resource, not_found
from serving.auth.marks import new_id
from serving.codes import require_code
from serving.errors import ConflictError, MalformedError
from serving.look import Look
from serving.matching.asked import need_values, said_values
from serving.needs import repository
from serving.needs.machine import By, take
from serving.needs.rows import Application, Need, NewEvent, Said
from serving.needs.rules import reasons, revisits
from serving.needs.schemas import (
    ApplicationAnswer,
    ApplicationDetail,
    Contact,
    Decline,
    Grant,
    NeedMade,
    Revisit,
    application_answer,
    detail_of,
)
from serving.needs.telling import tell
from serving.pages import Pager
from serving.products.shelves import ProductShelf

_FEN = 100
_NEWEST = 2**62
_FIRMS_WORD = ("offer", "firm")
#: On whose side a role stands; all others act for an institution.
_SIDES: Mapping[Role, By] = {Role.OWNER: "firm", Role.OPERATOR: "platform"}


@dataclass(frozen=True)
class Offered:
    """A product of today's shelf and the consent scopes its rule asks about."""

    entry: ProductEntry
    version: ProductVersion
    scopes: frozenset[str]


async def make_need(look: Look, made: NeedMade, source: str) -> Need:
    """Take down what a firm needs.

    Raises
    ------
    ConflictError
        If the firm's code is none that the lake takes.
    MalformedError
        If a statement is unknown or not what it must be.
    """
    is_owner = look.caller.role is Role.OWNER
    institution = "" if is_owner else look.caller.tenant
    await look.allow(Resource(uscc=made.uscc, institution=institution))
    require_code(made.uscc)
    need_values(made.need)
    said_values(made.statements, _FIRMS_WORD, "body.statements")
    said: dict[str, Said] = dict(made.statements)
    need = Need(
        need_no=0,
        need_id=new_id("F"),
        uscc=made.uscc,
        institution=institution,
        amount_fen=int(made.need.amount_cny * _FEN),
        term_months=made.need.term_months,
        purpose=made.need.purpose,
        statements=said,
        source=source,
        made_by=look.caller.id,
        made_at=look.now,
    )
    await repository.add_need(look.connection, need)
    look.says(fields=["need"], need_id=need.need_id)
    return need


async def find_need(look: Look, need_id: str) -> Need:
    """A need the caller may know of: its firm's, or of the institution whose officer took it down.

    Raises
    ------
    NotFoundError
        If there is none, or it is another's.
    """
    found = await repository.find_need(look.connection, need_id)
    if found is None:
        raise not_found()
    await look.allow(Resource(uscc=found.uscc, institution=found.institution))
    look.says(fields=["need"], need_id=need_id)
    return found


async def list_needs(look: Look, pager: Pager) -> list[Need]:
    """A page's rows of the caller's needs, the newest first."""
    resource = _own(look)
    await look.allow(resource)
    rows = await repository.list_needs(
        look.connection,
        uscc=resource.uscc,
        institution=resource.institution,
        before=int(pager.after[0]) if pager.after else _NEWEST,
        limit=pager.fetch,
    )
    look.says(fields=["need"], count=min(len(rows), pager.limit))
    return rows


async def find_application(look: Look, application_id: str, *, lock: bool = False) -> Application:
    """An application the caller may know of: its firm's, or its lender's.

    Raises
    ------
    NotFoundError
        If there is none, or it is another's.
    """
    found = None
    if application_id.isascii() and application_id.isprintable():
        found = await repository.read_application(look.connection, application_id, lock=lock)
    if found is None:
        raise not_found()
    await look.allow(Resource(uscc=found.uscc, institution=found.institution))
    look.says(fields=["application"], application_id=found.application_id)
    return found


async def list_applications(look: Look, pager: Pager, state: str) -> list[Application]:
    """A page's rows of the caller's applications, the newest first."""
    resource = _own(look)
    await look.allow(resource)
    rows = await repository.list_applications(
        look.connection,
        uscc=resource.uscc,
        institution=resource.institution,
        state=state,
        before=int(pager.after[0]) if pager.after else _NEWEST,
        limit=pager.fetch,
    )
    look.says(fields=["application"], count=min(len(rows), pager.limit))
    return rows


async def contact(look: Look, application_id: str, said: Contact) -> Application:
    """The lender got in touch with the firm."""
    return await _step(look, application_id, "contact", {"text": said.text})


async def grant(look: Look, application_id: str, said: Grant) -> Application:
    """The lender grants it.

    Raises
    ------
    ConflictError
        If the loan it names was reported of another firm.
    """
    found = await find_application(look, application_id, lock=True)
    loan_id = said.loan_id or ""
    firm = await repository.firm_of_loan(look.connection, found.institution, loan_id)
    if firm is not None and firm != found.uscc:
        raise refused("loan_of_another")
    granted = replace(
        found,
        amount_fen=int(said.amount_cny * _FEN),
        rate_percent=said.rate_percent,
        term_months=said.term_months,
        loan_id=loan_id,
    )
    return await _take(look, granted, "grant", {"amount": str(said.amount_cny), "loan_id": loan_id})


async def decline(look: Look, application_id: str, said: Decline) -> Application:
    """The lender declines it for a reason of the list.

    Raises
    ------
    MalformedError
        If the reason is on no list.
    """
    found = await find_application(look, application_id, lock=True)
    _require_listed("reason", said.reason, reasons())
    declined = replace(found, reason=said.reason)
    return await _take(look, declined, "decline", {"reason": said.reason, "text": said.text or ""})


async def revisit(look: Look, application_id: str, said: Revisit) -> Application:
    """Somebody asked the firm how it went; the lender's officer, or the platform for it.

    Raises
    ------
    MalformedError
        If the outcome is on no list.
    ConflictError
        If it was not granted, or was asked about already.
    """
    found = await find_application(look, application_id, lock=True)
    _require_listed("outcome", said.outcome, revisits())
    asked = replace(found, revisit_outcome=said.outcome, satisfaction=said.satisfaction)
    mark = "" if said.satisfaction is None else str(said.satisfaction)
    given = {"outcome": said.outcome, "satisfaction": mark, "text": said.text or ""}
    return await _take(look, asked, "revisit", given)


async def withdraw(look: Look, application_id: str) -> Application:
    """The firm takes it back; its lender hears of it."""
    moved = await _step(look, application_id, "withdraw", {})
    need = (await repository.read_needs(look.connection, [moved.need_id]))[moved.need_id]
    await tell(look.connection, moved, need, look.now)
    return moved


async def answers(look: Look, rows: Sequence[Application]) -> list[ApplicationAnswer]:
    """Applications as the caller may see them; consent is asked anew each time."""
    needs = await repository.read_needs(look.connection, [one.need_id for one in rows])
    opened = await _opened(look, rows)
    products = await offered(look)
    is_owner = look.caller.role is Role.OWNER
    nothing = frozenset[str]()
    return [
        application_answer(
            one,
            needs[one.need_id],
            asked=products[one.product].scopes if one.product in products else nothing,
            opened=opened.get(one.institution if is_owner else one.uscc, nothing),
            is_owner=is_owner,
            now=look.now,
        )
        for one in rows
    ]


async def detail(look: Look, application_id: str) -> ApplicationDetail:
    """One application as it stands, in the transaction that may have moved it."""
    found = await find_application(look, application_id)
    (answer,) = await answers(look, [found])
    return detail_of(answer, await repository.read_events(look.connection, application_id))


async def offered(look: Look) -> Mapping[str, Offered]:
    """Products of today by code."""
    shelf = await look.house.shelves.on(look.connection, look.now.date())
    return {
        entry.code: Offered(entry, version, _scopes(shelf, place))
        for place, (entry, version) in enumerate(shelf.shelf.products)
    }


def _scopes(shelf: ProductShelf, place: int) -> frozenset[str]:
    """Consent scopes of everything one product asks about."""
    matcher, catalogue = shelf.shelf.matcher, load_catalogue()
    asked = [matcher.conditions.conditions[at] for at in matcher.of_rule(place).tolist()]
    named = {catalogue[name].document.consent_scope for one in asked for name in one.datasets}
    return frozenset(scope for scope in named if scope)


async def _opened(look: Look, rows: Sequence[Application]) -> Mapping[str, frozenset[str]]:
    """What is open for applications: by institution to an owner, by firm to an institution."""
    today, tenant = look.now.date(), look.caller.tenant
    if look.caller.role is Role.OWNER:
        lenders = [one.institution for one in rows]
        return await repository.opened_to(look.connection, tenant, lenders, today)
    firms = [one.uscc for one in rows]
    return await repository.opened_by(look.connection, firms, tenant, today)


async def _step(
    look: Look, application_id: str, step: str, said: Mapping[str, str | None]
) -> Application:
    found = await find_application(look, application_id, lock=True)
    return await _take(look, found, step, said)


async def _take(
    look: Look, found: Application, step: str, said: Mapping[str, str | None]
) -> Application:
    """Take a step; nothing is changed if it may not be taken."""
    by = _SIDES.get(look.caller.role, "institution")
    given = {name: text for name, text in said.items() if text}
    moved = replace(found, standing=take(found.standing, step, by, now=look.now, given=given))
    await repository.move_application(look.connection, moved)
    await write_event(look, moved, step, given)
    look.says(step=step, state=moved.standing.state)
    return moved


async def write_event(
    look: Look, application: Application, step: str, said: dict[str, str]
) -> None:
    """Append a step of the caller's to an application's history."""
    event = NewEvent(
        application_id=application.application_id,
        step=step,
        to_state=application.standing.state,
        at=look.now,
        actor=look.caller.id,
        actor_role=str(look.caller.role),
        said=said,
    )
    await repository.add_event(look.connection, event)


def _own(look: Look) -> Resource:
    """What a list is of: the firm's, or the institution's."""
    tenant = look.caller.tenant
    is_owner = look.caller.role is Role.OWNER
    return Resource(uscc=tenant) if is_owner else Resource(institution=tenant)


def _require_listed(field: str, code: str, codes: Collection[str]) -> None:
    if code not in codes:
        listed = ", ".join(codes)
        raise MalformedError(
            en=f"'{code}' is no {field} of the list. Give one of: {listed}.",
            zh=f"“{code}”不在清单内，应为：{listed}。",
            details={"fields": [{"place": f"body.{field}", "problem": "unknown_code"}]},
        )


def refused(because: str) -> ConflictError:
    """What stands in the way, by its code."""
    en, zh = _WORDS[because]
    return ConflictError(en=en, zh=zh, details={"because": because})


_WORDS = {
    "match_expired": (
        "This match has run out. Match again and apply for a product of the new one.",
        "该匹配结果已过有效期，请重新匹配后再申请。",
    ),
    "not_in_match": (
        "This match does not show that product as open to you. Apply for one that it shows.",
        "该产品不在本次匹配的可申请之列，请选择可申请的产品。",
    ),
    "no_lender": (
        "No institution offers this product now. Match again to see what is offered.",
        "目前没有机构提供该产品，请重新匹配。",
    ),
    "just_closed": (
        "The application that was open for this product has just ended. Apply again.",
        "该产品原有的申请刚刚办结，请重新申请。",
    ),
    "loan_of_another": (
        "The loan of that number was reported of another firm. Give the number of this firm's loan.",
        "该编号的贷款属于其他企业，请填写本企业贷款的编号。",
    ),
}
