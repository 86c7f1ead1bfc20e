"""A bank officer's page of its products: what stands, what waits, and a form for the next one."""

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from models.matching.facts import load_facts
from models.products.shelf import PURPOSE
from serving.access.callers import Role
from serving.access.decision import Action
from serving.door import asks
from serving.look import CurrentLook
from serving.products import service
from serving.products.schemas import NewProduct, Withdrawal
from serving.web.callers import require_role
from serving.web.forms import CurrentForm, Form, as_body
from serving.web.site import Pages, go_to, page

door = Pages("/bank/products")
_LISTED = 100
#: Ways to secure a loan, as the form offers them.
GUARANTEES = ("credit", "mortgage", "pledge", "receivables", "locked_account", "guarantee")


@door.get("", response_model=None)
@asks(Action.PRODUCT_READ)
async def read_products(look: CurrentLook, request: Request) -> HTMLResponse:
    """Own versions, and the form."""
    require_role(look, Role.OFFICER)
    rows = await service.list_some(look, None, ("", 0), _LISTED)
    today = look.now.date()
    purposes = next(fact.codes for fact in load_facts().facts if fact.name == PURPOSE)
    return page(
        look,
        request,
        "bank_products.html",
        products=[service.answer(row, today) for row in rows],
        purposes=purposes,
        guarantees=GUARANTEES,
        today=today,
    )


@door.post("", response_model=None)
@asks(Action.PRODUCT_SUBMIT)
async def submit(look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Hand in what the form says."""
    require_role(look, Role.OFFICER)
    await service.submit(look, as_body(NewProduct, _product(form)))
    return go_to("/bank/products")


@door.post("/{code}/withdraw", response_model=None)
@asks(Action.PRODUCT_CHANGE)
async def withdraw(code: str, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Take it off the shelf."""
    require_role(look, Role.OFFICER)
    said = as_body(Withdrawal, {"reason": form.one("reason")})
    await service.withdraw(look, code, said.reason)
    return go_to("/bank/products")


def _product(form: Form) -> dict[str, object]:
    """The body of `POST /v1/products` from the fields of the form; what is empty is left out."""
    terms: dict[str, object] = {
        **form.filled("valid_from", "valid_until", "when", "source"),
        "regions": _listed(form.one("regions")) or ["*"],
        "requires_tags": _listed(form.one("requires_tags")),
        "excludes_tags": _listed(form.one("excludes_tags")),
        "purposes": form.many("purpose"),
        "limit": _named(form, at_least="least_amount", at_most="most_amount"),
        "rate": _named(form, least="least_rate", most="most_rate", base="base")
        | {"quoted_on": form.one("valid_from") or None},
        "term_months": _named(form, least="least_term", most="most_term"),
        "guarantee": form.many("guarantee"),
        "carbon_linked": form.one("carbon_linked") == "yes",
        "evidence": "V",
        **_named(form, approval_days="approval_days"),
    }
    return {
        "code": form.one("code"),
        "name": _words(form, "name"),
        "lender": _words(form, "lender"),
        "terms": terms,
    }


def _named(form: Form, **fields: str) -> dict[str, str]:
    return {name: form.one(field) for name, field in fields.items() if form.one(field)}


def _words(form: Form, name: str) -> dict[str, str]:
    zh = form.one(f"{name}_zh")
    return {"zh": zh, "en": form.one(f"{name}_en") or zh}


def _listed(text: str) -> list[str]:
    return [
        one
        for one in text.replace("，", ",").replace("、", ",").replace(" ", ",").split(",")
        if one
    ]
