"""Whether a step of a table of steps may be taken: the same four questions for every kind of case."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from serving.errors import ConflictError, MalformedError, NotPermittedError


class Step(Protocol):
    """One move, and what the four questions ask of it."""

    @property
    def by(self) -> tuple[str, ...]:
        """Who may take it."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Fields that must be given."""
        ...


@dataclass(frozen=True)
class Attempt:
    """A step that somebody wants to take.

    Attributes
    ----------
    of : str
        What it is a step of, with its article: `An alert`.
    given : collection of str
        Names of the fields that were filled in.
    """

    of: str
    state: str
    name: str
    by: str
    given: Collection[str] = ()


AStep = TypeVar("AStep", bound=Step)


def permitted(
    table: Mapping[str, AStep], attempt: Attempt, possible: Callable[[], Collection[str]]
) -> AStep:
    """The step, if it may be taken.

    Parameters
    ----------
    table : mapping of str to step
        Every step there is, by name.
    possible : callable
        Names of what this side may do now.

    Raises
    ------
    MalformedError
        If there is no such step, or what it needs was not given.
    NotPermittedError
        If it is another side's step.
    ConflictError
        If it cannot be taken as things stand.
    """
    step = table.get(attempt.name)
    if step is None:
        raise _unknown(attempt, table)
    if attempt.by not in step.by:
        raise _not_theirs(attempt, step)
    if attempt.name not in (names := possible()):
        raise _not_now(attempt, names)
    if missing := [field for field in step.needs if field not in attempt.given]:
        raise _incomplete(attempt, missing)
    return step


def _unknown(attempt: Attempt, table: Collection[str]) -> MalformedError:
    return MalformedError(
        en=f"{attempt.of} has no step of that name. It has: {', '.join(table)}.",
        zh=f"没有这个步骤，可用的步骤：{'、'.join(table)}。",
    )


def _not_theirs(attempt: Attempt, step: Step) -> NotPermittedError:
    return NotPermittedError(
        en=f"'{attempt.name}' is a step of the {' or the '.join(step.by)}, not of the {attempt.by}.",
        zh=f"步骤“{attempt.name}”不由当前一方办理。",
        details={"step": attempt.name},
    )


def _not_now(attempt: Attempt, possible: Collection[str]) -> ConflictError:
    name, state = attempt.name, attempt.state
    return ConflictError(
        en=f"'{name}' cannot be done in state '{state}'. "
        f"Possible now: {', '.join(possible) or 'nothing'}.",
        zh=f"状态“{state}”下不能办理“{name}”。当前可办理：{'、'.join(possible) or '无'}。",
        details={"state": state, "possible": list(possible)},
    )


def _incomplete(attempt: Attempt, missing: list[str]) -> MalformedError:
    return MalformedError(
        en=f"'{attempt.name}' needs {', '.join(missing)}. Give what is missing.",
        zh=f"步骤“{attempt.name}”需要填写：{'、'.join(missing)}。",
        details={"missing": missing},
    )
