"""What a condition asks of one name, in words and as the values that satisfy it; made once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from features.contracts import Words
from features.rules.normal import Literal
from features.rules.syntax import Between, Code, Compare, Known, Value
from features.rules.vocabulary import Term, limit_of
from models.matching.meanings import REGION, Meaning, region_words
from models.matching.wording import value_words

#: Both ends included; of a bare `<` the end is the number next below.
Span = tuple[float, float]

_SIGNS = {
    "<": ("低于 {}", "less than {}"),
    "<=": ("不超过 {}", "at most {}"),
    ">": ("高于 {}", "more than {}"),
    ">=": ("不低于 {}", "at least {}"),
    "=": ("{}", "{}"),
    "!=": ("不为 {}", "not {}"),
}
#: On a scale of letters the first is the best.
_STEPS = _SIGNS | {
    "<": ("优于 {}", "better than {}"),
    "<=": ("{} 及以上", "{} or better"),
    ">": ("差于 {}", "worse than {}"),
    ">=": ("{} 及以下", "{} or worse"),
}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}


@dataclass(frozen=True)
class Phrase:
    """One name under a condition.

    Attributes
    ----------
    place : int
        Column of the firm's row.
    words : Words
        What is asked, e.g. `enterprise age: at least 24 months`.
    spans : tuple of Span
        Values that satisfy it, where a distance to them means something.
    asks_for_presence : bool
        It asks whether there is a value, not which.
    """

    meaning: Meaning
    place: int
    words: Words
    spans: tuple[Span, ...] = ()
    asks_for_presence: bool = False


def phrases_of(
    part: Sequence[Literal], meanings: Sequence[tuple[Meaning, int]], where: str
) -> tuple[Phrase, ...]:
    """The alternatives of a condition, one a name.

    Parameters
    ----------
    part : sequence of Literal
    meanings : sequence of (Meaning, int)
        Of each literal's name, and its column.
    """
    groups: dict[tuple[str, bool], list[tuple[Literal, Meaning, int]]] = {}
    for literal, (meaning, place) in zip(part, meanings, strict=True):
        is_presence = isinstance(literal.clause, Known)
        groups.setdefault((meaning.name, is_presence), []).append((literal, meaning, place))
    return tuple(
        _phrase([literal for literal, *_ in group], group[0][1], group[0][2], where)
        for group in groups.values()
    )


def joined(words: Sequence[Words], *, zh: str = "或", en: str = " or ") -> Words:
    """Alternatives as one text.

    Examples
    --------
    >>> joined([Words(zh="甲", en="a"), Words(zh="乙", en="b")]).en
    'a or b'
    """
    return Words(zh=zh.join(one.zh for one in words), en=en.join(one.en for one in words))


def _phrase(literals: Sequence[Literal], meaning: Meaning, place: int, where: str) -> Phrase:
    first = literals[0]
    if isinstance(first.clause, Known):
        says = ("无记录", "not on record") if first.is_negated else ("有记录", "on record")
        return Phrase(
            meaning, place, _told(meaning, Words(zh=says[0], en=says[1])), asks_for_presence=True
        )
    if meaning.is_tag:
        return Phrase(meaning, place, _tag_words(meaning, is_negated=first.is_negated))
    if meaning.unit == "flag":
        says = ("应为否", "must be no") if first.is_negated else ("应为是", "must be yes")
        return Phrase(meaning, place, _told(meaning, Words(zh=says[0], en=says[1])))
    words = _told(meaning, joined([_says(one, meaning, where) for one in literals]))
    is_counted = meaning.unit not in {"code", "number"}
    spans = [span for one in literals for span in _spans(one, meaning, where)] if is_counted else []
    return Phrase(meaning, place, words, tuple(spans))


def _told(meaning: Meaning, says: Words) -> Words:
    return Words(zh=f"{meaning.words.zh}：{says.zh}", en=f"{meaning.words.en}: {says.en}")


def _tag_words(meaning: Meaning, *, is_negated: bool) -> Words:
    zh, en = meaning.words.zh, meaning.words.en
    if is_negated:
        return Words(zh=f"不带标签“{zh}”", en=f"not bearing the tag '{en}'")
    return Words(zh=f"具有标签“{zh}”", en=f"bearing the tag '{en}'")


def _says(literal: Literal, meaning: Meaning, where: str) -> Words:
    """The limit of one literal."""
    clause = literal.clause
    if isinstance(clause, Between):
        low, high = (_number(value, meaning, where) for value in (clause.low, clause.high))
        division = region_words(low, high) if meaning.name == REGION else None
        if division is not None:
            return _filled(
                *(("不属于 {}", "not in {}") if literal.is_negated else ("{}", "{}")), division
            )
        ends = [value_words(meaning.unit, end) for end in (low, high)]
        zh = f"{'不' if literal.is_negated else ''}在 {ends[0].zh} 至 {ends[1].zh} 之间"
        en = f"{'not ' if literal.is_negated else ''}between {ends[0].en} and {ends[1].en}"
        return Words(zh=zh, en=en)
    if not isinstance(clause, Compare):
        return Words(zh=str(literal), en=str(literal))
    sign = _OPPOSITE[clause.operator] if literal.is_negated else clause.operator
    is_lettered = meaning.unit == "level" and bool(meaning.codes)
    return _filled(*(_STEPS if is_lettered else _SIGNS)[sign], _value(clause.value, meaning, where))


def _filled(zh: str, en: str, words: Words) -> Words:
    return Words(zh=zh.format(words.zh), en=en.format(words.en))


def _value(value: Value, meaning: Meaning, where: str) -> Words:
    code = value.text if isinstance(value, Code) else f"{_number(value, meaning, where):.12g}"
    if code in meaning.codes:
        return meaning.codes[code]
    if isinstance(value, Code):
        return Words(zh=code, en=code)
    return value_words(meaning.unit, _number(value, meaning, where))


def _number(value: Value, meaning: Meaning, where: str) -> float:
    return float(limit_of(Term(meaning.name, meaning.unit), value, where))


def _spans(literal: Literal, meaning: Meaning, where: str) -> list[Span]:
    """Values of a number of which a literal holds."""
    clause = literal.clause
    match clause:
        case Between(low=first, high=last):
            low, high = (_number(value, meaning, where) for value in (first, last))
        case Compare(operator=sign, value=value):
            at = _number(value, meaning, where)
            if sign in {"<", "<=", ">", ">="}:
                return [_half_line(_OPPOSITE[sign] if literal.is_negated else sign, at)]
            low = high = at
        case _:
            return []
    is_inside = literal.is_negated == (isinstance(clause, Compare) and clause.operator == "!=")
    return [(low, high)] if is_inside else [_half_line("<", low), _half_line(">", high)]


def _half_line(sign: str, at: float) -> Span:
    return {
        "<": (-np.inf, float(np.nextafter(at, -np.inf))),
        "<=": (-np.inf, at),
        ">": (float(np.nextafter(at, np.inf)), np.inf),
        ">=": (at, np.inf),
    }[sign]
