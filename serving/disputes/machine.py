"""Take a case one step on, or say in one sentence why not."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from serving.disputes.clocks import Kind, load_clocks
from serving.disputes.steps import DECISIONS, STEPS, By, Guard, Step
from serving.errors import ConflictError
from serving.stepping import Attempt, permitted

_TABLES: dict[Kind, dict[str, Step]] = {}
for _step in STEPS:
    _TABLES.setdefault(_step.kind, {})[_step.name] = _step


@dataclass(frozen=True)
class Standing:
    """Where a case stands, as far as its next step depends on it.

    Attributes
    ----------
    round : int
        1, or 2 after the appeal.
    since : datetime
        When it came into its state.
    assigned_to : str
        Reviewer of this round.
    deciders : frozenset of str
        Persons who decided in it, in any round.
    """

    kind: Kind
    state: str
    since: datetime
    round: int = 1
    assigned_to: str = ""
    deciders: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Actor:
    """Who takes a step."""

    id: str
    by: By


def next_steps(kind: Kind, state: str, by: By) -> tuple[str, ...]:
    """What this actor may do with a case in this state, as far as the state decides."""
    return tuple(s.name for s in STEPS if s.kind == kind and state in s.sources and by in s.by)


def take(
    standing: Standing,
    name: str,
    actor: Actor,
    given: Collection[str],
    *,
    now: datetime,
    reviewer: str = "",
) -> Standing:
    """Where the case stands after the step.

    Parameters
    ----------
    given : collection of str
        Names of the fields that were filled in.
    reviewer : str
        Who is to review, for `assign`.

    Raises
    ------
    MalformedError
        If there is no such step, or a field it needs was not given.
    NotPermittedError
        If it is not this actor's step.
    ConflictError
        If the state, the clock or the rule of two people does not allow it.
    """
    step = permitted(
        _TABLES[standing.kind],
        Attempt(f"A {standing.kind}", standing.state, name, actor.by, given),
        lambda: next_steps(standing.kind, standing.state, actor.by),
    )
    for guard in step.guards:
        _require(guard, standing, actor, now, reviewer)
    return _moved(standing, step, actor, now, reviewer)


def _moved(standing: Standing, step: Step, actor: Actor, now: datetime, reviewer: str) -> Standing:
    is_appeal = step.name == "appeal"
    keeps_reviewer = "" if is_appeal else standing.assigned_to
    decided = {actor.id} if step.name in DECISIONS else set[str]()
    return replace(
        standing,
        state=step.target,
        since=now,
        round=standing.round + is_appeal,
        assigned_to=reviewer if step.name == "assign" else keeps_reviewer,
        deciders=standing.deciders | decided,
    )


def appeal_until(since: datetime) -> datetime:
    """The last moment of an appeal against an answer given at `since`."""
    day = since.date() + timedelta(days=load_clocks().appeal_days.days + 1)
    return datetime.combine(day, datetime.min.time())


def _require(guard: Guard, standing: Standing, actor: Actor, now: datetime, reviewer: str) -> None:
    is_over = standing.round > 1 or now >= appeal_until(standing.since)
    is_met = {
        "assignee": actor.id == standing.assigned_to,
        "not_assignee": actor.id != standing.assigned_to,
        "not_decided": actor.id not in standing.deciders,
        "fresh_reviewer": reviewer not in standing.deciders,
        "first_round": standing.round == 1,
        "in_time": now < appeal_until(standing.since),
        "late": is_over,
    }[guard]
    if not is_met:
        en, zh = _WORDS[guard]
        raise ConflictError(en=en, zh=zh, details={"because": guard})


_WORDS: dict[Guard, tuple[str, str]] = {
    "assignee": (
        "Only the reviewer to whom the case is assigned may decide it. Assign it first.",
        "只有指定的复核人可以作出决定，请先指定复核人。",
    ),
    "not_assignee": (
        "Two people decide an override: another operator than the reviewer must confirm or refuse it.",
        "调整等级须由两人办理：请由复核人以外的工作人员确认或退回。",
    ),
    "not_decided": (
        "Who decided once may not decide again in this case. Another operator must.",
        "已在本案中作出过决定的人员不得再次决定，请由其他工作人员办理。",
    ),
    "fresh_reviewer": (
        "This reviewer has decided in this case already. Assign another one.",
        "该人员已在本案中作出过决定，请指定其他复核人。",
    ),
    "first_round": (
        "An answer can be appealed against once. File a new case if there are new facts.",
        "每件异议只能申诉一次；如有新的事实，请重新提出。",
    ),
    "in_time": (
        "The time for an appeal is over. File a new case if there are new facts.",
        "已超过申诉期限；如有新的事实，请重新提出。",
    ),
    "late": (
        "The answer can still be appealed against; the case closes after that.",
        "仍在申诉期内，期满后方可结案。",
    ),
}
