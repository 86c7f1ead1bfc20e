from datetime import date

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.errors import ModelInputError
from models.limits import load_limits
from models.metrics import auc_interval, jeffreys_interval
from models.segments import SegmentResult, by_segment, difference, ratio

LIMITS = load_limits(date(2026, 11, 1))
Rows = tuple[np.ndarray, np.ndarray]


def segment(n: int, defaults: int, *, wins: bool = True, factor: float = 1.0) -> Rows:
    """Rows of two risks, three to one, with `factor` times as many expected defaults as came."""
    y = np.arange(n) < defaults
    risk = np.where(y == wins, 3.0, 1.0)
    return y, risk * defaults * factor / risk.sum()


def judge(**rows: Rows) -> dict[str, SegmentResult]:
    values = [name for name, (y, _) in rows.items() for _ in y]
    y, p = (np.concatenate([pair[k] for pair in rows.values()]) for k in (0, 1))
    return {s.value: s for s in by_segment(values, y, p, limits=LIMITS, level=0.95)}


def noisy(seed: int, n: int) -> Rows:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 6, n)
    return rng.random(n) < p, p


def test_each_segment_is_judged_on_its_own_rows_in_any_order() -> None:
    y, p = noisy(1, 3000)
    values = np.random.default_rng(2).choice(["micro", "small", ""], 3000)
    found = by_segment(values, y, p, limits=LIMITS, level=0.95)
    assert [s.value for s in found] == ["", "micro", "small"]
    for s in found:
        inside = values == s.value
        assert (s.n, s.defaults) == (inside.sum(), y[inside].sum())
        assert s.auc == pytest.approx(roc_auc_score(y[inside], p[inside]))
        assert s.auc_interval == auc_interval(y[inside], p[inside], 0.95)
        assert s.ratio == pytest.approx(y[inside].mean() / p[inside].mean())
        low, high = jeffreys_interval(s.defaults, s.n, 0.95)
        assert s.ratio_interval == pytest.approx((low / s.expected, high / s.expected))
        assert s.light == "green"
    order = np.random.default_rng(3).permutation(3000)
    again = by_segment(values[order], y[order], p[order], limits=LIMITS, level=0.95)
    assert [(s.value, s.auc, s.light) for s in again] == [(s.value, s.auc, s.light) for s in found]


def test_a_ratio_outside_is_amber_and_red_only_if_surely_outside() -> None:
    found = judge(
        # 40 came of 26.7 expected, ratio 1.5; the interval's low end lies below 1.4
        unsure=segment(1000, 40, factor=1 / 1.5),
        # 400 came of 200 expected, ratio 2; the low end is about 1.84
        sure=segment(10_000, 400, factor=0.5),
        # ratio 0.5
        low=segment(10_000, 400, factor=2.0),
        right=segment(1000, 40),
    )
    assert {name: s.light for name, s in found.items()} == {
        "unsure": "amber",
        "sure": "red",
        "low": "red",
        "right": "green",
    }
    assert found["unsure"].ratio == pytest.approx(1.5)
    assert found["unsure"].ratio_interval.low < 1.4 < found["unsure"].ratio_interval.high


def test_a_ranking_turned_round_is_red() -> None:
    rng = np.random.default_rng(4)
    y = rng.random(2000) < 0.1
    p = np.where(y, 0.09, 0.101) + rng.normal(0, 0.01, 2000)
    found = judge(turned=(y, p.clip(0.01, 0.99)))["turned"]
    assert found.auc is not None
    assert found.auc < 0.5
    assert found.light == "red"


def test_a_segment_at_the_least_size_is_judged_and_one_below_is_not() -> None:
    found = judge(
        judged=segment(100, 20),
        few_rows=segment(99, 20),
        few_defaults=segment(1000, 19, factor=0.2),
        few_others=segment(100, 81),
        none=(np.zeros(500, dtype=bool), np.full(500, 0.4)),
    )
    # ranked without a mistake, so there is an AUC without an interval
    assert (found["judged"].auc, found["judged"].auc_interval) == (1.0, None)
    assert found["judged"].light == "green"
    small = {name for name, s in found.items() if s.is_too_small}
    assert small == {"few_rows", "few_defaults", "few_others", "none"}
    assert found["none"].auc is None
    # 0 of 500 where 200 were expected: shown, never called good or bad
    assert (found["none"].ratio, found["none"].light) == (0.0, None)


def test_gaps_between_segments_leave_out_what_was_not_judged() -> None:
    found = list(
        judge(
            a=segment(1000, 40),
            b=segment(1000, 40, factor=0.8),
            tiny=segment(10, 5, factor=0.1),
        ).values()
    )
    # observed to expected: a 1, b 1.25; tiny 10 is not judged
    assert difference(found, lambda s: s.ratio) == pytest.approx(0.25)
    assert ratio(found, lambda s: s.ratio) == pytest.approx(0.8)
    assert ratio(found, lambda s: s.observed) == 1.0
    assert difference(found[1:], lambda s: s.ratio) is None
    assert ratio(found[2:], lambda s: s.auc) is None


def test_segments_need_columns_of_one_length() -> None:
    with pytest.raises(ModelInputError, match=r"needs its segment, got shape \(1,\) for 2 rows"):
        by_segment(["a"], [0, 1], [0.1, 0.2], limits=LIMITS, level=0.95)
    with pytest.raises(ModelInputError, match="At least one row is needed"):
        by_segment([], [], [], limits=LIMITS, level=0.95)
