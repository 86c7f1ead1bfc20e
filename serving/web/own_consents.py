"""A firm's consents: what is open to whom, granted after reading the notice, narrowed, taken back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from features.contracts import load_catalogue
from features.scope import PLATFORM, Purpose
from serving.access.callers import Role
from serving.access.decision import Action, Resource, not_found
from serving.consent import repository as consents
from serving.consent import service
from serving.consent.notices import notice_on, told
from serving.consent.rules import known_scopes, rules_on, separate_scopes
from serving.consent.schemas import ConsentGrant
from serving.consent.states import Consent, require_grantable
from serving.door import asks
from serving.errors import MalformedError
from serving.look import CurrentLook, Look
from serving.problems import language_of
from serving.web import repository
from serving.web.callers import own_firm, require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.repository import Institution
from serving.web.site import Pages, go_to, page
from serving.web.words import words_for

door = Pages("/me/consents")
ConsentId = Annotated[str, Path(max_length=64)]
_MOST = 500
_USUAL_DAYS = 90


@dataclass(frozen=True)
class Kind:
    """A kind of data with the datasets it opens."""

    scope: str
    datasets: Sequence[str]
    is_separate: bool


@door.get("", response_model=None)
@asks(Action.CONSENT_READ)
async def list_own(look: CurrentLook, request: Request) -> HTMLResponse:
    """Live ones first, then those that have ended, the newest before the older."""
    found = await consents.read_page(
        look.connection,
        uscc=await own_firm(look),
        grantee=None,
        status=None,
        after="",
        limit=_MOST,
    )
    found.sort(key=lambda consent: consent.granted_at, reverse=True)
    look.says(fields=["consent"], count=len(found))
    return page(
        look,
        request,
        "consents.html",
        live=[one for one in found if one.status == "active"],
        past=[one for one in found if one.status != "active"],
        names=await _names(look, found),
        today=look.now.date(),
    )


@door.get("/new", response_model=None)
@asks(Action.CONSENT_READ)
async def show_form(
    look: CurrentLook,
    request: Request,
    grantee: Annotated[str, Query(max_length=18)] = "",
    scope: Annotated[list[str], Query(max_length=32)] = [],  # noqa: B006 - FastAPI copies it
) -> HTMLResponse:
    """The first of two steps: to whom, for what, which kinds, how long; kinds asked for are marked, not ticked."""
    firm = await own_firm(look)
    today = look.now.date()
    rules = rules_on(today)
    return page(
        look,
        request,
        "grant.html",
        institutions=await repository.active_institutions(look.connection),
        purposes=rules.purposes,
        kinds=kinds(),
        grantee=grantee,
        asked=scope,
        live=await _live_to(look, firm, grantee),
        until=today + timedelta(days=_USUAL_DAYS - 1),
        today=today,
        needed_level=rules.real_name_level,
    )


@door.get("/confirm", response_model=None)
@asks(Action.CONSENT_READ)
async def show_notice(
    look: CurrentLook,
    request: Request,
    purpose: Purpose,
    until: date,
    grantee: Annotated[str, Query(max_length=18)],
    scope: Annotated[list[str], Query(max_length=32)] = [],  # noqa: B006 - FastAPI copies it
) -> HTMLResponse:
    """The second: the notice of risks in full, for this very consent, before the button."""
    await own_firm(look)
    today = look.now.date()
    notice = notice_on(today)
    body = _body(grantee, purpose, scope, until, today, notice.version, separate_scopes(scope))
    require_grantable(body.wish(), look.caller, today)
    language = language_of(request, look.house.settings.language)
    known = await repository.named(look.connection, [grantee])
    is_zh = language == "zh"
    names = [known_scopes()[one] for one in scope]
    purpose_words = words_for("purposes", purpose)
    blanks = {
        "grantee": _name(known.get(grantee), is_zh=is_zh),
        "purpose": purpose_words.zh if is_zh else purpose_words.en,
        "scopes": ("、" if is_zh else ", ").join(one.zh if is_zh else one.en for one in names),
        "until": until.isoformat(),
    }
    return page(
        look,
        request,
        "confirm.html",
        wish=body,
        blanks=blanks,
        notice=notice,
        sections=told(notice, language, blanks),
        separate=[(one, known_scopes()[one]) for one in body.separately],
    )


@door.post("", response_model=None)
@asks(Action.CONSENT_GRANT)
async def grant(look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Grant it."""
    purpose = form.one("purpose")
    given = {
        "grantee": form.one("grantee"),
        "purpose": purpose,
        "scopes": form.many("scope"),
        "separately": form.many("separately"),
        "valid_from": look.now.date(),
        "valid_to": form.one("until"),
        "notice_version": form.one("notice") if form.one("has_read") else "-",
    }
    body = as_body(ConsentGrant, given)
    await look.allow(Resource(uscc=look.caller.tenant, purpose=body.purpose))
    consent = await service.grant(look.connection, look.caller, body.wish(), look.now)
    _says(look, consent)
    return go_to(f"/me/consents/{consent.consent_id}")


@door.get("/{consent_id}", response_model=None)
@asks(Action.CONSENT_READ)
async def read_one(consent_id: ConsentId, look: CurrentLook, request: Request) -> HTMLResponse:
    """One consent with what it opens, what happened to it, and how to make it smaller."""
    return await _shown(look, request, consent_id, "consent.html")


@door.get("/{consent_id}/revoke", response_model=None)
@asks(Action.CONSENT_READ)
async def ask_revoke(consent_id: ConsentId, look: CurrentLook, request: Request) -> HTMLResponse:
    """What taking it back does, before it is done."""
    return await _shown(look, request, consent_id, "revoke.html")


@door.post("/{consent_id}/revoke", response_model=None)
@asks(Action.CONSENT_CHANGE)
async def revoke(consent_id: ConsentId, look: CurrentLook) -> RedirectResponse:
    """Take it back."""
    await _found(look, consent_id)
    await service.revoke(look.connection, look.caller, consent_id, look.now)
    return go_to(f"/me/consents/{consent_id}")


@door.post("/{consent_id}/narrow", response_model=None)
@asks(Action.CONSENT_CHANGE)
async def narrow(consent_id: ConsentId, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Leave only the ticked kinds open."""
    await _found(look, consent_id)
    kept = frozenset(form.many("scope"))
    await service.narrow(look.connection, look.caller, consent_id, kept, look.now)
    return go_to(f"/me/consents/{consent_id}")


def kinds() -> Sequence[Kind]:
    """Every kind of data that can be opened, in the order people read them."""
    opened: dict[str, list[str]] = {}
    for dataset in load_catalogue():
        if dataset.document.consent_scope:
            opened.setdefault(dataset.document.consent_scope, []).append(dataset.name)
    return [Kind(code, opened.get(code, []), one.separate) for code, one in known_scopes().items()]


async def _live_to(look: Look, firm: str, grantee: str) -> Sequence[Consent]:
    """What the firm opens to somebody for applications already: that can be opened once at a time."""
    if not grantee:
        return []
    found = await consents.read_page(
        look.connection, uscc=firm, grantee=grantee, status="active", after="", limit=_MOST
    )
    return [one for one in found if one.purpose == Purpose.APPLY]


async def _shown(look: Look, request: Request, consent_id: str, name: str) -> HTMLResponse:
    consent = await _found(look, consent_id)
    return page(
        look,
        request,
        name,
        consent=consent,
        names=await _names(look, [consent]),
        kinds=[kind for kind in kinds() if kind.scope in consent.scopes],
        events=await consents.read_events(look.connection, consent_id),
    )


async def _found(look: Look, consent_id: str) -> Consent:
    require_role(look, Role.OWNER)
    consent = await consents.read(look.connection, consent_id)
    if consent is None:
        raise not_found()
    await look.allow(Resource(uscc=consent.uscc, institution=consent.grantee))
    _says(look, consent)
    return consent


def _says(look: Look, consent: Consent) -> None:
    look.consents.add(consent.consent_id)
    look.says(fields=["consent"], consent_id=consent.consent_id, grantee=consent.grantee)


def _body(
    grantee: str,
    purpose: Purpose,
    scopes: Sequence[str],
    until: date,
    today: date,
    version: str,
    separately: Sequence[str],
) -> ConsentGrant:
    if not scopes:
        raise _nothing_chosen()
    given = {
        "grantee": grantee,
        "purpose": purpose,
        "scopes": scopes,
        "separately": separately,
        "valid_from": today,
        "valid_to": until,
        "notice_version": version,
    }
    return as_body(ConsentGrant, given)


def _nothing_chosen() -> MalformedError:
    return MalformedError(
        en="No kind of data is ticked. Go back and tick at least one.",
        zh="未勾选任何信息种类，请返回至少勾选一项。",
    )


async def _names(look: Look, found: Sequence[Consent]) -> Mapping[str, Institution]:
    names = dict(await repository.named(look.connection, {one.grantee for one in found}))
    names[PLATFORM] = Institution(PLATFORM, "信桥平台", "the Xinqiao platform", "")
    return names


def _name(known: Institution | None, *, is_zh: bool) -> str:
    if known is None:
        return "信桥平台" if is_zh else "the Xinqiao platform"
    return known.name_zh if is_zh else known.name_en
