"""An operator's page: institutions, alarms, and cases with what is due."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from serving.access.callers import Role
from serving.access.decision import Action
from serving.auth.alarms import service as alarms
from serving.auth.alarms.schemas import Acknowledgement
from serving.auth.institutions import service as institutions
from serving.auth.institutions.schemas import Assessment, Step
from serving.auth.institutions.states import ALLOWED, State
from serving.disputes.clocks import Kind, load_clocks
from serving.disputes.steps import STEPS
from serving.door import asks
from serving.look import CurrentLook
from serving.web import repository
from serving.web.callers import require_role
from serving.web.forms import CurrentForm, as_body
from serving.web.own_cases import case_page, take
from serving.web.site import Pages, go_to, page

door = Pages("/ops")
Code = Annotated[str, Path(max_length=18)]
_LISTED = 100
#: Every field that a step of the platform's needs.
FIELDS = tuple(sorted({name for step in STEPS if "operator" in step.by for name in step.needs}))


@door.get("", response_model=None)
@asks(Action.INSTITUTION_READ)
async def read_desk(look: CurrentLook, request: Request) -> HTMLResponse:
    """What there is to do."""
    require_role(look, Role.OPERATOR)
    found = await institutions.list_some(look, "", _LISTED)
    raised = await alarms.list_some(look, only_open=True, after=0, limit=_LISTED)
    return page(
        look,
        request,
        "ops.html",
        institutions=[(one, ALLOWED[State(one.state)]) for one in found],
        alarms=raised,
        cases=await repository.open_cases(look.connection, _LISTED),
        duties=load_clocks().duties,
        now=look.now,
    )


@door.post("/institutions/{uscc}/state", response_model=None)
@asks(Action.INSTITUTION_CHANGE)
async def change_state(uscc: Code, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Let in, suspend, let out; it counts from the next request on."""
    step = as_body(Step, {"state": form.one("state"), "reason": form.one("reason")})
    await institutions.step(look, uscc, step.state, step.reason)
    return go_to("/ops")


@door.post("/institutions/{uscc}/assessment", response_model=None)
@asks(Action.INSTITUTION_CHANGE)
async def assess(uscc: Code, look: CurrentLook, form: CurrentForm) -> RedirectResponse:
    """Record an assessment that was passed."""
    given = {"assessed_until": form.one("until"), "reason": form.one("reason")}
    passed = as_body(Assessment, given)
    await institutions.assess(look, uscc, passed.assessed_until, passed.reason)
    return go_to("/ops")


@door.post("/alarms/{alarm_id}/acknowledge", response_model=None)
@asks(Action.ALARM_CHANGE)
async def acknowledge(
    alarm_id: Annotated[int, Path(ge=1, lt=2**63)], look: CurrentLook, form: CurrentForm
) -> RedirectResponse:
    """Close an alarm with what was found."""
    found = as_body(Acknowledgement, {"outcome": form.one("outcome")})
    await alarms.acknowledge(look, alarm_id, found.outcome)
    return go_to("/ops")


@door.get("/cases/{kind}/{case_id}", response_model=None)
@asks(Action.DISPUTE_READ)
async def read_case(
    kind: Annotated[Kind, Path()],
    case_id: Annotated[str, Path(max_length=64)],
    look: CurrentLook,
    request: Request,
) -> HTMLResponse:
    """One case with every step that can be taken."""
    require_role(look, Role.OPERATOR)
    return await case_page(look, request, kind, case_id)


@door.post("/cases/{kind}/{case_id}/steps", response_model=None)
@asks(Action.DISPUTE_CHANGE)
async def step_case(
    kind: Annotated[Kind, Path()],
    case_id: Annotated[str, Path(max_length=64)],
    look: CurrentLook,
    form: CurrentForm,
) -> RedirectResponse:
    """Take it a step on."""
    require_role(look, Role.OPERATOR)
    await take(look, kind, case_id, form, FIELDS)
    return go_to(f"/ops/cases/{kind}/{case_id}")
