"""The machine of cases: no path skips a duty, clocks only go forward, every state is reached, ends are ends."""

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import XinqiaoError
from serving.disputes.clocks import Kind, duties_done, duties_opened
from serving.disputes.machine import Actor, Standing, appeal_until, next_steps, take
from serving.disputes.steps import DECISIONS, FINAL, FIRST, OPEN_DISPUTE, STEPS, By
from serving.errors import ConflictError, MalformedError, NotPermittedError

START = datetime(2026, 11, 20, 9)
KINDS: tuple[Kind, ...] = ("dispute", "review", "repair")
FIELDS = (
    "text",
    "basis",
    "reference",
    "answer_zh",
    "grade",
    "decided_by",
    "certificate_no",
    "reviewer",
)
ACTORS = (
    Actor("P-owner", "owner"),
    Actor("P-one", "operator"),
    Actor("P-two", "operator"),
    Actor("P-three", "operator"),
    Actor("system", "system"),
)
NAMES = sorted({step.name for step in STEPS})
LONG = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
#: A number that picks a step, an actor, a reviewer, and hours to wait; mostly steps the state allows.
Move = tuple[int, int, int, int]
MOVES = st.lists(
    st.tuples(st.integers(0, 999), st.integers(0, 4), st.integers(1, 3), st.integers(0, 400)),
    min_size=30,
    max_size=40,
)
#: Which state an answer may come from, and what must have happened for it.
BEFORE_ANSWER = {
    "dispute": [{"correct", "land", "rated"}, {"reject"}, {"record_both"}],
    "review": [{"uphold"}, {"order_rating", "rated"}, {"propose_override", "confirm_override"}],
}


def fresh(kind: Kind) -> Standing:
    return Standing(kind, FIRST[kind], START)


def picked(standing: Standing, number: int) -> str:
    """Mostly a step the state allows, seldom the owner's withdrawal, at times any step."""
    possible = [s.name for s in STEPS if s.kind == standing.kind and standing.state in s.sources]
    if number % 13:
        possible = [name for name in possible if name != "withdraw"] or possible
    is_any = number % 7 == 0 or not possible
    return NAMES[number % len(NAMES)] if is_any else possible[number % len(possible)]


def moved(standing: Standing, move: Move, now: datetime) -> tuple[str, str, Standing] | None:
    number, actor, reviewer, _ = move
    name = picked(standing, number)
    wanted = {by for s in STEPS if (s.kind, s.name) == (standing.kind, name) for by in s.by}
    able = [one for one in ACTORS if one.by in wanted] or list(ACTORS)
    chosen = ACTORS[actor] if number % 11 == 0 else able[actor % len(able)]
    try:
        return (
            name,
            chosen.id,
            take(standing, name, chosen, FIELDS, now=now, reviewer=ACTORS[reviewer].id),
        )
    except XinqiaoError:
        return None


@LONG
@given(st.sampled_from(KINDS), MOVES)
def test_no_path_skips_a_duty(kind: Kind, moves: list[Move]) -> None:
    standing, now = fresh(kind), START
    done: list[str] = []
    open_duties = {d.name for d in duties_opened(kind, "file", at=now, region="61", about="own")}
    for move in moves:
        now += timedelta(hours=move[3])
        before, after = standing, moved(standing, move, now)
        if after is None:
            continue
        name, _, standing = after
        assert before.state not in FINAL
        assert standing.since == now >= before.since
        assert standing.deciders >= before.deciders
        assert standing.round in (1, 2)
        done.append(name)
        for duty in duties_opened(kind, name, at=now, region="61", about="own"):
            assert duty.due.at > now
            open_duties.add(duty.name)
        open_duties -= set(duties_done(kind, name))
        if name == "answer":
            since_appeal = (
                done[len(done) - done[::-1].index("appeal") :] if "appeal" in done else done
            )
            assert any(need <= set(since_appeal) for need in BEFORE_ANSWER[kind])
            assert not open_duties
        if name == "close":
            assert not open_duties
    if kind == "repair" and standing.state == "closed":
        assert done[-3:] == ["grant", "land", "rated"]
        assert not open_duties


@LONG
@given(MOVES)
def test_no_one_decides_an_appeal_against_himself(moves: list[Move]) -> None:
    for kind in ("dispute", "review"):
        standing, now = fresh(kind), START
        deciders: dict[int, set[str]] = {1: set(), 2: set()}
        for move in moves:
            now += timedelta(hours=move[3])
            step = moved(standing, move, now)
            if step is None:
                continue
            name, actor, standing = step
            if name in DECISIONS:
                deciders[standing.round].add(actor)
        assert not deciders[1] & deciders[2]


def reached(kind: Kind) -> set[str]:
    states, todo = {FIRST[kind]}, [FIRST[kind]]
    while todo:
        state = todo.pop()
        targets = {s.target for s in STEPS if s.kind == kind and state in s.sources} - states
        states |= targets
        todo += targets
    return states


def leads_to_an_end(kind: Kind, state: str) -> bool:
    seen, todo = {state}, [state]
    while todo:
        one = todo.pop()
        if one in FINAL:
            return True
        fresh_ones = {s.target for s in STEPS if s.kind == kind and one in s.sources} - seen
        seen |= fresh_ones
        todo += fresh_ones
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_is_reached_and_ends(kind: Kind) -> None:
    of_kind = [step for step in STEPS if step.kind == kind]
    named = {state for step in of_kind for state in (*step.sources, step.target)}
    assert reached(kind) == named
    assert all(leads_to_an_end(kind, state) for state in named)
    assert not [step for step in of_kind if FINAL & set(step.sources)]


def test_a_dispute_is_open_until_its_answer() -> None:
    assert {
        "received", "accepted", "forwarded", "checking", "corrected", "correction_landed",
        "re_rated", "rejected", "both_recorded",
    } == OPEN_DISPUTE  # fmt: skip


def test_the_owner_may_withdraw_until_a_decision() -> None:
    by: By = "owner"
    assert next_steps("dispute", "checking", by) == ("withdraw",)
    assert next_steps("dispute", "corrected", by) == ()
    assert next_steps("dispute", "answered", by) == ("appeal",)


def test_an_answer_must_be_written() -> None:
    standing = Standing("dispute", "rejected", START)
    with pytest.raises(MalformedError, match="'answer' needs answer_zh"):
        take(standing, "answer", ACTORS[1], (), now=START)


def test_a_step_is_its_actors_own() -> None:
    with pytest.raises(
        NotPermittedError, match="'accept' is a step of the operator, not of the owner"
    ):
        take(fresh("dispute"), "accept", ACTORS[0], (), now=START)


def test_a_step_out_of_turn_names_what_is_possible() -> None:
    with pytest.raises(ConflictError, match=r"'check' cannot .* 'received'. Possible now: accept"):
        take(fresh("dispute"), "check", ACTORS[1], (), now=START)


def test_an_unknown_step_lists_the_known() -> None:
    with pytest.raises(
        MalformedError, match=r"A repair has no step of that name\. It has: forward"
    ):
        take(fresh("repair"), "accept", ACTORS[1], (), now=START)


def test_an_override_takes_two_people() -> None:
    proposed = Standing("review", "override_proposed", START, assigned_to="P-one")
    with pytest.raises(ConflictError, match="Two people decide an override"):
        take(proposed, "confirm_override", ACTORS[1], (), now=START)
    assert take(proposed, "confirm_override", ACTORS[2], (), now=START).state == "grade_overridden"


def test_an_appeal_is_possible_for_fifteen_days_and_once() -> None:
    # answered on 20 November; the fifteenth day after it is 5 December, which ends at 24:00
    answered = Standing("dispute", "answered", START)
    last = datetime(2026, 12, 5, 23, 59, 59)
    assert appeal_until(START) == datetime(2026, 12, 6)
    assert take(answered, "appeal", ACTORS[0], ("text",), now=last).round == 2
    with pytest.raises(ConflictError, match="The time for an appeal is over"):
        take(answered, "appeal", ACTORS[0], ("text",), now=last + timedelta(seconds=1))
    with pytest.raises(ConflictError, match="can still be appealed"):
        take(answered, "close", ACTORS[4], (), now=last)
    again = Standing("dispute", "answered", START, round=2)
    with pytest.raises(ConflictError, match="can be appealed against once"):
        take(again, "appeal", ACTORS[0], ("text",), now=START)
    assert take(again, "close", ACTORS[4], (), now=START).state == "closed"
