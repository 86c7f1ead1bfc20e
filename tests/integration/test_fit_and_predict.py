"""A bank's own model: the two commands from a file to a file."""

import hashlib
import json
import shutil
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import BundleError, RequestError, TableError
from models.table_bundle import load_table_bundle
from models.tree_model import read_ensemble
from tests.command import run
from tests.own_fits import DROPPED, quick_rules
from tests.own_tables import loans, written
from training.table import settings as table_settings
from training.table.columns import label_table
from training.table.monotone import prove_directions, read_directions
from training.table.reading import read_table
from training.table.scoring import BASE, CONTRIBUTION, TableScorer, open_scorer

FIGURES = ("auc", "ks", "pr_auc", "brier", "calibration_slope", "ece", "logloss")
SHAPE = {"income": -1, "debt": 1, "noise": 0}


@pytest.fixture(scope="module")
def patch() -> pytest.MonkeyPatch:
    return pytest.MonkeyPatch()


def command(patch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    patch.setenv("XINQIAO_LANG", "en")
    return run(patch, *arguments)


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


def fit_arguments(table: Path, out: Path, *more: str) -> list[str]:
    dropped = [part for name in DROPPED for part in ("--drop", name)]
    asked = ["fit", str(table), "--target", "status", "--positive", "bad", "--out", str(out)]
    return [*asked, *dropped, *more]


@pytest.fixture(scope="module")
def report(fold: Path, patch: pytest.MonkeyPatch) -> dict[str, object]:
    """One fit with directions, whose report and bundle the tests look at."""
    patch.setattr(table_settings, "load_rules", quick_rules)
    shape = fold / "shape.yaml"
    shape.write_text(json.dumps(SHAPE), encoding="utf-8")  # JSON is YAML
    table = written(loans(), fold / "loans.csv")
    asked = fit_arguments(
        table,
        fold / "fit",
        "--protocol",
        "kfold:2",
        "--trials",
        "2",
        "--monotone",
        str(shape),
        "--json",
    )
    code, said = command(patch, *asked)
    patch.undo()
    assert code == 0, said
    return json.loads(said)


@pytest.fixture
def scorer(report: dict[str, object], fold: Path) -> TableScorer:
    return open_scorer(fold / "fit")


def test_the_report_is_what_the_manual_says(report: dict[str, object], fold: Path) -> None:
    assert report["n"] == 600
    assert report["protocol"] == "kfold:2"
    assert report["shape"] in {"free", "depth_4", "depth_5", "depth_6"}
    suspects = report["suspects"]
    assert isinstance(suspects, list)
    assert [(one["column"], one["kind"]) for one in suspects] == [("loan id", "id_like")]
    folds = report["folds"]
    assert isinstance(folds, list)
    assert len(folds) == 2
    for found in (report["figures"], report["mean_of_folds"], *(one["figures"] for one in folds)):
        assert isinstance(found, dict)
        assert tuple(found) == FIGURES
        assert all(set(estimate) == {"value", "low", "high"} for estimate in found.values())
    kept = json.loads((fold / "fit" / "bundle" / "report.json").read_text(encoding="utf-8"))
    assert kept["figures"] == report["figures"]
    assert pq.read_table(fold / "fit" / "held_out.parquet").num_rows == 600


def test_directions_hold_and_were_swept(report: dict[str, object], scorer: TableScorer) -> None:
    swept = report["monotone"]
    assert isinstance(swept, list)
    assert {one["column"]: one["direction"] for one in swept} == {"income": -1, "debt": 1}
    rows = loans().slice(0, 1).take([0] * 50)
    for name, direction in (("income", -1), ("debt", 1)):
        place = rows.column_names.index(name)
        moved = rows.set_column(place, name, pa.array(np.linspace(-3, 3, 50).tolist()))
        steps = np.diff(scorer.probability(moved))
        assert (direction * steps >= -1e-12).all()
        assert np.abs(steps).max() > 0


def test_a_row_is_answered_alike_alone_in_a_batch_and_in_another_file(
    scorer: TableScorer, fold: Path
) -> None:
    table = loans()
    told = scorer.probability(table)
    as_csv = read_table(fold / "loans.csv")
    assert np.array_equal(scorer.probability(as_csv), told)
    alone = [float(scorer.probability(table.slice(place, 1))[0]) for place in range(0, 600, 60)]
    assert alone == told[::60].tolist()
    backwards = table.take(list(range(599, -1, -1))).select(table.column_names[::-1])
    assert np.array_equal(scorer.probability(backwards), told[::-1])


def test_predict_answers_training_rows_as_the_fit_did(scorer: TableScorer) -> None:
    text = (scorer.bundle.path / "model.txt").read_text()
    matrix = scorer.encoder.transform(loans())
    margin = np.asarray(lgb.Booster(model_str=text).predict(matrix, raw_score=True))
    line = scorer.bundle.line
    assert np.array_equal(scorer.probability(loans()), line.probability(margin))


def test_contributions_add_up_and_are_the_librarys_own(
    scorer: TableScorer, fold: Path, patch: pytest.MonkeyPatch
) -> None:
    out = fold / "scores.parquet"
    told = ["predict", str(fold / "fit"), str(fold / "loans.csv"), "--explain", "--out", str(out)]
    code, said = command(patch, *told, "--carry", "loan id")
    patch.undo()
    assert code == 0, said
    assert "Columns the model does not read: currency, firm, year, rows_meant, status" in said
    found = pq.read_table(out)
    assert found["loan id"].to_pylist() == loans()["loan id"].to_pylist()
    assert found["row"].to_pylist() == list(range(1, 601))
    names = [name for name in found.column_names if name.startswith(CONTRIBUTION)]
    assert len(names) == 7  # income, debt, noise, 城市, sector, granted, is_new
    total = np.asarray(found[BASE]) + sum(np.asarray(found[name]) for name in names)
    p = np.asarray(found["probability"])
    assert np.abs(total - (np.log(p) - np.log1p(-p))).max() < 1e-9
    booster = lgb.Booster(model_file=str(scorer.bundle.path / "model.txt"))
    given = np.asarray(booster.predict(scorer.encoder.transform(loans()), pred_contrib=True))
    place = scorer.encoder.names.index("income")
    ours = np.asarray(found[f"{CONTRIBUTION}income"])
    assert np.abs(ours - scorer.bundle.line.slope * given[:, place]).max() < 1e-9


def test_new_levels_gaps_and_other_types_are_answered(scorer: TableScorer) -> None:
    one = loans().slice(0, 3)
    strange = one.set_column(
        one.column_names.index("城市"), "城市", pa.array(["新城", None, "城1"])
    )
    place = one.column_names.index("income")
    strange = strange.set_column(place, "income", pa.array([None, "not a number", "0.5"]))
    told = scorer.probability(strange)
    assert ((told > 0) & (told < 1)).all()


def test_a_missing_column_is_named(scorer: TableScorer) -> None:
    with pytest.raises(TableError, match="lacks 2 columns that are needed: debt, 城市"):
        scorer.score(loans().drop_columns(["debt", "城市"]))


def test_the_same_seed_gives_the_same_report(
    report: dict[str, object], fold: Path, patch: pytest.MonkeyPatch
) -> None:
    patch.setattr(table_settings, "load_rules", quick_rules)
    asked = fit_arguments(
        written(loans(), fold / "loans.parquet"),
        fold / "again",
        *("--protocol", "kfold:2", "--trials", "2"),
        *("--monotone", str(fold / "shape.yaml"), "--json"),
    )
    code, said = command(patch, *asked)
    patch.undo()
    assert code == 0, said
    again = json.loads(said)
    assert {**again, "bundle": None} == {**report, "bundle": None}


def test_strict_refuses_a_leak_and_trains_nothing(fold: Path, patch: pytest.MonkeyPatch) -> None:
    table = loans()
    copy = pa.array([1.0 if status == "bad" else 0.0 for status in table["status"].to_pylist()])
    path = written(table.append_column("charged_off", copy), fold / "leaky.parquet")
    code, said = command(patch, *fit_arguments(path, fold / "leaky", "--strict"))
    patch.undo()
    assert code == 1
    assert "charged_off" in said
    assert "--strict was given, so nothing was trained" in said
    assert not (fold / "leaky").exists()


def test_a_bundle_that_differs_is_refused(
    report: dict[str, object], fold: Path, tmp_path: Path
) -> None:
    source = fold / "fit" / "bundle"
    for name in ("model.txt", "encoder.json", "proof.json", "report.json"):
        copy = tmp_path / name.replace(".", "-")
        shutil.copytree(source, copy)
        content = (copy / name).read_bytes()
        (copy / name).write_bytes(content.replace(b"1", b"2", 1))
        with pytest.raises(BundleError, match=f"holds another {name} than its manifest names"):
            load_table_bundle(copy)
    shutil.copytree(source, tmp_path / "torn")
    (tmp_path / "torn" / "model.txt").unlink()
    with pytest.raises(BundleError, match=r"has no readable model\.txt"):
        load_table_bundle(tmp_path / "torn")


def test_a_bundle_that_computes_otherwise_is_refused(
    report: dict[str, object], fold: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "other"
    shutil.copytree(fold / "fit" / "bundle", copy)
    proof = json.loads((copy / "proof.json").read_text())
    proof["margin"][3] += 1e-6
    (copy / "proof.json").write_text(json.dumps(proof))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["proof.json"] = hashlib.sha256((copy / "proof.json").read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="answers proof row 3 with"):
        load_table_bundle(copy)


def test_wrong_directions_are_refused_by_a_sentence(tmp_path: Path) -> None:
    columns = label_table(loans(), target="status", positive="bad").columns
    cases = {
        "incme: 1": "no column 'incme'. Did you mean 'income'",
        "income: 2": "'income'",
        "sector: -1": "gives 'sector' a direction, but it is a category",
        "- income": "dictionary",
    }
    path = tmp_path / "shape.yaml"
    for content, sentence in cases.items():
        path.write_text(content, encoding="utf-8")
        with pytest.raises((TableError, RequestError), match=sentence):
            read_directions(path, columns)
    path.write_text("income: -1\nsector: 0\n", encoding="utf-8")
    assert read_directions(path, columns) == {"income": -1}


def test_the_sweep_catches_trees_that_turn() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(400, 2))
    rows = lgb.Dataset(matrix, label=(np.abs(matrix[:, 0]) > 1).astype(float))
    told = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    ensemble = read_ensemble(lgb.train(told, rows, 5).model_to_string())
    with pytest.raises(TableError, match="do not keep the direction of x"):
        prove_directions(ensemble, matrix, {"x": 0}, {"x": 1})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fit", "{t}", "--target", "statsu", "--positive", "bad"], "no column 'statsu'"),
        (["fit", "{t}", "--target", "status", "--positive", "worse"], "No row has 'worse'"),
        (["fit", "{t}", "--target", "status", "--max-depth", "12"], "--max-depth must be 1 to 10"),
        (["fit", "nowhere.csv", "--target", "status"], "There is no file nowhere.csv"),
        (
            ["fit", "{t}", "--target", "status", "--protocol", "loo"],
            "The protocol 'loo' is none of",
        ),
        (["fit", "{t}", "--target", "status", "--out", "{t}"], "is a file. Name a folder"),
        (["predict", "{f}", "{t}", "--out", "scores.xlsx"], "--out must end in .parquet or .csv"),
        (["predict", "{t}.d", "{t}", "--out", "scores.csv"], "has no readable manifest.json"),
    ],
)
def test_a_mistake_gets_one_sentence(
    arguments: list[str],
    sentence: str,
    report: dict[str, object],
    fold: Path,
    patch: pytest.MonkeyPatch,
) -> None:
    filled = [a.format(t=fold / "loans.csv", f=fold / "fit") for a in arguments]
    code, said = command(patch, *filled)
    patch.undo()
    assert code in {1, 2}
    assert sentence in said
    assert said.startswith("Error: ")
