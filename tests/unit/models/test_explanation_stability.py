import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from features.errors import ModelInputError
from models.explanation_stability import explanation_stability


def named(values: list[int]) -> dict[str, float]:
    return {f"f{k}": float(value) for k, value in enumerate(values)}


several = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=15)


@given(several.filter(lambda rows: all(len(set(side)) > 1 for side in zip(*rows, strict=True))))
def test_tau_agrees_with_a_second_implementation(rows: list[tuple[int, int]]) -> None:
    x, z = [row[0] for row in rows], [row[1] for row in rows]
    found = explanation_stability(named(x), named(z))
    assert found == pytest.approx(stats.kendalltau(x, z)[0], abs=1e-12)
    # features are matched by name, not by place
    backwards = dict(reversed(named(z).items()))
    assert explanation_stability(named(x), backwards) == found


def test_tau_by_hand() -> None:
    # 6 pairs, one of them turned round: (5 - 1) / 6
    assert explanation_stability(named([4, 3, 2, 1]), named([4, 3, 1, 2])) == pytest.approx(4 / 6)
    assert explanation_stability(named([3, 2, 1]), named([30, 20, 10])) == pytest.approx(1)
    assert explanation_stability(named([3, 2, 1]), named([1, 2, 3])) == pytest.approx(-1)


def test_rankings_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ModelInputError, match="the same features; only one has energy, tax"):
        explanation_stability({"tax": 1, "invoice": 2}, {"energy": 1, "invoice": 2})
    for wrong in ([1.0, 1.0], [1.0, np.nan], [1.0, np.inf]):
        after = dict(zip(["a", "b"], wrong, strict=True))
        with pytest.raises(
            ModelInputError, match="finite importances of which at least two differ"
        ):
            explanation_stability({"a": 1, "b": 2}, after)
    with pytest.raises(ModelInputError, match="got 0 features"):
        explanation_stability({}, {})
