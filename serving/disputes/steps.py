"""Where a case can go, who may take it there, and what must be said: one table, nothing else decides.

A dispute is about a record, a review 人工复核 about a rating, a repair 信用修复 about a bad record whose
duties are done. An answer cannot be given before the correction has landed and the firm was rated
again, because these are states on the way and not conditions that could be forgotten.
"""

from dataclasses import dataclass
from typing import Literal

from serving.disputes.clocks import Kind

By = Literal["owner", "operator", "system"]
#: Conditions on who and when, beside the state.
Guard = Literal[
    "assignee", "not_assignee", "not_decided", "fresh_reviewer", "first_round", "in_time", "late"
]


@dataclass(frozen=True)
class Step:
    """One move of a case.

    Attributes
    ----------
    sources : tuple of str
        States it may be taken from.
    needs : tuple of str
        Fields that must be given.
    """

    kind: Kind
    name: str
    sources: tuple[str, ...]
    target: str
    by: tuple[By, ...]
    needs: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()


_OPERATOR: tuple[By, ...] = ("operator",)
_OWNER: tuple[By, ...] = ("owner",)
_SYSTEM: tuple[By, ...] = ("system",)
_FRESH: tuple[Guard, ...] = ("not_decided",)
_OWN: tuple[Guard, ...] = ("assignee",)
_IN_TIME: tuple[Guard, ...] = ("first_round", "in_time")

# fmt: off
#: `corrected` waits for the record, `correction_landed` for the rating; both then may be answered.
STEPS: tuple[Step, ...] = (
    Step("dispute", "accept", ("received",), "accepted", _OPERATOR),
    Step("dispute", "forward", ("accepted",), "forwarded", _OPERATOR, ("reference",)),
    Step("dispute", "check", ("forwarded",), "checking", _OPERATOR),
    Step("dispute", "correct", ("checking",), "corrected", _OPERATOR, ("basis",), _FRESH),
    Step("dispute", "reject", ("checking",), "rejected", _OPERATOR, ("basis",), _FRESH),
    Step("dispute", "record_both", ("checking",), "both_recorded", _OPERATOR, ("basis",), _FRESH),
    Step("dispute", "land", ("corrected",), "correction_landed", _SYSTEM),
    Step("dispute", "rated", ("correction_landed",), "re_rated", _SYSTEM),
    Step("dispute", "answer", ("re_rated", "rejected", "both_recorded"), "answered", _OPERATOR, ("answer_zh",)),
    Step("dispute", "appeal", ("answered",), "accepted", _OWNER, ("text",), _IN_TIME),
    Step("dispute", "close", ("answered",), "closed", _SYSTEM, guards=("late",)),
    Step("dispute", "withdraw", ("received", "accepted", "forwarded", "checking"), "withdrawn", _OWNER),

    Step("review", "assign", ("requested", "assigned"), "assigned", _OPERATOR, ("reviewer",), ("fresh_reviewer",)),
    Step("review", "uphold", ("assigned",), "upheld", _OPERATOR, ("basis",), _OWN),
    Step("review", "order_rating", ("assigned",), "rating_ordered", _OPERATOR, ("basis",), _OWN),
    Step("review", "rated", ("rating_ordered",), "re_rated", _SYSTEM),
    Step("review", "propose_override", ("assigned",), "override_proposed", _OPERATOR, ("basis", "grade"), _OWN),
    Step("review", "confirm_override", ("override_proposed",), "grade_overridden", _OPERATOR, (), ("not_assignee", "not_decided")),
    Step("review", "refuse_override", ("override_proposed",), "assigned", _OPERATOR, ("basis",), ("not_assignee",)),
    Step("review", "answer", ("upheld", "re_rated", "grade_overridden"), "answered", _OPERATOR, ("answer_zh",)),
    Step("review", "appeal", ("answered",), "requested", _OWNER, ("text",), _IN_TIME),
    Step("review", "close", ("answered",), "closed", _SYSTEM, guards=("late",)),
    Step("review", "withdraw", ("requested", "assigned"), "withdrawn", _OWNER),

    Step("repair", "forward", ("applied",), "forwarded", _OPERATOR, ("reference",)),
    Step("repair", "grant", ("forwarded",), "granted", _OPERATOR, ("basis", "decided_by", "certificate_no")),
    Step("repair", "refuse", ("forwarded",), "refused", _OPERATOR, ("basis", "decided_by")),
    Step("repair", "land", ("granted",), "effective", _SYSTEM),
    Step("repair", "rated", ("effective",), "closed", _SYSTEM),
    Step("repair", "reapply", ("refused",), "applied", _OWNER, ("text",)),
    Step("repair", "withdraw", ("applied", "forwarded"), "withdrawn", _OWNER),
)
# fmt: on
#: Who takes one of these has decided, and may not decide the appeal.
DECISIONS = frozenset(
    {
        "correct",
        "reject",
        "record_both",
        "uphold",
        "order_rating",
        "propose_override",
        "confirm_override",
    }
)
FIRST: dict[Kind, str] = {"dispute": "received", "review": "requested", "repair": "applied"}
FINAL = frozenset({"closed", "withdrawn"})
#: Until its answer a dispute is open, and its record is marked 异议中.
OPEN_DISPUTE = frozenset(
    {step.target for step in STEPS if step.kind == "dispute"} | {"received"}
) - (FINAL | {"answered"})
