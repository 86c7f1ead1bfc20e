"""The states of an institution 有进有出, and from which to which it may go."""

from datetime import date, timedelta
from enum import StrEnum

from serving.auth.rules import load_rules
from serving.errors import ConflictError


class State(StrEnum):
    """Where an institution stands; only `active` opens anything."""

    APPLIED = "applied"
    ASSESSED = "assessed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXITED = "exited"


#: What an operator may say next. `assessed` is reached by an assessment, not by a word.
ALLOWED = {
    State.APPLIED: (State.EXITED,),
    State.ASSESSED: (State.ACTIVE, State.EXITED),
    State.ACTIVE: (State.SUSPENDED, State.EXITED),
    State.SUSPENDED: (State.ACTIVE, State.EXITED),
    State.EXITED: (),
}


def require_step(state: State, to: State, assessed_until: date | None, today: date) -> None:
    """Refuse a step that the table does not have, or that lacks an assessment in force.

    Raises
    ------
    ConflictError
        Naming the steps that are allowed.
    """
    if to not in ALLOWED[state]:
        listed = [str(allowed) for allowed in ALLOWED[state]]
        raise ConflictError(
            en=f"An institution that is '{state}' cannot become '{to}'. It can become: "
            f"{', '.join(listed) or 'nothing else'}.",
            zh=f"机构当前为“{state}”，不能变更为“{to}”；可变更为：{'、'.join(listed) or '无'}。",
            details={"state": str(state), "allowed": listed},
        )
    if to is State.ACTIVE and (assessed_until is None or assessed_until < today):
        raise ConflictError(
            en=f"The assessment of this institution ended on {assessed_until}. Record a new one first.",
            zh=f"该机构的评估已于 {assessed_until} 到期，请先登记新的评估。",
            details={"state": str(state), "assessed_until": str(assessed_until)},
        )


def after_assessment(state: State, until: date, today: date) -> State:
    """The state after an assessment was passed: a first one moves it on, a yearly one keeps it.

    Raises
    ------
    ConflictError
        If the institution has left, or the assessment would be over already or run too long.
    """
    longest = today + timedelta(days=load_rules().institutions.assessment_days)
    if state is State.EXITED:
        raise ConflictError(
            en="An institution that has left is not assessed. It may apply again.",
            zh="已退出的机构不再评估，可重新申请接入。",
            details={"state": str(state), "allowed": []},
        )
    if not today <= until <= longest:
        raise ConflictError(
            en=f"An assessment on {today} can hold until {longest} at most, not until {until}.",
            zh=f"于 {today} 登记的评估最长有效至 {longest}，不能为 {until}。",
            details={"latest": longest.isoformat()},
        )
    return State.ASSESSED if state is State.APPLIED else state
