"""The terms of the gate: its limits, and what a check says."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import GateError
from models.histograms import Limit

LIMITS = Path(__file__).with_name("gate.yaml")
Outcome = Literal["passed", "failed", "not_judged"]


class GateLimits(Document):
    """`gate.yaml`; each key is explained there."""

    effective_from: date
    hostile_rows: Limit
    defaults_from: Limit
    auc_worse_to: Limit
    comparison_level: Limit
    grade_p_above: Limit
    slope_from: Limit
    slope_to: Limit
    shift_to: Limit
    segment_expected_from: Limit
    segment_ratio_from: Limit
    segment_ratio_to: Limit
    segment_p_above: Limit


@cache
def load_gate(path: Path = LIMITS) -> GateLimits:
    """Read the limits.

    Raises
    ------
    GateError
        With the file, the key and what was expected there.
    """
    return load_document(path, GateLimits, GateError)


@dataclass(frozen=True)
class Check:
    """One question and its answer.

    Attributes
    ----------
    name : str
        Stable code.
    outcome : {"passed", "failed", "not_judged"}
    words : Words
        What was found, with the limit.
    is_safety : bool
        No reason overrules it.
    """

    name: str
    outcome: Outcome
    words: Words
    is_safety: bool = False

    def as_record(self) -> dict[str, object]:
        """For the history."""
        return {**asdict(self), "words": {"zh": self.words.zh, "en": self.words.en}}


def passed(is_met: bool) -> Outcome:  # noqa: FBT001 - the one thing it says
    """Outcome of a condition."""
    return "passed" if is_met else "failed"


def failed_checks(checks: Sequence[Check], *, safety_only: bool = False) -> list[Check]:
    """Checks that failed."""
    return [c for c in checks if c.outcome == "failed" and (c.is_safety or not safety_only)]
