"""Limits of products: what is unknown leaves a range, and whatever it turns out to be lies within."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from features.rules.compiled import compile_rule
from features.rules.vocabulary import Term, Vocabulary
from models.products.book import Cap, Limit, yuan
from models.products.limits import LimitTable

MONEY, FLAGS = ("orders_cny", "turnover_cny"), ("is_guaranteed", "is_titled")
VOCABULARY = Vocabulary(
    {name: Term(name, "cny") for name in MONEY} | {name: Term(name, "flag") for name in FLAGS}
)
RULES = (
    None,
    "is_guaranteed",
    "not is_titled",
    "is_guaranteed and is_titled",
    "orders_cny >= 1000 元",
)
Values = dict[str, float | None]

_parts = st.fixed_dictionaries(
    {"of": st.sampled_from(MONEY), "times": st.sampled_from([0.5, 0.85, 2.0])}
)
_bounds = st.lists(st.lists(_parts, min_size=1, max_size=2), max_size=2)
_amounts = st.sampled_from([None, "500 元", "3000 元", "1 万元"])
_caps = st.fixed_dictionaries(
    {
        "when": st.sampled_from(RULES),
        "at_most": st.sampled_from(["700 元", "2500 元"]),
        "bounds": _bounds,
    }
)
_limits = st.fixed_dictionaries(
    {"at_least": st.sampled_from([None, "400 元"]), "at_most": _amounts, "bounds": _bounds,
     "caps": st.lists(_caps, max_size=3)}
).map(Limit.model_validate)  # fmt: skip
_money = st.sampled_from([-50.0, 0.0, 999.0, 1000.0, 4000.0])
_known = st.fixed_dictionaries(
    dict.fromkeys(MONEY, _money) | {name: st.sampled_from([0.0, 1.0]) for name in FLAGS}
)


def ends(limit: Limit, values: Values, factor: float) -> tuple[float, float]:
    least, most = LimitTable.of([("product X", limit)], VOCABULARY, [True]).ends(values, factor)
    return float(least[0]), float(most[0])


def worked_out(limit: Limit, values: dict[str, float], factor: float) -> float:
    """The limit in plain words, of a firm of which everything is known."""
    lent = ceiling(limit, values, factor)
    holds = (
        cap for cap in limit.caps
        if cap.when is None or compile_rule(cap.when, VOCABULARY).ask(values)
    )  # fmt: skip
    first = next(holds, None)
    if first is not None:
        lent = min(lent, ceiling(first, values, factor))
    lent = lent if lent == float("inf") else (lent + 1e-6) // 1
    return lent if limit.at_least is None or lent >= yuan(limit.at_least) else 0.0


def ceiling(one: Limit | Cap, values: dict[str, float], factor: float) -> float:
    own = float("inf") if one.at_most is None else yuan(one.at_most) * factor
    sums = [sum(values[part.of] * part.times for part in bound) for bound in one.bounds]
    return min([own, *(max(total, 0.0) * min(factor, 1.0) for total in sums)])


@settings(max_examples=300, deadline=None)
@given(limit=_limits, known=_known, factor=st.sampled_from([0.8, 1.0, 1.2]))
def test_a_known_firm_has_one_limit(limit: Limit, known: dict[str, float], factor: float) -> None:
    expected = worked_out(limit, known, factor)
    assert ends(limit, dict(known), factor) == (expected, expected)


@settings(max_examples=300, deadline=None)
@given(
    limit=_limits, known=_known, hidden=st.sets(st.sampled_from([*MONEY, *FLAGS])), data=st.data()
)
def test_what_is_unknown_can_turn_out_no_other_way(
    limit: Limit, known: dict[str, float], hidden: set[str], data: Any
) -> None:
    seen: Values = {name: None if name in hidden else value for name, value in known.items()}
    least, most = ends(limit, seen, 1.0)
    turned_out = known | {
        name: value for name, value in data.draw(_known).items() if name in hidden
    }
    assert least <= worked_out(limit, turned_out, 1.0) <= most
