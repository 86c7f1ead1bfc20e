"""A small synthetic city through the demo: files, lake, labels, 12-month rating, cards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from features.contracts import Catalogue
from models.manifest import Manifest
from models.rating import BASE_12M, RatingSpec, base_12m
from simulator.city import CityPlan, build_city
from tests.command import run
from training.aliases import named_bundle

FIRMS, SEED = 1_000, 11
LAST_DAY = "2026-06-30"
#: The label's data, and three sources that are quick to land and say something.
READ = frozenset({"annual_figures", "tax_credit_rating", "electricity_month"})
LANDED = READ | {
    "reg_basic",
    "consent_event",
    "loan_account",
    "repayment_snapshot",
    "bankruptcy_case",
    "reg_status_event",
}


@dataclass(frozen=True)
class Home:
    """A home folder after one demo, and what the demo printed."""

    path: Path
    printed: str

    @property
    def manifest(self) -> Manifest:
        """What the city's model says about itself."""
        return self.named(BASE_12M)

    def named(self, name: str) -> Manifest:
        """Manifest of the bundle a name stands for."""
        text = (named_bundle(self.path / "bundles", name) / "manifest.json").read_text("utf-8")
        return Manifest.model_validate_json(text)


def small_spec(catalogue: Catalogue) -> RatingSpec:
    return replace(base_12m(catalogue), datasets=READ, rounds=60)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    root = tmp_path_factory.mktemp("city")
    folder = root / "home" / "city"
    build_city(CityPlan(FIRMS, 78, SEED), folder)
    entries = yaml.safe_load((folder / "delivery.yaml").read_text("utf-8"))["deliveries"]
    kept = [entry for entry in entries if entry["dataset"] in LANDED]
    (folder / "delivery.yaml").write_text(yaml.safe_dump({"deliveries": kept}), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINQIAO_HOME", str(root / "home"))
        patch.setenv("XINQIAO_MLRUNS", str(root / "mlruns"))
        patch.setattr("xinqiao.train.base_12m", small_spec)
        patch.setattr("training.out_of_time.DRAWS", 50)
        code, printed = run(patch, "demo", "--enterprises", str(FIRMS))
        assert code == 0, printed
        yield Home(root / "home", printed)


def test_the_demo_ends_with_two_cards_and_the_later_year(home: Home) -> None:
    assert home.printed.count("信桥 · 企业信用评级卡") == 2
    assert home.printed.count("12个月违约概率") == 2
    assert "时间外验证：2024-08-31 至 2025-05-31 的 4 个季度" in home.printed


def test_the_model_is_of_twelve_months_and_ranks_a_later_year(home: Home) -> None:
    manifest = home.manifest
    assert manifest.probability_kind == "pd_12m"
    assert manifest.as_of_date.isoformat() == "2024-05-31"
    assert {name for feature in manifest.features for name in feature.datasets} <= READ
    # The simulator's own truth ranks near 0.85; more would be a leak, 0.5 no model.
    assert 0.55 < manifest.metrics["auc"] < 0.9
    assert manifest.metrics["auc_low"] < manifest.metrics["auc"] < manifest.metrics["auc_high"]
    graded = sum(rate.defaults for rate in manifest.grades.values())
    assert graded == manifest.metrics["defaults"] >= 10


def test_only_firms_that_let_themselves_be_learned_from_have_rows(home: Home) -> None:
    events = pq.read_table(home.path / "city" / "consent_event").to_pylist()
    learns = {
        row["uscc"]
        for row in events
        if row["purpose"] == "modelling" and row["grantee"] == "platform"
    }
    revoked = {
        row["uscc"] for row in events if row["purpose"] == "modelling" and row["event"] == "revoked"
    }
    parts = sorted((home.path / "quarters").glob("*/*.parquet"))
    assert len(parts) == 10
    seen = {code for part in parts for code in pq.read_table(part)["uscc"].to_pylist()}
    assert revoked
    assert len(seen) > 100
    assert seen <= learns - revoked


def test_training_again_uses_the_kept_features_and_gives_the_same_model(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts() -> dict[str, int]:
        found = (home.path / "quarters").glob("*/*.parquet")
        return {path.name: path.stat().st_mtime_ns for path in found}

    before, model = parts(), home.manifest.files["model.txt"]
    code, printed = run(monkeypatch, "train", "rating", "--as-of", LAST_DAY, "--json")
    assert code == 0
    assert parts() == before
    # It waits for two people; who serves is as before.
    again = home.named(f"{BASE_12M}@candidate")
    assert again.created_at > home.manifest.created_at
    assert again.files["model.txt"] == model
    assert json.loads(printed)["auc"] == home.manifest.metrics["auc"]


def test_every_rating_adds_up_and_single_equals_batch(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "ratings.parquet"
    asked = ("--as-of", LAST_DAY, "--model", BASE_12M)
    code, printed = run(monkeypatch, "rate", "--all", "--out", str(target), *asked)
    assert code == 0, printed
    rows = [row for row in pq.read_table(target).to_pylist() if row["score"] is not None]
    assert len(rows) > 100
    for row in rows:
        points = sum(value for name, value in row.items() if name.startswith("points_"))
        assert row["base_points"] + points == row["score"]
        assert 0 < row["pd_12m"] < 1
    code, printed = run(monkeypatch, "rate", rows[0]["uscc"], "--json", *asked)
    assert code == 0, printed
    single = {name: str(value) for name, value in json.loads(printed).items()}
    assert single == {name: str(value) for name, value in rows[0].items()}


def test_a_city_of_another_size_is_not_mixed_in(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, printed = run(monkeypatch, "demo", "--enterprises", "400")
    assert code == 2
    assert f"中已有 {FIRMS} 家企业的城市" in printed
