"""`/v1/consents`: what an enterprise opens, to whom, and how it takes that back."""

from typing import Annotated

from fastapi import Path, Query, Response

from features.contracts import load_catalogue
from serving.access.callers import Role
from serving.access.decision import Action, Resource, not_found
from serving.consent import repository, service
from serving.consent.notices import notice_on
from serving.consent.rules import rules_on
from serving.consent.schemas import (
    Code,
    ConsentAnswer,
    ConsentGrant,
    ConsentHistory,
    ConsentNarrowing,
    GranteeCode,
    NoticeAnswer,
    ScopesAnswer,
    consent_answer,
    consent_history,
    notice_answer,
    scopes_answer,
)
from serving.consent.states import Consent, Status
from serving.door import Door, asks
from serving.look import CurrentLook, Look
from serving.pages import CurrentPager, Page

door = Door("/v1", "consents")

ConsentId = Annotated[Code, Path(description="A consent's id.")]
UsccFilter = Annotated[str | None, Query(pattern=r"^[0-9A-Z]{18}$")]


@door.post("/consents", status_code=201)
@asks(Action.CONSENT_GRANT)
async def grant_consent(body: ConsentGrant, look: CurrentLook, response: Response) -> ConsentAnswer:
    """Open some kinds of data to one institution, for one purpose, until a day.

    The enterprise's own person must be known surely enough and name the notice of risks in force.
    """
    await look.allow(Resource(uscc=look.caller.tenant, purpose=body.purpose))
    consent = await service.grant(look.connection, look.caller, body.wish(), look.now)
    _names(look, consent)
    response.headers["Location"] = f"/v1/consents/{consent.consent_id}"
    return consent_answer(consent)


@door.get("/consents")
@asks(Action.CONSENT_READ)
async def list_consents(
    look: CurrentLook,
    pager: CurrentPager,
    uscc: UsccFilter = None,
    grantee: Annotated[GranteeCode | None, Query()] = None,
    status: Annotated[Status | None, Query()] = None,
) -> Page[ConsentAnswer]:
    """An enterprise sees its own, an institution those given to it, operator and auditor all."""
    tenant = look.caller.tenant
    if look.caller.role is Role.OWNER:
        uscc = tenant
    elif look.caller.role in {Role.CLIENT, Role.OFFICER}:
        grantee = tenant
    await look.allow(Resource(uscc=uscc or "", institution=grantee or ""))
    consents = await repository.read_page(
        look.connection,
        uscc=uscc,
        grantee=grantee,
        status=status,
        after=str(pager.after[0]) if pager.after else "",
        limit=pager.fetch,
    )
    look.says(fields=["consent"], count=min(len(consents), pager.limit))
    return pager.page(consents, consent_answer, lambda consent: (consent.consent_id,))


@door.get("/consents/{consent_id}")
@asks(Action.CONSENT_READ)
async def read_consent(consent_id: ConsentId, look: CurrentLook) -> ConsentHistory:
    """One consent with all that happened to it."""
    consent = await _found(look, consent_id)
    events = await repository.read_events(look.connection, consent_id)
    return consent_history(consent, events)


@door.post("/consents/{consent_id}/narrow")
@asks(Action.CONSENT_CHANGE)
async def narrow_consent(
    consent_id: ConsentId, body: ConsentNarrowing, look: CurrentLook
) -> ConsentAnswer:
    """Leave only some of the kinds open; from the next look on the others are closed."""
    await _found(look, consent_id)
    narrowed = await service.narrow(
        look.connection, look.caller, consent_id, frozenset(body.scopes), look.now
    )
    return consent_answer(narrowed)


@door.post("/consents/{consent_id}/revoke")
@asks(Action.CONSENT_CHANGE)
async def revoke_consent(consent_id: ConsentId, look: CurrentLook) -> ConsentAnswer:
    """Take it back; the next look is refused."""
    await _found(look, consent_id)
    revoked = await service.revoke(look.connection, look.caller, consent_id, look.now)
    return consent_answer(revoked)


@door.get("/consent-notices/current")
@asks(Action.SERVICE_READ)
async def read_notice(look: CurrentLook) -> NoticeAnswer:
    """The notice of risks an enterprise must have read before it consents today."""
    await look.allow(Resource())
    return notice_answer(notice_on(look.now.date()))


@door.get("/consent-scopes")
@asks(Action.SERVICE_READ)
async def list_scopes(look: CurrentLook) -> ScopesAnswer:
    """The kinds of data that can be opened, what each opens, and the limits of each purpose."""
    await look.allow(Resource())
    return scopes_answer(load_catalogue(), rules_on(look.now.date()))


async def _found(look: Look, consent_id: str) -> Consent:
    """A consent that the caller may ask about.

    Raises
    ------
    NotFoundError
        If there is none, or it is another's.
    """
    consent = await repository.read(look.connection, consent_id)
    if consent is None:
        raise not_found()
    await look.allow(Resource(uscc=consent.uscc, institution=consent.grantee))
    _names(look, consent)
    return consent


def _names(look: Look, consent: Consent) -> None:
    look.consents.add(consent.consent_id)
    look.says(fields=["consent"], consent_id=consent.consent_id, grantee=consent.grantee)
