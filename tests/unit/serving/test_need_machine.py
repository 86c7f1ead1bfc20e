"""Where an application can go, and its clocks over weekends and holidays."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from serving.errors import ConflictError, MalformedError, NotPermittedError
from serving.needs.machine import OPEN, STEPS, TABLE, By, Standing, State, applied, next_steps, take
from serving.needs.rules import reasons, revisits

FRIDAY = datetime(2026, 11, 20, 16, 30)
#: Which steps are open in each state, as a credit officer reads it: lender's, firm's, platform's, by themselves.
OPEN_STEPS: dict[State, tuple[set[str], set[str], set[str], set[str]]] = {
    "applied": ({"contact", "grant", "decline"}, {"withdraw"}, set(), {"expire"}),
    "contacted": ({"grant", "decline"}, {"withdraw"}, set(), {"expire"}),
    "granted": ({"revisit"}, set(), {"revisit"}, set()),
    "declined": (set(), set(), set(), set()),
    "withdrawn": (set(), set(), set(), set()),
    "expired": (set(), set(), set(), set()),
}
SIDES: tuple[By, ...] = ("institution", "firm", "platform", "system")
GIVEN = {"amount", "reason", "outcome"}


def standing(state: State) -> Standing:
    new = applied(FRIDAY)
    decide_by = new.decide_by if state in OPEN else None
    revisit_by = new.decide_by if state == "granted" else None
    return Standing(state, FRIDAY, new.expires_at, None, decide_by, revisit_by)


@pytest.mark.parametrize("state", sorted(OPEN_STEPS))
@pytest.mark.parametrize("name", sorted(TABLE))
@pytest.mark.parametrize("by", SIDES)
def test_every_step_from_every_state_by_every_side(state: State, name: str, by: By) -> None:
    is_open = name in OPEN_STEPS[state][SIDES.index(by)]
    if by not in TABLE[name].by:
        with pytest.raises(
            NotPermittedError, match=f"'{name}' is a step of the {' or the '.join(TABLE[name].by)}"
        ):
            take(standing(state), name, by, now=FRIDAY, given=GIVEN)
    elif not is_open:
        with pytest.raises(ConflictError, match=f"cannot be done in state '{state}'"):
            take(standing(state), name, by, now=FRIDAY, given=GIVEN)
    else:
        moved = take(standing(state), name, by, now=FRIDAY, given=GIVEN)
        assert moved.state == TABLE[name].target
        assert moved.contact_by is None
        assert (moved.decide_by is not None) == moved.is_open
    assert (name in next_steps(standing(state), by)) == is_open


def test_a_grant_says_how_much_and_a_refusal_why() -> None:
    for name, missing in (("grant", "amount"), ("decline", "reason")):
        with pytest.raises(MalformedError, match=f"'{name}' needs {missing}"):
            take(applied(FRIDAY), name, "institution", now=FRIDAY)
    with pytest.raises(MalformedError, match="no step of that name"):
        take(applied(FRIDAY), "approve", "institution", now=FRIDAY)
    assert all(words.zh and words.en for words in (*reasons().values(), *revisits().values()))
    assert {step.target for step in STEPS} | {"applied"} == OPEN_STEPS.keys()


@pytest.mark.parametrize(
    ("at", "contact_by", "decide_by"),
    [
        # A Friday: Monday and Tuesday; ten working days later is Friday in two weeks.
        (FRIDAY, datetime(2026, 11, 24, 18), datetime(2026, 12, 4, 18)),
        # A Saturday counts from Monday as well.
        (datetime(2026, 11, 21, 9), datetime(2026, 11, 24, 18), datetime(2026, 12, 4, 18)),
        # The National Day holiday of 2026 is 1 to 7 October; Saturday the 10th is worked.
        (datetime(2026, 9, 30, 9), datetime(2026, 10, 9, 18), datetime(2026, 10, 20, 18)),
    ],
)
def test_clocks_count_working_days(at: datetime, contact_by: datetime, decide_by: datetime) -> None:
    new = applied(at)
    assert (new.contact_by, new.decide_by) == (contact_by, decide_by)


def test_what_is_overdue_and_what_follows_a_grant() -> None:
    new = applied(FRIDAY)
    assert [new.overdue(at) for at in (datetime(2026, 11, 24, 18), datetime(2026, 11, 24, 18, 1))] == ["", "contact"]  # fmt: skip
    seen = take(new, "contact", "institution", now=datetime(2026, 11, 24, 10))
    assert seen.overdue(datetime(2026, 12, 4, 18)) == ""
    assert seen.overdue(datetime(2026, 12, 4, 19)) == "decide"
    granted = take(seen, "grant", "institution", now=datetime(2026, 11, 25), given=GIVEN)
    # 30 days after 25 November, whether offices work then or not: 25 December at 18:00.
    at = datetime(2026, 12, 25, 18)
    assert [granted.overdue(at), granted.overdue(at + timedelta(minutes=1))] == ["", "revisit"]
    asked = take(granted, "revisit", "platform", now=at, given={"outcome"})
    assert asked == replace(granted, revisit_by=None)
    assert next_steps(asked, "institution") == ()
    with pytest.raises(ConflictError, match="'revisit' cannot be done in state 'granted'"):
        take(asked, "revisit", "institution", now=at, given={"outcome"})
