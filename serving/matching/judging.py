"""A firm and a need against every product of the day: what holds, what fails, what nobody can tell."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from features.rules.evaluate import Column
from models.arrays import BoolArray
from models.matching.chances import letters_of_scale
from models.matching.conditions import FALSE, UNKNOWN, StateArray
from models.matching.matcher import Matcher, Verdicts
from models.tags.book import Audience, Tag, Tags
from models.tags.held import Claims, ask_tags
from serving.matching.asked import Value
from serving.matching.looking import Firm

Values = Mapping[str, float | str | None]
IntArray = npt.NDArray[np.intp]
#: Names that a rating answers.
RATED = frozenset({"grade_rank", "score"})


@dataclass(frozen=True, eq=False)
class Judged:
    """States of all conditions, and what each of p rules lacks.

    Attributes
    ----------
    states : ndarray of int8, shape (c,)
    """

    values: Values
    states: StateArray
    verdicts: Verdicts


@dataclass(frozen=True, eq=False)
class Sections:
    """Places of rules by how the firm stands to them, each in the order of the book."""

    eligible: IntArray
    near: IntArray
    need_authorisation: IntArray
    need_data: IntArray
    not_eligible: int


def values_of(
    firm: Firm, tags: Tags, said: Mapping[str, Value], claims: Claims, sees: Audience, day: date
) -> Values:
    """Everything a rule may ask about, of one firm.

    Parameters
    ----------
    said : mapping of str to value
        The need and what is stated with it.
    sees : Audience
        Whose look it is: `self` for the firm itself, `open` for an institution.
    """
    rated: dict[str, float | str | None] = {
        "grade_rank": rank_of(firm.grade),
        "score": None if firm.score is None else float(firm.score),
    }
    known = {name: _plain(column[0]) for name, column in firm.columns.items()} | rated | dict(said)
    columns = {name: _column(tags, name, known.get(name)) for name in tags.names}
    found = ask_tags(tags, columns, [firm.uscc], claims.given, claims.removed, day)
    told = {"open"} | ({"self"} if sees == "self" else set[str]())
    seen = {tag.name for tag in tags.tags if tag.entry.audience in told}
    return known | {name: _plain(found[name][0]) if name in seen else None for name in found}


def only_used(tags: Tags, names: Collection[str]) -> Tags:
    """Tags among some names, and those that their rules use."""
    wanted = set(names)
    used: list[Tag] = []
    for tag in reversed(tags.tags):
        if tag.name in wanted:
            used.append(tag)
            wanted |= set(tag.rule.names if tag.rule else ())
    return Tags(tuple(reversed(used)), tags.vocabulary)


def judge(matcher: Matcher, values: Values) -> Judged:
    """Ask every rule about one firm."""
    states = matcher.conditions.ask(matcher.conditions.row(values)[np.newaxis])[0]
    return Judged(values, states, matcher.judged(states))


def closed_conditions(matcher: Matcher, firm: Firm) -> BoolArray:
    """Conditions that rest on what the firm has not opened, shape (c,)."""
    hides_rating = firm.grade is None and bool(firm.rating_scopes)
    return np.array(
        [
            bool(one.datasets & firm.withheld) or (hides_rating and not RATED.isdisjoint(one.names))
            for one in matcher.conditions.conditions
        ],
        dtype=np.bool_,
    )


def sections(
    matcher: Matcher,
    judged: Judged,
    closed: BoolArray,
    *,
    within: BoolArray,
    fixed: Collection[str],
    near_failed_at_most: int,
) -> Sections:
    """Sort rules by how the firm stands to them.

    Parameters
    ----------
    closed : ndarray of bool, shape (c,)
        From `closed_conditions`.
    within : ndarray of bool, shape (p,)
        Rules that are asked for.
    fixed : collection of str
        Names no firm changes: a rule that fails on one is no near miss.
    """
    names = [one.names for one in matcher.conditions.conditions]
    is_fixed = np.array([not set(fixed).isdisjoint(one) for one in names], dtype=np.bool_)
    failed, is_open = judged.verdicts.failed, judged.verdicts.is_open & within
    shut = _count(matcher, closed & (judged.states == UNKNOWN)) > 0
    lost = _count(matcher, is_fixed & (judged.states == FALSE)) > 0
    near = within & (failed > 0) & (failed <= near_failed_at_most) & ~lost
    order = np.lexsort((judged.verdicts.unknown, failed))
    return Sections(
        eligible=np.flatnonzero(judged.verdicts.is_eligible & within),
        near=order[near[order]],
        need_authorisation=np.flatnonzero(is_open & shut),
        need_data=np.flatnonzero(is_open & ~shut),
        not_eligible=int((within & (failed > 0) & ~near).sum()),
    )


def rank_of(grade: str | None) -> float | None:
    """Place of a grade on the scale, 1 the best; None without one.

    Examples
    --------
    >>> rank_of("AAA"), rank_of("D"), rank_of(None)
    (1.0, 10.0, None)
    """
    if grade is None:
        return None
    return float(letters_of_scale().index(grade) + 1)


def _count(matcher: Matcher, flags: BoolArray) -> npt.NDArray[np.int64]:
    """How many of each rule's conditions are flagged, shape (p,)."""
    summed = np.concatenate([[0], np.cumsum(flags[matcher.asked], dtype=np.int64)])
    return np.asarray(summed[matcher.start[1:]] - summed[matcher.start[:-1]], dtype=np.int64)


def _column(tags: Tags, name: str, value: float | str | None) -> Column:
    if tags.vocabulary.terms[name].unit == "code":
        return np.array([value if isinstance(value, str) else ""])
    return np.array([np.nan if value is None else value], dtype=np.float64)


def _plain(value: object) -> float | str | None:
    if isinstance(value, str):
        return str(value) or None
    number = float(np.asarray(value))
    return None if np.isnan(number) else number
