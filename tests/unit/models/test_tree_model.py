import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BundleError, ModelInputError
from models.tree_model import read_ensemble
from tests.unit.models.trees import FEATURES, KINDS, firms, hostile_rows, train, trained

ROWS = 20_000


@pytest.mark.parametrize("kind", KINDS)
def test_margins_equal_lightgbm_to_the_last_bit(kind: str) -> None:
    model = trained(kind)
    rows = hostile_rows(model.ensemble, model.sample, ROWS)
    expected = np.asarray(model.booster.predict(rows, raw_score=True))
    assert np.array_equal(model.ensemble.margin(rows), expected)


def test_the_kinds_hold_what_they_are_named_for() -> None:
    single = trained("some single leaves").ensemble
    per_tree = np.diff(single.leaf_start)
    assert per_tree.min() == 1 < per_tree.max()
    assert np.diff(trained("single leaves").ensemble.leaf_start).tolist() == [1]
    assert np.diff(trained("many leaves").ensemble.leaf_start).max() > 65
    assert trained("zero as missing").ensemble.zero_is_missing.any()
    assert trained("categories").ensemble.is_categorical.any()
    assert trained("one-hot categories").ensemble.is_categorical.any()
    kinds = (trained("no missing").ensemble.decision_type >> 2) & 3
    assert not kinds[~trained("no missing").ensemble.is_categorical].any()
    assert np.isinf(trained("depth 6").ensemble.threshold).any()


@pytest.mark.parametrize("kind", ["depth 4", "categories", "single leaves"])
def test_names_and_gains_equal_lightgbm(kind: str) -> None:
    model = trained(kind)
    assert model.ensemble.feature_names == tuple(model.booster.feature_name())
    gains = np.asarray(model.booster.feature_importance("gain"))
    assert np.array_equal(model.ensemble.gains, gains)


def test_no_rows_have_no_margins() -> None:
    assert trained("depth 4").ensemble.margin(np.empty((0, FEATURES))).shape == (0,)


def test_a_row_does_not_depend_on_its_company() -> None:
    model = trained("depth 4").ensemble
    rows = hostile_rows(model, trained("depth 4").sample, 3000)
    alone = [model.margin(rows[place : place + 1])[0] for place in range(50)]
    assert model.margin(rows)[:50].tolist() == alone


@pytest.mark.parametrize("shape", [(3, FEATURES - 1), (FEATURES,)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelInputError, match="read 12 float64 columns"):
        trained("depth 4").ensemble.margin(np.zeros(shape))


def damaged(text: str) -> bool:
    """Refuse a text, or else read a model that still works."""
    try:
        model = read_ensemble(text)
    except BundleError as refused:
        return bool(refused.en and refused.zh)
    rows = np.zeros((2, len(model.feature_names)))
    assert np.isfinite(model.margin(rows)).all()
    return False


@pytest.mark.parametrize("kind", ["depth 4", "categories", "single leaves"])
def test_a_text_cut_short_is_refused_or_lost_nothing(kind: str) -> None:
    model = trained(kind)
    last = model.text.index("end of trees\n") + len("end of trees\n")
    for cut in [len(model.text) * part // 20 for part in range(20)] + [last - 1, last]:
        if cut < last:
            assert damaged(model.text[:cut]), cut
        else:
            assert read_ensemble(model.text[:cut]).sha256 == model.ensemble.sha256


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_a_bent_text_never_crashes(data: st.DataObject) -> None:
    text = small_text()
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(max_codepoint=255) | st.sampled_from("0123456789-. \n=e"))
    damaged(text[:place] + letter + text[place + 1 :])


def small_text() -> str:
    """Few trees, so that most bends hit something that matters."""
    matrix, label = firms(400, np.random.default_rng(1))
    return train(
        matrix, label, {"max_depth": 3, "categorical_feature": [5, 7], "cat_smooth": 1.0}, rounds=3
    ).model_to_string(num_iteration=3)


def changed(text: str, key: str, value: str, *, tree: int = 0) -> str:
    """Change a line of one tree and keep the sizes true."""
    start = text.index(f"Tree={tree}\n")
    first = text.index(f"\n{key}=", start) + 1
    line = text[first : text.index("\n", first)]
    fresh = f"{key}={value}"
    sizes = text[text.index("tree_sizes=") : text.index("\n", text.index("tree_sizes="))]
    words = sizes.removeprefix("tree_sizes=").split()
    words[tree] = str(int(words[tree]) + len(fresh) - len(line))
    bent = text[:first] + fresh + text[first + len(line) :]
    return bent.replace(sizes, "tree_sizes=" + " ".join(words))


TWO = """tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=1
feature_names=a b
tree_sizes={size}

{tree}end of trees
"""
TREE = """Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
split_gain=1 1
threshold=0.5 0
decision_type=10 9
left_child=1 -1
right_child=-2 -3
leaf_value=1 2 4
leaf_count=3 2 1
internal_count=6 4
cat_boundaries=0 1
cat_threshold=5
is_linear=0
shrinkage=1


"""
GOOD = TWO.format(size=len(TREE), tree=TREE)


def test_a_text_read_by_hand() -> None:
    model = read_ensemble(GOOD)
    # a <= 0.5 or missing: left; there b in {0, 2} (bits of 5): 1, else 4. Otherwise 2.
    rows = np.array([[0.5, 2.9], [np.nan, 1.0], [0.6, 0.0], [0.0, np.nan], [0.0, 32.0]])
    assert model.margin(rows).tolist() == [1.0, 4.0, 2.0, 4.0, 4.0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_leaves", "4"),
        ("num_leaves", "0"),
        ("split_feature", "0 2"),
        ("split_feature", "0"),
        ("threshold", "0.5 nan"),
        ("threshold", "0.5 1"),
        ("threshold", "0.5 0.5"),
        ("threshold", "0.5 inf"),
        ("decision_type", "10 13"),
        ("decision_type", "10 -1"),
        ("left_child", "0 -1"),
        ("left_child", "1 -2"),
        ("left_child", "1 -4"),
        ("right_child", "-2 1"),
        ("leaf_value", "1 2 inf"),
        ("leaf_value", "1 2 1e999"),
        ("leaf_value", "1 2 0x4"),
        ("leaf_value", "1 2 1_0"),
        ("leaf_count", "3 2 -1"),
        ("internal_count", "6 4.5"),
        ("cat_boundaries", "1 1"),
        ("cat_boundaries", "0 2"),
        ("cat_threshold", "4294967296"),
        ("cat_threshold", "-1"),
        ("num_cat", "0"),
        ("num_cat", "99999999999999999999"),
    ],
)
def test_a_line_that_cannot_be_is_refused(key: str, value: str) -> None:
    with pytest.raises(BundleError, match=r"damaged: .* of tree 0 does not hold what it should"):
        read_ensemble(changed(GOOD, key, value))


@pytest.mark.parametrize("key", [line.partition("=")[0] for line in TREE.split("\n")[1:14]])
def test_a_missing_line_is_refused(key: str) -> None:
    with pytest.raises(BundleError, match=r"tree 0 (lacks|is not)"):
        read_ensemble(GOOD.replace(f"\n{key}=", f"\n{'x' * len(key)}="))


@pytest.mark.parametrize(
    ("found", "fresh", "sentence"),
    [
        ("num_class=1", "num_class=3", "gives 3 outputs a row; a rating needs one"),
        ("version=v4", "version=v9", "version is 'v9' and not v3 or v4"),
        ("max_feature_idx=1", "max_feature_idx=2", "names are not as many"),
        ("version=v4\n", "version=v4\naverage_output\n", "random forest"),
        ("is_linear=0", "is_linear=1", "linear model in the leaves of tree 0"),
        ("tree_sizes=", "tree_sizes=x", "sizes are no numbers"),
        ("tree\nversion", "trex\nversion", "header or first tree is missing"),
        ("end of trees", "end of treez", "missing at its end"),
    ],
)
def test_what_is_no_plain_sum_of_trees_is_refused(found: str, fresh: str, sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence):
        read_ensemble(GOOD.replace(found, fresh))


def test_a_random_forest_of_lightgbm_is_refused() -> None:
    matrix, label = firms(400, np.random.default_rng(1))
    forest = {"boosting": "rf", "bagging_fraction": 0.5, "bagging_freq": 1, "max_depth": 3}
    with pytest.raises(BundleError, match="averages its trees"):
        read_ensemble(train(matrix, label, {**forest}, rounds=3).model_to_string())


def test_trees_too_deep_are_refused_with_the_reason() -> None:
    matrix, label = firms(2000, np.random.default_rng(1))
    text = train(
        matrix, label, {"num_leaves": 400, "min_data_in_leaf": 1}, rounds=10
    ).model_to_string()
    with pytest.raises(BundleError, match=r"depends on 1\d features, at most 10 .* tables double"):
        read_ensemble(text)
