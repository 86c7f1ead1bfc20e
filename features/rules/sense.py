"""Whether a rule can ever be true, and ever be false: tried at one value of each kind.

Between two limits that a rule names, its answer cannot change. So a handful of values a name, and
one where nothing is known, stand for all there are. Parts that share no name are independent and
are tried apart; the parts of a part are tried first, so that an error shows the smallest one that
makes no sense.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from features.errors import RuleError
from features.rules.evaluate import Column, Columns, build
from features.rules.syntax import AllOf, AnyOf, Known, Not, Rule, clauses, names_of, values_of
from features.rules.vocabulary import Term, Vocabulary, limit_of

#: A part with more combinations than this is tried part by part only.
_MOST_ROWS = 200_000


def require_sense(rule: Rule, vocabulary: Vocabulary, where: str) -> None:
    """Refuse a rule with a part that is never, or whatever is recorded, true.

    Raises
    ------
    RuleError
        With the smallest such part.
    """
    for part in _parts(rule):
        columns = _trials(part, vocabulary, where)
        if columns is None:
            continue
        found = build(part, vocabulary, where)(columns)
        if not found.true.any():
            raise RuleError(
                en=f"{where}: '{part}' can never be true. Check its limits, or drop it.",
                zh=f"{where}：“{part}”永远不成立，请检查界限或删除。",
            )
        if not found.false.any():
            raise RuleError(
                en=f"{where}: '{part}' is true for every value there is. Drop it; if it should ask for a "
                f"record, write '{min(names_of(part))} is known'.",
                zh=f"{where}：“{part}”对任何取值都成立，请删除；如需判断是否有记录，请写"
                f"“{min(names_of(part))} is known”。",
            )


def _parts(rule: Rule) -> Iterator[Rule]:
    """Every part that must make sense, smaller ones first."""
    match rule:
        case Not(part):
            yield from _parts(part)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _parts(part)
            for related in _related(parts):
                if len(related) > 1:
                    yield type(rule)(related)
        case Known():
            return
        case _:
            yield rule


def _related(parts: Sequence[Rule]) -> list[tuple[Rule, ...]]:
    """Parts grouped so that no name is asked about in two groups."""
    groups: list[tuple[Rule, ...]] = []
    for part in parts:
        asked = names_of(part)
        touched = [g for g in groups if any(not asked.isdisjoint(names_of(p)) for p in g)]
        joined = (*(p for g in touched for p in g), part)
        groups = [*(g for g in groups if g not in touched), joined]
    return groups


def _trials(rule: Rule, vocabulary: Vocabulary, where: str) -> Columns | None:
    """Every combination of values that could change an answer, or None where there are too many."""
    names = sorted(names_of(rule))
    values = [_values(vocabulary.term(name, where), rule, where) for name in names]
    if np.prod([len(found) for found in values], dtype=float) > _MOST_ROWS:
        return None
    places = np.meshgrid(*(np.arange(len(found)) for found in values))
    return {
        name: found[place.ravel()] for name, found, place in zip(names, values, places, strict=True)
    }


def _values(term: Term, rule: Rule, where: str) -> Column:
    """One value of each kind a name can have under a rule, and none."""
    if term.unit == "code":
        return np.array([*term.codes, ""])
    if term.unit == "flag":
        return np.array([0.0, 1.0, np.nan])
    limits = {
        float(limit_of(term, value, where))
        for clause in clauses(rule)
        if clause.name == term.name
        for value in values_of(clause)
    }
    least, most = term.measure.least, term.measure.most
    ends = [end for end in (least, most) if end is not None]
    points = np.array(sorted({*limits, *ends}))
    if not len(points):
        return np.array([0.0, np.nan])
    between = (points[:-1] + points[1:]) / 2
    outside = [
        points[0] - 1 if least is None else points[0],
        points[-1] + 1 if most is None else points[-1],
    ]
    tried = np.concatenate([points, between, outside])
    is_possible = (tried >= (-np.inf if least is None else least)) & (
        tried <= (np.inf if most is None else most)
    )
    return np.append(tried[is_possible], np.nan)
