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
    by: tuple[By, ...]
    needs: tuple[str, ...] = ()


_LENDER: tuple[By, ...] = ("institution",)
_SYSTEM: tuple[By, ...] = ("system",)

# fmt: off
STEPS: tuple[Step, ...] = (
    Step("verify", ("detected",), "verified", _SYSTEM),
    Step("push", ("verified",), "pushed", _SYSTEM),
    Step("acknowledge", ("pushed",), "acknowledged", _LENDER),
    Step("note", _SEEN, "handling", _LENDER, ("text",)),
    Step("close", _SEEN, "closed", _LENDER, ("outcome",)),
    Step("raise", OPEN, "detected", _SYSTEM),
    Step("lower", OPEN, None, _SYSTEM),
    Step("repeat", _TOLD, None, _SYSTEM),
    Step("end", OPEN, "closed", _SYSTEM, ("outcome",)),
    Step("reopen", ("closed",), "detected", _SYSTEM),
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
    return tuple(step.name for step in STEPS if by in step.by and state in step.sources)
