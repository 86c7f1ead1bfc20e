"""Matching against Kleene's tables asked firm by firm, rule by rule."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from features.errors import RuleError
from features.rules.normal import Literal, Part, parts_of
from features.rules.syntax import AllOf, AnyOf, Between, Compare, Known, Not, Rule
from models.matching.batch import NOTHING, SLICE, Everyone, left_to_ask
from models.matching.matcher import Matcher
from tests.any_rules import (
    FIRMS,
    RULES,
    TERMS,
    WORDS,
    Firm,
    columns_of,
    drawn_firm,
    drawn_rule,
    in_units,
    naive,
)

BOOKS = st.lists(st.none() | RULES, min_size=1, max_size=6)
SEEDS = st.integers(0, 2**32 - 1)


def matcher_of(book: list[Rule | None]) -> Matcher:
    """A matcher; books whose brackets stand for too many conditions are not of interest here."""
    try:
        return Matcher.of_rules([(f"R{n}", rule) for n, rule in enumerate(book)], WORDS)
    except RuleError as refused:
        assume("brackets stand for" not in refused.en)
        raise


#: A condition as its questions: name, sign and limits, in one spelling.
Key = frozenset[tuple[str, str, object, object]]
_OPPOSITE = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "known": "no", "in": "out"}  # fmt: skip


def key_of(part: Part) -> Key:
    """What a condition asks, whatever the units and the brackets it was written with."""
    return frozenset(_question(one) for one in part)


def _question(literal: Literal) -> tuple[str, str, object, object]:
    match literal.clause:
        case Compare(name=name, operator=sign, value=value):
            low = high = in_units(value)
        case Between(name=name, low=least, high=most):
            low, high = in_units(least), in_units(most)
            sign = "=" if low == high else "in"
        case Known(name=name):
            sign, low, high = "known", None, None
        case _:
            name, sign, low, high = literal.clause.name, "=", 1.0, 1.0
    return name, _OPPOSITE[sign] if literal.is_negated else sign, low, high


@dataclass(frozen=True)
class Lacks:
    """Conditions of a rule that are false for a firm, and those of which nobody can tell."""

    failed: frozenset[Key]
    unknown: frozenset[Key]

    def fits(self, left: Collection[str]) -> bool:
        """Whether only questions that are left to ask stand open."""
        return not self.failed and all(any(one[0] in left for one in key) for key in self.unknown)


def naive_loop(book: Sequence[Rule | None], firms: Sequence[Firm]) -> list[list[Lacks]]:
    """What each firm lacks of each rule, one pair and one question at a time; what asks nothing lacks nothing."""
    asked = [{key_of(one): whole(one) for one in parts_of(rule)} if rule else {} for rule in book]
    return [
        [_lacks(rule, own, firm) for rule, own in zip(book, asked, strict=True)] for firm in firms
    ]


def _lacks(rule: Rule | None, asked: Mapping[Key, Rule], firm: Firm) -> Lacks:
    found = {key: naive(one, firm) for key, one in asked.items()}
    states = found.values()
    assert rule is None or naive(rule, firm) is (
        False if False in states else None if None in states else True
    )
    failed, unknown = (
        frozenset(k for k, s in found.items() if s is state) for state in (False, None)
    )
    return Lacks(failed, unknown)


def whole(part: Part) -> Rule:
    """A condition as a rule."""
    return AnyOf(tuple(Not(one.clause) if one.is_negated else one.clause for one in part))


@given(RULES, FIRMS)
def test_the_parts_of_a_rule_answer_as_it_does(rule: Rule, firm: Firm) -> None:
    try:
        parts = parts_of(rule)
    except RuleError:
        return
    again = AllOf(tuple(map(whole, parts)))
    assert naive(again, firm) is naive(rule, firm)


@settings(deadline=None)
@given(BOOKS, FIRMS)
def test_one_firm_is_judged_as_by_the_naive_loop(book: list[Rule | None], firm: Firm) -> None:
    matcher = matcher_of(book)
    check_alone(matcher, keys_of(matcher), naive_loop(book, [firm])[0], firm)


def keys_of(matcher: Matcher) -> list[Key]:
    """What each condition of a matcher asks."""
    return [key_of(one.part) for one in matcher.conditions.conditions]


def check_alone(matcher: Matcher, keys: Sequence[Key], lacks: Sequence[Lacks], firm: Firm) -> None:
    """Verdicts and missing conditions of one firm against every rule."""
    states = matcher.conditions.ask(matcher.conditions.row(firm)[np.newaxis])[0]
    found = matcher.judged(states)
    assert found.failed.tolist() == [len(lack.failed) for lack in lacks]
    assert found.unknown.tolist() == [len(lack.unknown) for lack in lacks]
    for rule, lack in enumerate(lacks):
        missing = matcher.missing(rule, states)
        assert {keys[place] for place in missing.failed} == lack.failed
        assert {keys[place] for place in missing.unknown} == lack.unknown


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
    check_everyone(
        matcher_of(book),
        naive_loop(book, kinds),
        kinds,
        np.random.default_rng(seed),
        rows,
        threads,
        left,
    )


def check_everyone(
    matcher: Matcher,
    lacks: Sequence[Sequence[Lacks]],
    kinds: list[Firm],
    rng: np.random.Generator,
    rows: int,
    threads: int,
    left: Collection[str],
) -> None:
    """Counts and first rules of many firms, each of one of some kinds, against what each kind lacks."""
    most, rules = 2, len(matcher)
    kind, grade = rng.integers(0, len(kinds), rows), rng.integers(0, 2, rows)
    order = np.array([rng.permutation(rules) for _ in range(2)], dtype=np.int32)
    everyone = Everyone(matcher, order, left_to_ask(matcher, left), most, threads)
    found = everyone.match(columns_of([kinds[one] for one in kind.tolist()]), grade)

    times = np.bincount(kind, minlength=len(kinds)).tolist()
    totals, alone = Counter[tuple[str, int]](), Counter[tuple[int, Key]]()
    for own, count in zip(lacks, times, strict=True):
        for rule, lack in enumerate(own):
            fits, undecided = lack.fits(left), not lack.failed and not lack.fits(left)
            said = {"sure": not lack.failed | lack.unknown, "fits": fits, "undecided": undecided}
            for name, holds in (said | {"near": len(lack.failed) == 1}).items():
                totals[name, rule] += count * holds
            for key in lack.failed if len(lack.failed) == 1 else ():
                alone[rule, key] += count
    for name in ("sure", "fits", "undecided", "near"):
        assert getattr(found.counts, name).tolist() == [totals[name, rule] for rule in range(rules)]
    keys = keys_of(matcher)
    asked = [
        (rule, keys[place]) for rule in range(rules) for place in matcher.of_rule(rule).tolist()
    ]
    assert found.counts.alone.tolist() == [alone[one] for one in asked]
    assert found.counts.firms == rows
    for row, (own, letter) in enumerate(zip(kind.tolist(), grade.tolist(), strict=True)):
        wanted = [rule for rule in order[letter].tolist() if lacks[own][rule].fits(left)][:most]
        kept = [rule for rule in found.top[row].tolist() if rule != NOTHING]
        assert kept == wanted
        sure = [not lacks[own][rule].unknown for rule in kept]
        assert found.is_sure[row, : len(kept)].tolist() == sure


def test_a_hundred_and_fifty_rules_and_as_many_kinds_of_firms() -> None:
    """A share of what `make bench ONLY=matching` holds against each other, with brackets and what is left to ask."""
    rng = Random(20261122)  # noqa: S311 - drawn, not secret
    book: list[Rule | None] = [None]
    while len(book) < 150:
        rule = drawn_rule(rng)
        with suppress(RuleError):
            parts_of(rule)
            book.append(rule)
    kinds = [drawn_firm(rng) for _ in range(150)]
    matcher = Matcher.of_rules([(f"R{n}", rule) for n, rule in enumerate(book)], WORDS)
    lacks, keys = naive_loop(book, kinds), keys_of(matcher)
    for firm, own in zip(kinds, lacks, strict=True):
        check_alone(matcher, keys, own, firm)
    # More firms than the kernel takes at a time.
    check_everyone(matcher, lacks, kinds, np.random.default_rng(1), SLICE + 500, 2, {"status"})
