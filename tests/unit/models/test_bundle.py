import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pytest

from features.errors import BundleError
from features.registry import Registry
from models.bundle import FILES, Bundle, load_bundle, write_bundle
from models.points import PointsLayout, points_of
from models.proof import ROWS, proof_values
from models.tree_shap import contributions
from tests.unit.models.conftest import Workshop
from tests.unit.models.small_registry import REGISTRY, make_feature

Copy = Callable[[], Path]


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Change a file and make the manifest agree with it."""
    (folder / name).write_bytes(content)
    change_manifest(
        folder, lambda m: m["files"].__setitem__(name, hashlib.sha256(content).hexdigest())
    )


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def test_a_bundle_is_read_back_as_it_was_written(bundle: Bundle, workshop: Workshop) -> None:
    again = load_bundle(bundle.path, REGISTRY)
    assert again.id == bundle.id
    assert again.manifest == bundle.manifest
    first, second = bundle.points(workshop.sample), again.points(workshop.sample)
    assert np.array_equal(first.margin, second.margin)
    assert np.array_equal(first.feature_points, second.feature_points)
    assert bundle.id == hashlib.sha256((bundle.path / "manifest.json").read_bytes()).hexdigest()


def test_the_manifest_says_what_the_model_is(bundle: Bundle, workshop: Workshop) -> None:
    manifest = bundle.manifest
    assert manifest.probability_kind == "default_probability"
    assert "undated label" in manifest.label.en
    assert manifest.consent_scopes == {"invoice_line": "invoice"}
    assert [f.name for f in manifest.features] == list(REGISTRY.names)
    assert [f.definition_hash for f in manifest.features] == [f.definition_hash for f in REGISTRY]
    assert sum(feature.gain for feature in manifest.features) > 0
    assert sum(rate.n for rate in manifest.grades.values()) == len(workshop.is_default)
    assert set(manifest.libraries) == {"lightgbm", "numba", "numpy"}


def test_the_folder_holds_data_only_and_no_temporary(bundle: Bundle) -> None:
    assert sorted(f.name for f in bundle.path.iterdir()) == sorted([*FILES, "manifest.json"])
    assert [f.name for f in bundle.path.parent.iterdir()] == [bundle.path.name]


def test_contributions_add_up_to_the_margin(bundle: Bundle, workshop: Workshop) -> None:
    # Oracle: LightGBM's own raw score.
    booster = lgb.Booster(model_str=workshop.recipe.model_text)
    raw = np.asarray(booster.predict(workshop.sample, raw_score=True))
    assert np.array_equal(bundle.model.margin(workshop.sample), raw)
    assert np.abs(bundle.points(workshop.sample).margin - raw).max() < 1e-10


def test_the_bundle_keeps_counts_of_the_reference_and_no_row(
    bundle: Bundle, workshop: Workshop
) -> None:
    assert bundle.manifest.reference_firms == len(workshop.sample)
    stored = (bundle.path / "patterns.npz").read_bytes()
    assert not any(row.tobytes() in stored for row in workshop.sample)
    # The base is what the reference firms get on average.
    mean = bundle.model.margin(workshop.sample).mean()
    assert bundle.tables().base == pytest.approx(mean, abs=1e-12)


def test_tables_on_disk_give_the_same_points(
    bundle: Bundle, workshop: Workshop, tmp_path: Path
) -> None:
    mapped = load_bundle(bundle.path, REGISTRY, tables_folder=tmp_path)
    again = load_bundle(bundle.path, REGISTRY, tables_folder=tmp_path)
    expected = bundle.points(workshop.sample)
    for one in (mapped, again):
        found = one.points(workshop.sample)
        assert np.array_equal(found.feature_points, expected.feature_points)
    assert (tmp_path / bundle.id).is_dir()


def test_no_proof_row_is_a_firm(bundle: Bundle, workshop: Workshop) -> None:
    values = proof_values(workshop.sample, np.random.default_rng(0))
    assert values.shape == (ROWS, len(REGISTRY))
    firms = {row.tobytes() for row in workshop.sample}
    assert not firms & {row.tobytes() for row in values}
    drawn = values[: ROWS - 8]
    finite = drawn[np.isfinite(drawn)]
    assert all(float(f"{value:.1e}") == pytest.approx(value, rel=1e-12) for value in finite)
    hostile = values[ROWS - 8 :]
    assert np.isnan(hostile).any()
    assert np.isposinf(hostile).any()
    assert np.isneginf(hostile).any()
    assert (np.abs(hostile) == 1e300).any()


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_refused(copy_of: Copy, name: str) -> None:
    folder = copy_of()
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"has no readable {name}"):
        load_bundle(folder, REGISTRY)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_truncated_file_is_refused(copy_of: Copy, name: str, share: float) -> None:
    folder = copy_of()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BundleError, match=r"than its manifest names|damaged manifest.json"):
        load_bundle(folder, REGISTRY)


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_refused(copy_of: Copy, name: str) -> None:
    folder = copy_of()
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    with pytest.raises(BundleError, match=f"holds another {name}") as caught:
        load_bundle(folder, REGISTRY)
    assert "与清单不符" in caught.value.zh


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_a_cut_model_never_reaches_the_library(copy_of: Copy, share: float) -> None:
    folder = copy_of()
    content = (folder / "model.txt").read_bytes()
    cut = content[: int(content.index(b"end of trees") * share)]
    rewrite(folder, "model.txt", cut)
    with pytest.raises(BundleError, match="model text is damaged"):
        load_bundle(folder, REGISTRY)


def test_another_model_is_not_the_one_the_reference_answered(copy_of: Copy) -> None:
    folder = copy_of()
    text = (folder / "model.txt").read_text(encoding="ascii")
    line = next(line for line in text.splitlines() if line.startswith("leaf_value="))
    first = line.removeprefix("leaf_value=").split()[0]
    nudged = f"-{first[1:]}" if not first.startswith("-") else f"0{first[1:]}"
    bent = text.replace(f"leaf_value={first}", f"leaf_value={nudged}", 1)
    rewrite(folder, "model.txt", bent.encode())
    with pytest.raises(BundleError, match="other trees"):
        load_bundle(folder, REGISTRY)


@pytest.mark.parametrize("key", ["margin", "score", "points"])
def test_another_answer_is_refused(copy_of: Copy, key: str) -> None:
    folder = copy_of()
    proof: dict[str, Any] = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    row = proof["rows"][-1]
    row[key] = [row[key][0] + 1, *row[key][1:]] if key == "points" else row[key] + 1
    rewrite(folder, "proof.json", json.dumps(proof).encode())
    with pytest.raises(BundleError, match=f"answers proof row {ROWS - 1}"):
        load_bundle(folder, REGISTRY)


def test_a_proof_of_another_shape_is_refused(copy_of: Copy) -> None:
    folder = copy_of()
    proof: dict[str, Any] = json.loads((folder / "proof.json").read_text(encoding="utf-8"))
    proof["rows"][3]["values"].pop()
    rewrite(folder, "proof.json", json.dumps(proof).encode())
    with pytest.raises(BundleError, match="another shape"):
        load_bundle(folder, REGISTRY)


def test_changed_features_are_refused(bundle: Bundle) -> None:
    first, *rest = REGISTRY.features
    other = make_feature(first.name, first.group, first.direction, sql="max(x)")
    with pytest.raises(BundleError, match=rf"1 features .* differently here .{first.name}"):
        load_bundle(bundle.path, Registry((other, *rest)))
    with pytest.raises(BundleError, match="6 features"):
        load_bundle(bundle.path, Registry(()))


def test_more_features_than_the_model_needs_are_welcome(bundle: Bundle) -> None:
    more = Registry((make_feature("another", "R07", 0), *REGISTRY.features))
    assert load_bundle(bundle.path, more).id == bundle.id


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (["probability_kind"], "pd", "probability_kind"),
        (["format"], 1, "format"),
        (["surprise"], 1, "surprise"),
        (["label"], {"en": "a"}, "label"),
        (["files"], {}, "must name the files"),
        (["scale_id"], "other", "no scale with id 'other'"),
        (["calibration", "slope"], -1.0, "positive slope"),
        (["features", 0, "group"], "R99", "no words for reason group R99"),
        (["grades"], {"E": {"n": 0, "defaults": 0, "low": None, "high": None}}, "grades unknown"),
        (["calibration", "intercept"], 3.0, "answers proof row 0"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    copy_of: Copy, place: list[str | int], value: object, sentence: str
) -> None:
    folder = copy_of()

    def change(manifest: dict[str, Any]) -> None:
        *way, last = place
        holder: Any = manifest
        for step in way:
            holder = holder[step]
        holder[last] = value

    change_manifest(folder, change)
    with pytest.raises(BundleError, match=sentence):
        load_bundle(folder, REGISTRY)


def test_features_in_another_order_are_refused(copy_of: Copy) -> None:
    folder = copy_of()
    change_manifest(folder, lambda manifest: manifest["features"].reverse())
    with pytest.raises(BundleError, match="trees on other features"):
        load_bundle(folder, REGISTRY)


def test_nothing_is_written_over(bundle: Bundle, workshop: Workshop) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(workshop.recipe, bundle.path, sample=workshop.sample, rng=rng)


def test_a_bundle_that_cannot_be_read_back_leaves_nothing(
    workshop: Workshop, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    foreign = Registry(tuple(make_feature(f.name, "R99", f.direction) for f in REGISTRY))
    recipe = replace(workshop.recipe, features=foreign)
    with pytest.raises(BundleError, match="no words for reason group R99"):
        write_bundle(recipe, tmp_path / "new", sample=workshop.sample, rng=rng)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_sentence(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    rng = np.random.default_rng(0)
    with pytest.raises(BundleError, match="cannot be written: No space left"):
        write_bundle(workshop.recipe, tmp_path / "new", sample=workshop.sample, rng=rng)
    assert list(tmp_path.iterdir()) == []


def test_recipes_that_do_not_fit_are_refused(workshop: Workshop, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    turned = replace(workshop.recipe, features=Registry(REGISTRY.features[::-1]))
    with pytest.raises(BundleError, match="other columns than its features"):
        write_bundle(turned, tmp_path / "a", sample=workshop.sample, rng=rng)
    unmeasured = replace(workshop.recipe, metrics={"auc": float("nan")})
    with pytest.raises(BundleError, match=r"wrong 'metrics.auc'"):
        write_bundle(unmeasured, tmp_path / "b", sample=workshop.sample, rng=rng)


def test_points_of_the_bundle_are_those_of_the_parts(bundle: Bundle, workshop: Workshop) -> None:
    layout = PointsLayout(REGISTRY.names, {f.name: f.group for f in REGISTRY})
    tables = bundle.tables()
    values = contributions(tables, workshop.sample).values
    parts = points_of(values, tables.base, workshop.recipe.line, bundle.scale, layout)
    assert np.array_equal(parts.score, bundle.points(workshop.sample).score)
