"""A firm looks for a loan: its need, the products it qualifies for and why, and what is missing for others."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from features.scope import Purpose
from models.matching.facts import FactEntry, Source, load_facts
from serving.access.callers import Role
from serving.access.decision import Action, not_found
from serving.door import asks
from serving.look import CurrentLook, Look
from serving.matching.policies import policies_for
from serving.matching.repository import list_matches
from serving.matching.schemas import MatchDocument, MatchRequest
from serving.matching.service import give_match, read_match
from serving.web.callers import own_firm, require_role
from serving.web.forms import CurrentForm, Form, as_body
from serving.web.site import Pages, go_to, page
from serving.web.stated import stated

door = Pages("/me")
MatchId = Annotated[str, Path(max_length=40)]
_LISTED, _LAST = 8, 2**62
#: How many of a fact's own unit one of the form's is: amounts are written in 10,000 yuan, shares in percent.
_SCALES = {"cny": 10_000.0, "ratio": 0.01}


@door.get("/matches", response_model=None)
@asks(Action.MATCH_LIST)
async def show_form(look: CurrentLook, request: Request) -> HTMLResponse:
    """What is needed, and matches made before."""
    firm = await own_firm(look)
    older = await list_matches(
        look.connection, firm=firm, institution="", before=_LAST, limit=_LISTED
    )
    look.says(fields=["list"])
    return page(look, request, "matches.html", facts=_facts, older=older)


@door.post("/matches", response_model=None)
@asks(Action.MATCH_CREATE)
async def match_now(look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Match the own firm."""
    firm = await own_firm(look)
    match, _ = await give_match(look, as_body(MatchRequest, _request(firm, form)))
    return go_to(f"/me/matches/{match.match_id}")


@door.get("/matches/{match_id}", response_model=None)
@asks(Action.MATCH_READ)
async def read_one(match_id: MatchId, look: CurrentLook, request: Request) -> HTMLResponse:
    """Products in three sections, in the order asked for."""
    told = await _own(look, match_id)
    given = stated(told.offers | told.statements)
    return page(look, request, "match.html", told=told, said=_said(told), stated=given)


@door.get("/matches/{match_id}/products/{code}", response_model=None)
@asks(Action.MATCH_READ)
async def read_product(
    match_id: MatchId,
    code: Annotated[str, Path(max_length=40)],
    look: CurrentLook,
    request: Request,
) -> HTMLResponse:
    """One product of a match with every condition."""
    told = await _own(look, match_id)
    several = [*told.eligible, *told.near, *told.need_authorisation, *told.need_data]
    found = next((one for one in several if one.code == code), None)
    if found is None:
        raise not_found()
    count = len(stated(told.offers | told.statements))
    return page(look, request, "match_product.html", told=told, product=found, said_count=count)


@door.get("/policies", response_model=None)
@asks(Action.POLICY_MATCH_READ)
async def read_policies(look: CurrentLook, request: Request) -> HTMLResponse:
    """Policies the own firm can claim, and what is missing for others."""
    await own_firm(look)
    return page(look, request, "policies.html", told=await policies_for(look))


async def _own(look: Look, match_id: str) -> MatchDocument:
    require_role(look, Role.OWNER)
    _, text = await read_match(look, match_id)
    return MatchDocument.model_validate_json(text)


def _facts(*sources: Source) -> tuple[FactEntry, ...]:
    """Facts a template asks for."""
    return load_facts().of(*sources)


def _request(firm: str, form: Form) -> Mapping[str, object]:
    """The body of a match from a form."""
    return {
        "uscc": firm,
        "purpose": Purpose.SELF_REPORT,
        "need": {
            "amount_cny": _amount(form.one("amount")),
            "term_months": form.one("term_months"),
            "purpose": form.one("purpose"),
        },
        "offers": _given(form, "offer"),
        "statements": _given(form, "firm"),
        "order": form.one("order") or "personal",
    }


def _given(form: Form, source: Source) -> dict[str, object]:
    """What was filled in; a box that is not ticked says nothing."""
    found: dict[str, object] = {}
    for entry in load_facts().of(source):
        text = form.one(entry.name)
        if text:
            found[entry.name] = True if entry.unit == "flag" else _number(entry, text)
    return found


def _number(entry: FactEntry, text: str) -> float | str:
    """A number in the fact's own unit; what is none stays as written, for the service to refuse."""
    try:
        return round(float(text.replace(",", "")) * _SCALES.get(entry.unit, 1.0), 6)
    except ValueError:
        return text[:40]


def _amount(text: str) -> float | str:
    try:
        return round(float(text.replace(",", "")) * _SCALES["cny"], 2)
    except ValueError:
        return text[:40]


def _said(told: MatchDocument) -> list[tuple[str, str]]:
    """The form that asks for the same again."""
    fields = [
        ("amount", f"{told.need.amount_cny / 10_000:f}"),
        ("term_months", str(told.need.term_months)),
        ("purpose", told.need.purpose),
    ]
    units = {entry.name: entry.unit for entry in load_facts().facts}
    for name, value in (told.offers | told.statements).items():
        if isinstance(value, bool):
            fields += [(name, "1")] if value else []
        elif isinstance(value, str):
            fields.append((name, value))
        else:
            fields.append((name, f"{value / _SCALES.get(units[name], 1.0):.12g}"))
    return fields
