"""A small synthetic city through the demo: files, lake, labels, 12-month rating, cards."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from features.contracts import Catalogue
from models.alert import ALERT_6M, alert_6m
from models.aliases import candidate_of, named_bundle
from models.manifest import Manifest
from models.metrics import auc
from models.rating import BASE_12M, RatingSpec, base_12m
from simulator.city import CityPlan, build_city
from tests.command import run
from training.study import read_study

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
    "dishonest_debtor",
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


def small_warning(catalogue: Catalogue) -> RatingSpec:
    return replace(alert_6m(catalogue), datasets=READ, rounds=60)


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
        code, printed = run(patch, "demo", "--enterprises", str(FIRMS), "--no-serve")
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


def test_an_early_warning_is_trained_and_judged_and_rates_nobody(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xinqiao.train_alert.alert_6m", small_warning)
    monkeypatch.setattr("training.alert_evaluation.DRAWS", 50)
    champion = named_bundle(home.path / "bundles")
    code, printed = run(monkeypatch, "train", "alert", "--as-of", LAST_DAY, "--json")
    assert code == 0, printed
    told = json.loads(printed)
    assert named_bundle(home.path / "bundles", candidate_of(ALERT_6M)).name == told["bundle_id"]
    assert named_bundle(home.path / "bundles") == champion
    assert {
        "events",
        "events_3m",
        "auc_3m",
        "alerted_share",
        "base_rating_alerted_share",
        "with_signals_alerted_share",
    } <= told.keys()
    assert 0 < told["cut_off"] < 1
    assert told["alerted_share_low"] <= told["alerted_share"] <= told["alerted_share_high"]
    assert told["with_signals_alerted_share"] <= told["alerted_share_highest"] < 0.12
    manifest = (
        named_bundle(home.path / "bundles", candidate_of(ALERT_6M)) / "manifest.json"
    ).read_text("utf-8")
    assert Manifest.model_validate_json(manifest).probability_kind == "event_6m"
    code, printed = run(
        monkeypatch, "rate", "--all", "--model", candidate_of(ALERT_6M), "--out", "ratings.parquet"
    )
    assert code == 2
    assert "用于在贷企业的贷后预警，不给出评级" in printed


def test_every_training_leaves_the_rows_it_is_judged_by(home: Home) -> None:
    manifest = home.manifest
    study = read_study(home.path / "studies", named_bundle(home.path / "bundles", BASE_12M).name)
    assert study.model == BASE_12M
    later, early = study.out_of_time, study.development
    assert auc(later.is_default, later.probability) == manifest.metrics["auc"]
    # Held out by firm and told apart by segment; a rating of nine tenths is not the rating itself.
    assert len(early.firm) == manifest.metrics["development_n"]
    assert 0.5 < early.probability.sum() / early.is_default.sum() < 2
    assert set(early.segments["entity_type"]) >= {"company", "individual"}
    assert set(early.segments["first_loan"]) == {"yes", "no"}
    assert set(early.segments["size_class"]) >= {"micro", "small"}
    names = [scenario.name for scenario in study.scenarios]
    scopes = {"registration_detail", "tax", "utilities"}
    assert names[0] == "full"
    assert names[-1] == "strategic"
    assert {name for name in names if name.startswith("without_")} == {
        f"without_{s}" for s in scopes
    }
    assert study.scenarios[0].figures["auc"].value == manifest.metrics["auc"]
    assert "企业关闭部分授权时" in home.printed


def test_a_search_is_refused_where_it_would_find_noise(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("--model", "invoice-rating", "--trials", "2")
    code, printed = run(monkeypatch, "train", "rating", "--as-of", LAST_DAY, *asked)
    assert code == 2
    assert "请去掉 --trials" in printed


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
    code, printed = run(monkeypatch, "demo", "--enterprises", "400", "--no-serve")
    assert code == 2
    assert f"中已有 {FIRMS} 家企业的城市" in printed
