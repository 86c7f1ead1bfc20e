"""The notebooks run from top to bottom on a small city, fetch nothing and name nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pyarrow.parquet as pq
import pytest
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from simulator.city import CityPlan, build_city
from tests.command import run

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("explore-the-city", "retrain-and-compare", "your-own-model")
#: What the two models read, beside what labels and segments are made of.
READ = ("annual_figures", "tax_credit_rating", "electricity_month")
LANDED = {
    *READ,
    "reg_basic",
    "consent_event",
    "loan_account",
    "repayment_snapshot",
    "bankruptcy_case",
    "reg_status_event",
}
#: What a chart needs the network for.
FETCHES = ("http://", "https://", "<script", '"url"')


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home folder with a landed city of some hundred firms, small models and few trials."""
    root = tmp_path_factory.mktemp("notebooks")
    folder = root / "city"
    build_city(CityPlan(900, 78, 11), folder)
    entries = yaml.safe_load((folder / "delivery.yaml").read_text("utf-8"))["deliveries"]
    kept = [entry for entry in entries if entry["dataset"] in LANDED]
    (folder / "delivery.yaml").write_text(yaml.safe_dump({"deliveries": kept}), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINQIAO_HOME", str(root / "home"))
        patch.setenv("XINQIAO_MLRUNS", str(root / "mlruns"))
        patch.setenv("XINQIAO_NOTEBOOK_TRIALS", "0")
        patch.setenv("XINQIAO_NOTEBOOK_TREES", "40")
        patch.setenv("XINQIAO_NOTEBOOK_DATASETS", ",".join(READ))
        patch.setenv("IPYTHONDIR", str(root / "ipython"))
        code, printed = run(patch, "ingest", str(folder))
        assert code == 0, printed
        yield root / "home"


def executed(name: str) -> Any:
    """The notebook after all its cells ran in a fresh kernel; a failing cell is shown with its error."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)  # pyright: ignore[reportUnknownMemberType]
    place = {"metadata": {"path": str(NOTEBOOKS)}}
    client = NotebookClient(notebook, timeout=600, startup_timeout=300, resources=place)
    try:
        client.execute()
    except CellExecutionError as failed:
        pytest.fail(f"{name}: {failed}")
    return notebook


def told(notebook: Any) -> str:
    """Everything the cells printed, drew or tabled."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    # MLflow tells there how it lays out a new folder; a warning would be ours to mend.
    assert not [o.text for o in outputs if o.get("name") == "stderr" and "Warning" in o.text]
    parts = [part for o in outputs for part in (o.get("text"), *o.get("data", {}).values()) if part]
    return "\n".join(part if isinstance(part, str) else json.dumps(part) for part in parts)


def codes_of(home: Path) -> set[str]:
    """Unified social credit codes of the city."""
    files = sorted((home / "lake" / "parties").glob("*.parquet"))
    return {code for file in files for code in pq.read_table(file)["party_id"].to_pylist()}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_without_what_it_printed(name: str) -> None:
    notebook: Any = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)  # pyright: ignore[reportUnknownMemberType]
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert not [cell.source for cell in cells if cell.outputs or cell.execution_count]
    assert notebook.metadata.kernelspec.name == "python3"
    assert str(NOTEBOOKS.parent) not in nbformat.writes(notebook)  # pyright: ignore[reportUnknownMemberType]


def test_there_is_no_notebook_without_a_test() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(NAMES)


def test_the_city_is_shown_in_groups_only(home: Path) -> None:
    shown = told(executed("explore-the-city"))
    assert "schema/vega-lite" in shown
    assert not [
        mark for mark in FETCHES if mark in shown.replace("https://vega.github.io/schema/", "")
    ]
    codes = codes_of(home)
    assert len(codes) >= 900
    assert not [code for code in codes if code in shown]
    # The last year out of time, and the file the traced value came from.
    assert "2025-05-31" in shown
    assert "electricity_month" in shown.rpartition("SHA-256")[2]


def test_two_trainings_are_compared_by_what_both_left(home: Path) -> None:
    shown = told(executed("retrain-and-compare"))
    kept = {path.name for path in (home / "studies").iterdir()}
    assert len(kept) == 2
    named = [line for line in shown.splitlines() if "xinqiao promote" in line]
    assert {bundle[:12] for bundle in kept} == {line.split("promote ")[1][:12] for line in named}
    assert "challenger − standing: " in shown
    assert "without_tax" in shown
    assert not [code for code in codes_of(home) if code in shown]


def test_a_bank_fits_its_own_table_without_the_leak(home: Path) -> None:
    before = {path for path in home.rglob("*") if path.is_file()}
    shown = told(executed("your-own-model"))
    assert "'collection_calls' tells the outcome by itself" in shown
    row = next(line for line in shown.splitlines() if line.startswith("| auc |"))
    with_leak, without = (float(cell.split()[0]) for cell in row.split("|")[2:4])
    assert with_leak > 0.98
    assert 0.6 < without < 0.85
    assert {path for path in home.rglob("*") if path.is_file()} == before


def test_without_a_lake_a_notebook_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path / "nothing"))
    with pytest.raises(pytest.fail.Exception, match="run make demo first"):
        executed("explore-the-city")
