"""Matching as one would first write it: every firm against every rule, a clause at a time.

It reads the same rule texts, and shares nothing else with the engine: no conditions, no arrays.
"""

from collections.abc import Callable, Mapping, Sequence

from features.rules.syntax import AllOf, Among, AnyOf, Between, Compare, Known, Not, Rule
from features.rules.vocabulary import Term, Vocabulary, limit_of

#: What is known of a firm; a name that is left out is unknown.
Firm = Mapping[str, float | str]
Test = Callable[[Firm], bool | None]
#: Conditions that are false for a firm, and that are unknown.
Lacks = Callable[[Firm], tuple[int, int]]

_SIGNS: Mapping[str, Callable[[float | str, float | str], bool]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: float(one) < float(other),
    "<=": lambda one, other: float(one) <= float(other),
    ">": lambda one, other: float(one) > float(other),
    ">=": lambda one, other: float(one) >= float(other),
}


def naive_test(rule: Rule, vocabulary: Vocabulary) -> Test:
    """A rule as a function of one firm: True, False, or None where nobody can tell."""
    match rule:
        case Not(part):
            inner = naive_test(part, vocabulary)
            return lambda firm: None if (found := inner(firm)) is None else not found
        case AllOf(parts):
            every = [naive_test(part, vocabulary) for part in parts]
            return lambda firm: _all(every, firm)
        case AnyOf(parts):
            some = [naive_test(part, vocabulary) for part in parts]
            return lambda firm: _any(some, firm)
        case Known(name):
            return lambda firm: name in firm
        case _:
            return _clause(rule, vocabulary.term(rule.name, "naive"))


def naive_lacks(rule: Rule, vocabulary: Vocabulary) -> Lacks:
    """How many of the conditions a rule joins by `and` are false for a firm, and how many unknown."""
    parts = rule.parts if isinstance(rule, AllOf) else (rule,)
    tests = [naive_test(part, vocabulary) for part in parts]

    def lacks(firm: Firm) -> tuple[int, int]:
        failed = unknown = 0
        for test in tests:
            found = test(firm)
            failed += found is False
            unknown += found is None
        return failed, unknown

    return lacks


def _all(every: Sequence[Test], firm: Firm) -> bool | None:
    answer: bool | None = True
    for test in every:
        found = test(firm)
        if found is False:
            return False
        if found is None:
            answer = None
    return answer


def _any(some: Sequence[Test], firm: Firm) -> bool | None:
    answer: bool | None = False
    for test in some:
        found = test(firm)
        if found is True:
            return True
        if found is None:
            answer = None
    return answer


def _clause(clause: Rule, term: Term) -> Test:
    match clause:
        case Compare(name=name, operator=sign, value=value):
            compare, limit = _SIGNS[sign], limit_of(term, value, "naive")
            return lambda firm: compare(firm[name], limit) if name in firm else None
        case Between(name=name, low=low, high=high):
            least, most = (float(limit_of(term, end, "naive")) for end in (low, high))
            return lambda firm: least <= float(firm[name]) <= most if name in firm else None
        case Among(name=name, values=values):
            limits = {limit_of(term, value, "naive") for value in values}
            return lambda firm: firm[name] in limits if name in firm else None
        case _:
            name = term.name
            return lambda firm: firm[name] == 1.0 if name in firm else None
