"""Matching against Kleene's tables asked firm by firm, rule by rule."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from features.errors import RuleError
from features.rules.normal import parts_of
from features.rules.syntax import AllOf, AnyOf, Not, Rule
from models.matching.batch import NOTHING, Everyone, left_to_ask
from models.matching.matcher import Matcher
from tests.any_rules import FIRMS, RULES, TERMS, WORDS, Firm, columns_of, naive

BOOKS = st.lists(st.none() | RULES, min_size=1, max_size=6)
SEEDS = st.integers(0, 2**32 - 1)


def matcher_of(book: list[Rule | None]) -> Matcher:
    """A matcher; books whose brackets stand for too many conditions are not of interest here."""
    try:
        return Matcher.of_rules([(f"R{n}", rule) for n, rule in enumerate(book)], WORDS)
    except RuleError as refused:
        assume("brackets stand for" not in refused.en)
        raise


def answer(rule: Rule | None, firm: Firm) -> bool | None:
    """The naive double loop's inner step; what asks nothing is true."""
    return True if rule is None else naive(rule, firm)


@given(RULES, FIRMS)
def test_the_parts_of_a_rule_answer_as_it_does(rule: Rule, firm: Firm) -> None:
    try:
        parts = parts_of(rule)
    except RuleError:
        return
    literals = [[Not(one.clause) if one.is_negated else one.clause for one in part] for part in parts]  # fmt: skip
    again = AllOf(tuple(AnyOf(tuple(some)) for some in literals))
    assert naive(again, firm) is naive(rule, firm)


@settings(deadline=None)
@given(BOOKS, FIRMS)
def test_one_firm_is_judged_as_by_the_naive_loop(book: list[Rule | None], firm: Firm) -> None:
    matcher = matcher_of(book)
    states = matcher.conditions.ask(matcher.conditions.row(firm)[np.newaxis])[0]
    found = matcher.judged(states)
    for place, rule in enumerate(book):
        expected = answer(rule, firm)
        assert bool(found.is_eligible[place]) == (expected is True)
        assert bool(found.failed[place]) == (expected is False)
        assert bool(found.is_open[place]) == (expected is None)
        missing = matcher.missing(place, states)
        assert len(missing.failed) == found.failed[place]
        assert len(missing.unknown) == found.unknown[place]


@settings(deadline=None)
@given(
    BOOKS,
    st.lists(FIRMS, min_size=1, max_size=5),
    SEEDS,
    st.integers(1, 2_200),
    st.integers(1, 3),
    st.sets(st.sampled_from(sorted(TERMS)), max_size=2),
)
def test_everyone_at_once_is_each_alone(
    book: list[Rule | None], kinds: list[Firm], seed: int, rows: int, threads: int, left: set[str]
) -> None:
    rng, matcher = np.random.default_rng(seed), matcher_of(book)
    kind = rng.integers(0, len(kinds), rows)
    grade = rng.integers(0, 2, rows)
    order = np.array([rng.permutation(len(book)) for _ in range(2)], dtype=np.int32)
    everyone = Everyone(matcher, order, left_to_ask(matcher, left), most=2, threads=threads)
    firms = columns_of([kinds[one] for one in kind.tolist()])
    found = everyone.match(firms, grade)

    alone = np.zeros_like(found.counts.alone)
    totals = np.zeros((4, len(book)), dtype=np.int64)
    held: dict[tuple[int, int], bool] = {}
    for of_kind, (firm, times) in enumerate(
        zip(kinds, np.bincount(kind, minlength=len(kinds)), strict=True)
    ):
        states = matcher.conditions.ask(matcher.conditions.row(firm)[np.newaxis])[0]
        for rule in range(len(book)):
            missing = matcher.missing(rule, states)
            is_sure = answer(book[rule], firm) is True
            is_fit = not missing.failed and all(everyone.is_left[c] for c in missing.unknown)
            is_undecided = not missing.failed and not is_fit
            is_near = len(missing.failed) == 1
            totals[:, rule] += times * np.array([is_sure, is_fit, is_undecided, is_near])
            if is_near:
                place = matcher.of_rule(rule).tolist().index(missing.failed[0])
                alone[matcher.start[rule] + place] += times
            if is_fit:
                held[of_kind, rule] = is_sure
    counts = found.counts
    assert [counts.sure.tolist(), counts.fits.tolist(), counts.undecided.tolist(), counts.near.tolist()] == totals.tolist()  # fmt: skip
    assert counts.alone.tolist() == alone.tolist()
    assert counts.firms == rows
    for row, own in enumerate(kind.tolist()):
        wanted = [rule for rule in order[grade[row]].tolist() if (own, rule) in held][:2]
        kept = [rule for rule in found.top[row].tolist() if rule != NOTHING]
        assert kept == wanted
        assert found.is_sure[row, : len(kept)].tolist() == [held[own, rule] for rule in kept]
