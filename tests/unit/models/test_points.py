import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from features.errors import ModelInputError
from models.calibration import LogitLine
from models.points import PointsLayout, largest_remainder, points_of
from models.scale import load_scale

SCALE = load_scale(scale_id="xinqiao-2026")
LINE = LogitLine(-0.3, 0.9)
LAYOUT = PointsLayout(
    ("d", "b", "a", "c", "e", "f"),
    {"a": "R1", "b": "R1", "c": "R2", "d": "R2", "e": "R3", "f": "R3"},
)

contribution = st.one_of(
    st.just(0.0),
    st.floats(-3, 3),
    st.floats(-1e-12, 1e-12),
    st.sampled_from([-50.0, 50.0, 0.5, -0.5, 1e8, -1e8]),
)
matrices = hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.just(6)), elements=contribution)


def test_layout_orders_groups_and_members() -> None:
    assert LAYOUT.groups == ("R1", "R2", "R3")
    assert [[LAYOUT.features[i] for i in m] for m in LAYOUT.members] == [
        ["a", "b"],
        ["c", "d"],
        ["e", "f"],
    ]


def test_a_row_worked_by_hand() -> None:
    # line logit = margin, base margin -3: 487.123 + 86.562 = 573.68 -> base 574.
    # contributions a=-0.5, b=0.2, c=0.1: margin -3.2 -> 487.123 + 92.332 = 579.46 -> score 579.
    # 5 points to share: R1 -28.8539 * (-0.3) = 8.656, R2 -2.885, R3 0.
    # floors 8 and -3 sum to 5, none left: R1 8, R2 -3, R3 0.
    # within R1: a 14.427, b -5.771 -> floors 14, -6 = 8; within R2: c -2.885 -> -3, d 0.
    row = np.array([[0.0, 0.2, -0.5, 0.1, 0.0, 0.0]])
    points = points_of(row, -3.0, LogitLine(0.0, 1.0), SCALE, LAYOUT)
    assert points.base_points == 574
    assert points.score.tolist() == [579]
    assert points.group_points.tolist() == [[8, -3, 0]]
    assert points.feature_points.tolist() == [[0, -6, 14, -3, 0, 0]]
    assert points.points_limit.tolist() == [0]


@pytest.mark.parametrize(
    ("quota", "total", "shares"),
    [
        ([0.5, 0.5], 1, [1, 0]),  # a tie goes to the earlier
        ([-0.5, -0.5], -1, [0, -1]),
        ([0.6, 0.3, 0.1], 1, [1, 0, 0]),
        ([1.6, 0.0, 1.4], 3, [2, 0, 1]),
        ([0.4, 0.0, -0.4], 0, [0, 0, 0]),
        ([2.0, 0.0], 2, [2, 0]),
        ([0.3, 0.0], 1, [1, 0]),
        ([2.0, 0.0, 0.0], 3, [3, 0, 0]),  # an exact zero is passed over even for an integer
        ([0.0, 0.0], 1, [1, 0]),  # unavoidable
        ([0.0, 0.0], -1, [0, -1]),
        ([0.0, 0.0], 0, [0, 0]),
        ([0.2, 0.2, 0.0], 5, [3, 2, 0]),
        ([0.7], 1, [1]),
    ],
)
def test_whole_units_are_shared(quota: list[float], total: int, shares: list[int]) -> None:
    assert largest_remainder(np.array([quota]), np.array([total])).tolist() == [shares]


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 6)), elements=contribution),
    st.integers(-3, 3),
)
def test_shares_always_add_up(quota: np.ndarray, nudge: int) -> None:
    total = np.rint(quota.sum(axis=1)).astype(np.int64) + nudge
    assert np.array_equal(largest_remainder(quota, total).sum(axis=1), total)


@given(matrices, st.floats(-5, 5))
def test_points_add_up_to_the_score(contributions: np.ndarray, base: float) -> None:
    points = points_of(contributions, base, LINE, SCALE, LAYOUT)
    of_groups = points.group_points.sum(axis=1)
    assert np.array_equal(points.base_points + of_groups + points.points_limit, points.score)
    for place, members in enumerate(LAYOUT.members):
        shared = points.feature_points[:, members].sum(axis=1)
        assert np.array_equal(shared, points.group_points[:, place])
    # The score is the score of the probability that is printed beside it.
    assert np.array_equal(points.score, SCALE.score_of(LINE.probability(points.margin)))


@given(matrices, st.floats(-5, 5))
def test_zero_contributions_keep_zero_points(contributions: np.ndarray, base: float) -> None:
    # Groups and features that share the row with a non-zero one are never given left-over units.
    points = points_of(contributions, base, LINE, SCALE, LAYOUT)
    is_modest = np.abs(contributions).max(axis=1) <= 3
    quiet = (contributions == 0) & is_modest[:, None]
    for place, members in enumerate(LAYOUT.members):
        is_silent = quiet[:, members].all(axis=1)
        assert not points.group_points[is_silent, place].any()
    assert not points.feature_points[quiet].any()


@given(matrices, st.floats(-5, 5))
def test_points_stay_near_their_quota(contributions: np.ndarray, base: float) -> None:
    modest = np.clip(contributions, -3, 3)
    points = points_of(modest, base, LINE, SCALE, LAYOUT)
    quota = -SCALE.factor * LINE.slope * modest
    of_groups = np.column_stack([quota[:, members].sum(axis=1) for members in LAYOUT.members])
    assert np.abs(points.group_points - of_groups).max() < 1 + 1e-6
    assert np.abs(points.feature_points - quota).max() < 2 + 1e-6


@given(matrices, st.floats(-5, 5))
def test_a_row_is_rated_as_if_alone(contributions: np.ndarray, base: float) -> None:
    together = points_of(contributions, base, LINE, SCALE, LAYOUT)
    for row in range(contributions.shape[0]):
        alone = points_of(contributions[row : row + 1], base, LINE, SCALE, LAYOUT)
        assert alone.base_points == together.base_points
        assert alone.margin[0] == together.margin[row]
        assert alone.score[0] == together.score[row]
        assert alone.points_limit[0] == together.points_limit[row]
        assert np.array_equal(alone.group_points[0], together.group_points[row])
        assert np.array_equal(alone.feature_points[0], together.feature_points[row])


def test_blocks_and_memory_order_do_not_matter() -> None:
    rng = np.random.default_rng(3)
    contributions = rng.normal(0, 0.4, (20_000, 6))
    whole = points_of(contributions, -2.0, LINE, SCALE, LAYOUT)
    other = points_of(np.asfortranarray(contributions), -2.0, LINE, SCALE, LAYOUT)
    late = points_of(contributions[10_000:], -2.0, LINE, SCALE, LAYOUT)
    assert np.array_equal(whole.margin, other.margin)
    assert np.array_equal(whole.feature_points, other.feature_points)
    assert np.array_equal(whole.feature_points[10_000:], late.feature_points)


@pytest.mark.parametrize(("push", "score"), [(-12.0, 721), (12.0, 253)])
def test_the_ends_of_the_scale_have_their_own_row(push: float, score: int) -> None:
    row = np.array([[push, 0.0, 0.0, 0.0, 0.0, 0.0]])
    points = points_of(row, 0.0, LINE, SCALE, LAYOUT)
    assert points.score.tolist() == [score]
    assert np.sign(points.points_limit[0]) == np.sign(push)
    assert points.base_points + points.group_points.sum() + points.points_limit[0] == score
    assert points.group_points[0, [0, 2]].tolist() == [0, 0]


def test_no_rows_are_no_error() -> None:
    points = points_of(np.empty((0, 6)), -2.0, LINE, SCALE, LAYOUT)
    assert points.score.shape == (0,)
    assert points.group_points.shape == (0, 3)


@pytest.mark.parametrize("shape", [(2, 5), (6,)])
def test_a_matrix_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelInputError, match="need 6 columns"):
        points_of(np.zeros(shape), 0.0, LINE, SCALE, LAYOUT)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e10])
def test_contributions_must_be_measurable(wrong: float) -> None:
    row = np.zeros((1, 6))
    row[0, 2] = wrong
    with pytest.raises(ModelInputError, match="finite numbers within"):
        points_of(row, 0.0, LINE, SCALE, LAYOUT)
