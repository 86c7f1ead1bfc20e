"""What is said when a loan is looked for, as values that rules can ask: the need, security, one's own word."""

from collections.abc import Collection, Mapping
from typing import NoReturn

from features.documents import suggestion
from models.matching.facts import FactEntry, Source, load_facts
from serving.errors import MalformedError
from serving.matching.schemas import Given, Need

Value = float | str
#: More than any amount or time anybody means.
_MOST = 1e13


def need_values(need: Need) -> dict[str, Value]:
    """The need as rules ask about it.

    Raises
    ------
    MalformedError
        If the purpose is on no list.
    """
    given: dict[str, Given] = {
        "need_amount_cny": float(need.amount_cny),
        "need_term_months": float(need.term_months),
        "need_purpose": need.purpose,
    }
    named = {f"need_{name}": f"body.need.{name}" for name in Need.model_fields}
    return _values(given, {"need"}, named)


def said_values(
    given: Mapping[str, Given], sources: Collection[Source], place: str
) -> dict[str, Value]:
    """Security offered, a firm's own word or a lender's, as rules ask about it.

    Parameters
    ----------
    sources : collection of Source
        Whose facts may be said here.
    place : str
        Member of the body, for a refusal.

    Raises
    ------
    MalformedError
        Naming what is unknown, of another kind, or out of range.
    """
    return _values(given, sources, {name: f"{place}.{name}" for name in given})


def _values(
    given: Mapping[str, Given], sources: Collection[Source], places: Mapping[str, str]
) -> dict[str, Value]:
    known = {entry.name: entry for source in sources for entry in load_facts().of(source)}
    found: dict[str, Value] = {}
    for name, value in given.items():
        if name not in known:
            place = places[name].rsplit(".", maxsplit=1)[0]
            hint = suggestion(name, list(known))
            _refuse(place, "unknown_name", f"holds a name there is not.{hint}", "含有未知的名称。")
        found[name] = _value(known[name], value, places[name])
    return found


def _value(entry: FactEntry, value: Given, place: str) -> Value:
    measure = entry.term.measure if entry.unit not in {"flag", "code"} else None
    if entry.unit == "flag":
        if not isinstance(value, bool):
            _refuse(place, "bool_type", "is yes or no: true or false.", "应为 true 或 false。")
        return float(value)
    if entry.unit == "code":
        if not isinstance(value, str) or value not in entry.codes:
            listed = ", ".join(entry.codes)
            _refuse(place, "unknown_code", f"is one of {listed}.", f"应为以下之一：{listed}。")
        return value
    if isinstance(value, bool | str):
        _refuse(place, "float_type", f"is a number [{entry.unit}].", f"应为数值（{entry.unit}）。")
    least = 0.0 if measure is None or measure.least is None else measure.least
    most = _MOST if measure is None or measure.most is None else measure.most
    if not max(least, 0.0) <= value <= most:
        _refuse(
            place,
            "out_of_range",
            f"is from {least:g} to {most:g} [{entry.unit}].",
            f"应在 {least:g} 至 {most:g} 之间（{entry.unit}）。",
        )
    return float(value)


def _refuse(place: str, problem: str, en: str, zh: str) -> NoReturn:
    raise MalformedError(
        en=f"{place} {en}",
        zh=f"{place} {zh}",
        details={"fields": [{"place": place, "problem": problem}]},
    )
