import warnings
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BundleError, ModelInputError
from models import shap_kernels
from models.shap_layout import lay_out
from models.shap_store import load_tables, save_tables, stored_tables
from models.tree_model import TreeEnsemble, read_ensemble
from models.tree_shap import (
    LeafPatterns,
    contributions,
    count_patterns,
    interventional_tables,
    path_dependent_tables,
    warm_up,
)
from tests.unit.models.trees import CATEGORIES, FEATURES, KINDS, firms, hostile_rows, train, trained

with warnings.catch_warnings():
    # shap's plots, which nobody asked for, warn at import.
    warnings.simplefilter("ignore")
    from shap import TreeExplainer
    from shap.maskers import Independent

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

ROWS = 20_000
#: Refused in the tests: an amount, a category.
HIDDEN = np.isin(np.arange(FEATURES), [1, 5])
NOTHING = np.zeros(FEATURES, dtype=bool)


def masked(rows: FloatArray, hidden: BoolArray) -> FloatArray:
    return np.where(hidden, np.nan, rows)


def enumerated(model: TreeEnsemble, row: FloatArray, reference: FloatArray) -> FloatArray:
    """Shapley values by their definition, over every coalition."""
    features = len(row)
    worth = np.empty(2**features)
    for coalition in range(2**features):
        is_taken = ((coalition >> np.arange(features)) & 1).astype(bool)
        worth[coalition] = model.margin(np.where(is_taken, row, reference)).mean()
    found = np.zeros(features)
    for feature in range(features):
        others = [other for other in range(features) if other != feature]
        for size in range(features):
            weight = factorial(size) * factorial(features - 1 - size) / factorial(features)
            for members in combinations(others, size):
                before = sum(1 << member for member in members)
                found[feature] += weight * (worth[before | (1 << feature)] - worth[before])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_path_dependent_equals_lightgbm(kind: str) -> None:
    model = trained(kind)
    rows = hostile_rows(model.ensemble, model.sample, ROWS)
    tables = path_dependent_tables(model.ensemble)
    found = contributions(tables, rows)
    expected = np.asarray(model.booster.predict(rows[:4000], pred_contrib=True))
    np.testing.assert_allclose(found.values[:4000], expected[:, :-1], rtol=0, atol=1e-10)
    assert tables.base == pytest.approx(expected[0, -1], abs=1e-12)
    assert np.array_equal(found.margin, model.ensemble.margin(rows))
    np.testing.assert_allclose(tables.base + found.values.sum(axis=1), found.margin, rtol=1e-12,
                               atol=1e-12)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_does_not_depend_on_its_company(kind: str) -> None:
    model = trained(kind)
    rows = hostile_rows(model.ensemble, model.sample, 300)
    tables = interventional_tables(
        model.ensemble, count_patterns(model.ensemble, model.sample[:200]), HIDDEN
    )
    whole = contributions(tables, rows)
    for size in (1, 7, 64, 65, 299):
        parts = [contributions(tables, rows[at : at + size]) for at in range(0, 300, size)]
        assert np.array_equal(np.concatenate([part.values for part in parts]), whole.values)
        assert np.array_equal(np.concatenate([part.margin for part in parts]), whole.margin)
    columnwise = contributions(tables, np.asfortranarray(rows))
    assert np.array_equal(columnwise.values, whole.values)


SMALL = 8


def small_model(seed: int, depth: int = 5) -> tuple[TreeEnsemble, FloatArray]:
    """Eight features, two of them categories, with missing values and zeros as missing."""
    matrix, label = firms(400, np.random.default_rng(seed))
    columns = [0, 1, 2, 3, 4, *CATEGORIES, 8]
    parameters = {
        "max_depth": depth,
        "num_leaves": 24,
        "categorical_feature": [5, 6],
        "cat_smooth": 1.0,
        "min_data_in_leaf": 5,
        "zero_as_missing": seed % 3 == 2,
        "use_missing": seed % 4 != 3,
    }
    booster = train(matrix[:, columns], label, {**parameters}, rounds=12)
    return read_ensemble(booster.model_to_string()), matrix[:, columns]


@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.integers(0, 1000), st.integers(2, 6), st.integers(0, 2**SMALL - 1))
def test_interventional_equals_the_definition(seed: int, depth: int, mask: int) -> None:
    model, sample = small_model(seed, depth)
    hidden = ((mask >> np.arange(SMALL)) & 1).astype(bool)
    rows = hostile_rows(model, sample, 2, seed=seed)
    reference = sample[100:117]
    tables = interventional_tables(model, count_patterns(model, reference), hidden)
    found = contributions(tables, rows)
    seen = masked(reference, hidden)
    for place, row in enumerate(masked(rows, hidden)):
        np.testing.assert_allclose(
            found.values[place], enumerated(model, row, seen), rtol=0, atol=1e-10
        )
    assert tables.base == pytest.approx(model.margin(seen).mean(), abs=1e-12)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.integers(0, 1000), st.integers(2, 6), st.integers(0, 2**SMALL - 1))
def test_contributions_add_up_under_any_scope(seed: int, depth: int, mask: int) -> None:
    model, sample = small_model(seed, depth)
    hidden = ((mask >> np.arange(SMALL)) & 1).astype(bool)
    rows = hostile_rows(model, sample, 500, seed=seed)
    tables = interventional_tables(model, count_patterns(model, sample), hidden)
    found = contributions(tables, rows)
    assert np.array_equal(found.margin, model.margin(masked(rows, hidden)))
    np.testing.assert_allclose(
        tables.base + found.values.sum(axis=1), found.margin, rtol=1e-12, atol=1e-12
    )
    assert not found.values[:, hidden].any()


@pytest.mark.parametrize("kind", ["depth 4", "depth 6", "monotone"])
def test_interventional_equals_shap(kind: str) -> None:
    model = trained(kind)
    reference, rows = model.sample[:150], model.sample[1000:1020]
    # Given a bare array, shap would silently cut the background to 100 rows.
    masker = Independent(reference, max_samples=len(reference))
    explainer = TreeExplainer(
        model.booster, data=cast("FloatArray", masker), feature_perturbation="interventional"
    )
    tables = interventional_tables(
        model.ensemble, count_patterns(model.ensemble, reference), NOTHING
    )
    found = contributions(tables, rows)
    expected = np.asarray(explainer.shap_values(rows))
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-6)
    assert tables.base == pytest.approx(float(explainer.expected_value), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_counts_of_full_scope_are_enough_for_any_scope(kind: str) -> None:
    model = trained(kind)
    reference = model.sample[:1000]
    patterns = count_patterns(model.ensemble, reference)
    for seed in range(4):
        hidden = np.random.default_rng(seed).random(FEATURES) < 0.4
        seen = masked(reference, hidden)
        derived = interventional_tables(model.ensemble, patterns, hidden)
        recounted = interventional_tables(
            model.ensemble, count_patterns(model.ensemble, seen), NOTHING
        )
        assert np.array_equal(derived.values, recounted.values)
        assert derived.base == recounted.base
        assert derived.base == pytest.approx(model.ensemble.margin(seen).mean(), abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_withheld_feature_counts_exactly_nothing(kind: str) -> None:
    model = trained(kind)
    rows = hostile_rows(model.ensemble, model.sample, 2000)
    patterns = count_patterns(model.ensemble, model.sample[:300])
    tables = interventional_tables(model.ensemble, patterns, HIDDEN)
    found = contributions(tables, rows)
    assert not found.values[:, HIDDEN].any()
    # What a caller failed to mask is not read either.
    assert np.array_equal(found.values, contributions(tables, masked(rows, HIDDEN)).values)
    nobody = interventional_tables(model.ensemble, patterns, ~NOTHING)
    assert not contributions(nobody, rows).values.any()
    assert contributions(nobody, rows).margin == pytest.approx(np.full(2000, nobody.base))


def test_against_an_unmasked_reference_refusal_would_cost_something() -> None:
    model = trained("depth 6")
    patterns = count_patterns(model.ensemble, model.sample[:300])
    tables = interventional_tables(model.ensemble, patterns, NOTHING)
    found = contributions(tables, masked(model.sample, HIDDEN))
    assert np.abs(found.values[:, HIDDEN]).mean() > 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_every_leaf_is_in_one_twig(kind: str) -> None:
    paths = trained(kind).ensemble.paths
    leaves = [leaf for twig in paths.twigs for leaf in twig.leaves]
    assert sorted(leaves) == list(range(len(trained(kind).ensemble.leaf_value)))
    assert lay_out(trained(kind).ensemble).table_size * 8 == paths.table_bytes


@pytest.mark.parametrize("kind", ["depth 4", "categories", "single leaves"])
def test_patterns_come_back_as_they_were(kind: str) -> None:
    model = trained(kind).ensemble
    patterns = count_patterns(model, trained(kind).sample)
    content = patterns.to_bytes()
    again = LeafPatterns.from_bytes(content, model)
    assert again.to_bytes() == content == count_patterns(model, trained(kind).sample).to_bytes()
    assert np.array_equal(again.counts, patterns.counts)
    assert again.rows == patterns.rows == 2000


def test_damaged_patterns_are_refused() -> None:
    model = trained("depth 4").ensemble
    content = count_patterns(model, trained("depth 4").sample).to_bytes()
    rng = np.random.default_rng(0)
    for part in range(20):
        with pytest.raises(BundleError, match="patterns are damaged"):
            LeafPatterns.from_bytes(content[: len(content) * part // 20], model)
    for _ in range(200):
        place = int(rng.integers(len(content)))
        bent = content[:place] + bytes([content[place] ^ 1 << int(rng.integers(8))]) + content[place + 1 :]  # fmt: skip
        try:
            again = LeafPatterns.from_bytes(bent, model)
        except BundleError:
            continue
        assert again.to_bytes() == content  # the bend is in what a zip repeats or ignores


def test_patterns_of_other_trees_are_refused() -> None:
    patterns = count_patterns(trained("depth 4").ensemble, trained("depth 4").sample)
    other = trained("depth 6").ensemble
    with pytest.raises(BundleError, match="counted at other trees"):
        interventional_tables(other, patterns, NOTHING)
    with pytest.raises(BundleError, match="counted at other trees"):
        LeafPatterns.from_bytes(patterns.to_bytes(), other)


def test_a_reference_of_nobody_and_other_shapes_are_refused() -> None:
    model = trained("depth 4").ensemble
    patterns = count_patterns(model, trained("depth 4").sample)
    with pytest.raises(ModelInputError, match="at least one firm"):
        count_patterns(model, np.empty((0, FEATURES)))
    with pytest.raises(ModelInputError, match="needs 12 booleans"):
        interventional_tables(model, patterns, np.zeros(3, dtype=bool))
    tables = interventional_tables(model, patterns, NOTHING)
    with pytest.raises(ModelInputError, match="read 12 float64 columns"):
        contributions(tables, np.zeros((1, 3)))
    assert contributions(tables, np.empty((0, FEATURES))).values.shape == (0, FEATURES)


def test_tables_are_kept_and_mapped(tmp_path: Path) -> None:
    model = trained("categories")
    patterns = count_patterns(model.ensemble, model.sample)
    built = interventional_tables(model.ensemble, patterns, HIDDEN)
    assert load_tables(tmp_path, model.ensemble, patterns, HIDDEN) is None
    kept = stored_tables(tmp_path / "bundle", model.ensemble, patterns, HIDDEN)
    assert isinstance(kept.values.base, np.memmap)
    assert np.array_equal(kept.values, built.values)
    assert kept.base == built.base
    rows = model.sample[:100]
    assert np.array_equal(contributions(kept, rows).values, contributions(built, rows).values)
    assert load_tables(tmp_path / "bundle", model.ensemble, patterns, NOTHING) is None
    fewer = count_patterns(model.ensemble, model.sample[:9])
    assert load_tables(tmp_path / "bundle", model.ensemble, fewer, HIDDEN) is None
    files = sorted(path.suffix for path in (tmp_path / "bundle").iterdir())
    assert files == [".json", ".npy"]


@pytest.mark.parametrize("suffix", [".json", ".npy"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_damaged_tables_are_built_again(tmp_path: Path, suffix: str, share: float) -> None:
    model = trained("depth 4")
    patterns = count_patterns(model.ensemble, model.sample)
    whole = stored_tables(tmp_path, model.ensemble, patterns, HIDDEN).values.copy()
    (file,) = tmp_path.glob(f"*{suffix}")
    content = file.read_bytes()
    for bent in (content[: int(len(content) * share)], flipped(content, share)):
        file.write_bytes(bent)
        assert load_tables(tmp_path, model.ensemble, patterns, HIDDEN) is None
        again = stored_tables(tmp_path, model.ensemble, patterns, HIDDEN)
        assert np.array_equal(again.values, whole)


def flipped(content: bytes, share: float) -> bytes:
    place = int(len(content) * share)
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    model = trained("depth 4")
    patterns = count_patterns(model.ensemble, model.sample)
    (tmp_path / "file").touch()
    tables = interventional_tables(model.ensemble, patterns, HIDDEN)
    with pytest.raises(BundleError, match="cannot be written"):
        save_tables(tmp_path / "file", tables, patterns)


def test_warming_up_compiles_all_that_ratings_use(tmp_path: Path) -> None:
    warm_up()
    used = ("rows_kernel", "blocks_kernel", "patterns_kernel", "tables_kernel")
    before = [len(getattr(shap_kernels, name).signatures) for name in used]
    model = trained("categories")
    patterns = count_patterns(model.ensemble, model.sample)
    read = LeafPatterns.from_bytes(patterns.to_bytes(), model.ensemble)
    kept = stored_tables(tmp_path, model.ensemble, read, HIDDEN)
    for rows in (model.sample[:1], model.sample, np.asfortranarray(model.sample)):
        contributions(kept, rows)
    path_dependent_tables(model.ensemble)
    assert [len(getattr(shap_kernels, name).signatures) for name in used] == before == [1] * 4
