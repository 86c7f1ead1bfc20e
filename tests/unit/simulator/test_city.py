"""Building a city: the same bytes from the same seed, files that fit the catalogue, clear refusals."""

import ast
import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import yaml

from features.contracts import load_catalogue
from features.delivery import plan_delivery
from features.errors import SimulationError
from features.ingest import ingest_files
from features.lake import Lake
from features.mapping import load_mapping
from features.vault import Vault
from simulator.city import CityPlan, build_city
from tests.unit.simulator.towns import Town
from xinqiao.app import main

ROOT = Path(__file__).parents[3]
PLAN = CityPlan(enterprises=300, months=30, seed=7)


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [
        f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in files
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        build_city(CityPlan(300, 30, seed), tmp_path / name)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert digest(tmp_path / "a") != digest(tmp_path / "c")


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SimulationError, match="is not empty"):
        build_city(PLAN, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (CityPlan(0, 78, 7), "--enterprises is 0"),
        (CityPlan(300, 23, 7), "--months is 23"),
        (CityPlan(300, 78, -1), "--seed is -1"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: CityPlan, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=sentence):
        build_city(plan, tmp_path / "city")


def test_every_mapping_fits_the_catalogue_and_every_code_is_listed(town: Town) -> None:
    catalogue = load_catalogue()
    steps = yaml.safe_load((town.folder / "delivery.yaml").read_text(encoding="utf-8"))[
        "deliveries"
    ]
    assert {step["dataset"] for step in steps} == set(town.city.rows)
    plan = plan_delivery(town.folder, catalogue)
    assert [part.mapping.dataset.name for part in plan.parts[:2]] == ["reg_basic", "consent_event"]
    assert {path.relative_to(town.folder).parts[0] for path in plan.unclaimed} == {"truth"}
    for step in steps:
        dataset = catalogue[step["dataset"]]
        mapping = load_mapping(town.folder / step["mapping"], dataset)
        assert any(town.folder.glob(step["files"]))
        for name in mapping.rules:
            values = dataset.columns[name].values
            if values:
                found = town.rows(
                    f"SELECT DISTINCT CAST({name} AS VARCHAR) FROM {dataset.name} WHERE {name} IS NOT NULL"
                )
                assert {str(row[0]) for row in found} <= set(values), f"{dataset.name}.{name}"


@pytest.mark.parametrize(
    "dataset",
    [
        "reg_basic",
        "admin_penalty",
        "consent_event",
        "loan_account",
        "reg_shareholder",
        "pension_filing",
        "tax_major_violation",
    ],
)
def test_what_ingest_rejects_is_what_was_made_wrong(
    dataset: str, town: Town, tmp_path: Path
) -> None:
    mapping = load_mapping(town.folder / f"mappings/{dataset}.yaml", load_catalogue()[dataset])
    deliveries = ingest_files(
        sorted((town.folder / dataset).iterdir()),
        mapping,
        Lake(tmp_path / "lake"),
        Vault(tmp_path / "vault"),
        now=datetime(2026, 7, 1),
    )
    batches = [delivery.batch for delivery in deliveries]
    assert sum(batch.delivered for batch in batches) == town.city.rows[dataset]
    assert sum(batch.rejected for batch in batches) == town.city.wrong_codes.get(dataset, 0)
    assert sum(batch.landed for batch in batches) > 0


def test_nothing_is_delivered_before_it_happened_or_after_the_last_day(town: Town) -> None:
    catalogue = load_catalogue()
    for dataset in town.city.rows:
        event = catalogue[dataset].document.event_date or ""
        kind = catalogue[dataset].columns[event].type
        day = f"CAST({event} AS TIMESTAMP)"
        if kind == "month":
            day = f"CAST(make_date({event} // 100, {event} % 100, 1) AS TIMESTAMP)"
        early = town.number(f"SELECT count(*) FROM {dataset} WHERE delivered_at < {day}")
        late = town.number(
            f"SELECT count(*) FROM {dataset} WHERE delivered_at >= DATE '{town.city.last_day}' + 1"
        )
        assert (dataset, early, late) == (dataset, 0, 0)


def test_some_text_comes_in_gb18030(town: Town) -> None:
    path = town.folder / "admin_penalty/admin_penalty-0000-0.csv"
    with pytest.raises(UnicodeDecodeError, match="utf-8"):
        path.read_bytes().decode()
    assert "行政处罚决定书" in path.read_bytes().decode("gb18030")
    mapping = yaml.safe_load((town.folder / "mappings/admin_penalty.yaml").read_text())
    assert mapping["file"] == {"encoding": "gb18030"}


def test_truth_is_never_delivered(town: Town) -> None:
    secret = {"quality", "stress", "default_month", "trap", "decline"}
    for path in town.folder.glob("[!t]*/*"):
        if path.suffix == ".parquet":
            assert not secret & set(pq.read_schema(path).names), path.name
        elif path.suffix == ".csv":
            encoding = (
                "gb18030"
                if path.parent.name in {"court_judgment", "admin_penalty", "qualification_cert"}
                else "utf8"
            )
            names = pa_csv.read_csv(path, pa_csv.ReadOptions(encoding=encoding)).column_names
            assert not secret & set(names), path.name


def test_no_room_but_the_command_imports_the_simulator() -> None:
    for room in ("features", "models", "training", "benchmarks"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not any(name.split(".")[0] == "simulator" for name in names), path


def test_the_command_writes_a_city_and_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    city = tmp_path / "city"
    words = ["simulate", "--enterprises", "300", "--months", "30", "--out", str(city), "--json"]
    monkeypatch.setattr(sys, "argv", ["xinqiao", *words])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert json.loads(capsys.readouterr().out)["enterprises"] == 300
    monkeypatch.setattr(sys, "argv", ["xinqiao", "simulate", "report", str(tmp_path)])
    assert main() == 2
    assert "city.json" in capsys.readouterr().err
