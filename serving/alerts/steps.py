"""Where an alert can go and who may take it there: one table, nothing else decides."""

from dataclasses import dataclass
from typing import Literal

State = Literal["detected", "verified", "pushed", "acknowledged", "handling", "closed"]
By = Literal["institution", "system"]
#: What came of an alert; the first three are a lender's judgement, the others the platform's finding.
Outcome = Literal[
    "confirmed_default", "mitigated", "false_alarm", "repaired", "loan_settled", "expired"
]

OPEN: tuple[State, ...] = ("detected", "verified", "pushed", "acknowledged", "handling")
_TOLD: tuple[State, ...] = ("pushed", "acknowledged", "handling")
_SEEN: tuple[State, ...] = ("acknowledged", "handling")
JUDGED: tuple[Outcome, ...] = ("confirmed_default", "mitigated", "false_alarm")
ENDED: tuple[Outcome, ...] = ("repaired", "loan_settled", "expired")


@dataclass(frozen=True)
class Step:
    """One move of an alert.

    Attributes
    ----------
    target : str or None
        None leaves the state as it is.
    needs : tuple of str
        Fields that must be given.
    """

    name: str
    sources: tuple[State, ...]
    target: State | None
    by: By
    needs: tuple[str, ...] = ()


# fmt: off
STEPS: tuple[Step, ...] = (
    Step("verify", ("detected",), "verified", "system"),
    Step("push", ("verified",), "pushed", "system"),
    Step("acknowledge", ("pushed",), "acknowledged", "institution"),
    Step("note", _SEEN, "handling", "institution", ("text",)),
    Step("close", _SEEN, "closed", "institution", ("outcome",)),
    Step("raise", OPEN, "detected", "system"),
    Step("lower", OPEN, None, "system"),
    Step("repeat", _TOLD, None, "system"),
    Step("end", OPEN, "closed", "system", ("outcome",)),
    Step("reopen", ("closed",), "detected", "system"),
)
# fmt: on
TABLE = {step.name: step for step in STEPS}


def next_steps(state: State, by: By) -> tuple[str, ...]:
    """What this side may do with an alert in this state.

    Examples
    --------
    >>> next_steps("pushed", "institution"), next_steps("closed", "institution")
    (('acknowledge',), ())
    """
    return tuple(step.name for step in STEPS if step.by == by and state in step.sources)
