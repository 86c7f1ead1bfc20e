"""The whole road on a small made-up world: files, features, training, ratings, errors."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import features
import models
import training
import xinqiao
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import CohortError
from features.ingest import ingest_files
from features.lake import Lake
from features.mapping import identity_mapping
from features.vault import Vault
from models.aliases import named_bundle, read_record
from models.rating import INVOICE_RATING
from tests.command import run
from tests.worlds import LABELLED, UNLABELLED, write_contest
from training.cohort import build_cohort
from xinqiao.settings import load_settings
from xinqiao.tours import land_tour

AS_OF = date(2020, 2, 29)
# After every ingest of these tests, whenever they run, and before the consents end.
NOW = datetime(2035, 11, 21, 12)
CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Town:
    """Folders of a finished demo run and what it printed."""

    home: Path
    data: Path
    mlruns: Path
    printed: str


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    root = tmp_path_factory.mktemp("town")
    data = write_contest(root / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XINQIAO_HOME", str(root / "home"))
        patch.setenv("XINQIAO_DATA", str(data))
        patch.setenv("XINQIAO_MLRUNS", str(root / "mlruns"))
        # One repeat and a fifth of the trees: the road is the same, the figures do not matter.
        patch.setattr("training.evaluate.REPEATS", 1)
        patch.setattr("xinqiao.train.INVOICE_RATING", replace(INVOICE_RATING, rounds=60))
        code, printed = run(patch, "demo", "--data", "cumcm2020c")
        assert code == 0, printed
        yield Town(root / "home", data, root / "mlruns", printed)


def test_the_demo_ends_with_two_cards_and_the_validation_table(town: Town) -> None:
    assert town.printed.count("信桥 · 企业信用评级卡") == 2
    assert f"验证：{LABELLED} 家企业" in town.printed
    assert "近期性特征贡献的 AUC" in town.printed
    assert town.printed.index("验证：") > town.printed.rindex("评分合计")


def test_landing_again_lands_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Lake(town.home / "lake").view()
    code, printed = run(
        monkeypatch,
        "ingest",
        str(town.data / "cumcm2020c" / "enterprises_with_record.parquet"),
        "--dataset",
        "reg_basic",
        "--mapping",
        str(CHECKOUT / "features/mappings/cumcm2020c/registration.yaml"),
    )
    assert code == 0
    assert "此前已入库" in printed
    assert Lake(town.home / "lake").view() == before


def test_every_rating_adds_up_and_single_equals_batch(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "ratings.parquet"
    code, _ = run(monkeypatch, "rate", "--all", "--out", str(target))
    assert code == 0
    rows = pq.read_table(target).to_pylist()
    assert len(rows) == LABELLED + UNLABELLED
    for row in rows:
        points = sum(value for name, value in row.items() if name.startswith("points_"))
        assert row["base_points"] + points == row["score"]
    code, printed = run(monkeypatch, "rate", "E7", "--json")
    assert code == 0
    single = json.loads(printed)
    batch = next(row for row in rows if row["source_id"] == "cumcm2020c:E7")
    assert {name: str(value) for name, value in batch.items()} == {
        name: str(value) for name, value in single.items()
    }
    assert "pd_12m" not in single
    assert 0 < single["default_probability"] < 1


def test_a_card_speaks_both_languages(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    _, chinese = run(monkeypatch, "rate", "E1")
    _, english = run(monkeypatch, "rate", "E1", "--lang", "en")
    assert "仅供参考，不构成授信承诺" in chinese
    assert "不是未来12个月违约概率" in chinese
    assert "this is not a promise of credit" in english
    assert "90 % interval of this grade's default rate in validation" in english.replace("\n", " ")


def test_a_usc_code_works_like_the_providers_id(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    uscc = Lake(town.home / "lake").view().find_enterprise("E1").uscc
    assert run(monkeypatch, "rate", uscc) == run(monkeypatch, "rate", "E1")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rate", "E9999"), "There is no enterprise 'E9999' in the lake"),
        (("rate",), "Say either one enterprise"),
        (("rate", "E1", "--all", "--out", "x.parquet"), "Say either one enterprise"),
        (("rate", "E1", "--as-of", "2999-01-01"), "lies in the future"),
        (("rate", "E1", "--as-of", "2016-09-01"), "was on no register by 2016-09-01"),
        (("rate", "E1", "--withhold", "invoice_line"), "consent scope 'invoice'"),
        (("rate", "E1", "--withhold", "invoice_lin"), "Did you mean 'invoice_line'"),
        (("lake", "lineage", "invoice_line", "E1", "invoice_no"), "is no condition"),
        (("lake", "lineage", "invoice_line", "E1", "invoice_no=0"), "meets the conditions"),
        (("rate", "E1", "--as-of", "2016-10-02"), "Nothing is on record about 'E1' by 2016-10-02"),
        (("demo", "--data", "nowhere"), "The demo knows no data set 'nowhere'"),
        (("ingest", "x.csv", "--dataset", "invoice_lines"), "Did you mean 'invoice_line'"),
        (("ingest", "no.csv", "--dataset", "invoice_line"), "no.csv cannot be read"),
        (("train", "rating", "--as-of", "2016-01-01"), "training needs at least 10"),
    ],
)
def test_mistakes_get_one_sentence_and_a_nonzero_exit(
    town: Town, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.setenv("XINQIAO_LANG", "en")
    before = Lake(town.home / "lake").view()
    code, printed = run(monkeypatch, *arguments)
    assert code != 0
    assert printed.startswith("Error: ")
    assert sentence in printed
    assert printed.count("\n") == 1
    assert Lake(town.home / "lake").view() == before


def test_missing_data_are_said_with_the_place(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINQIAO_DATA", str(tmp_path))
    code, printed = run(monkeypatch, "demo", "--data", "cumcm2020c")
    assert code != 0
    assert f"演示数据应位于 {tmp_path / 'cumcm2020c'}" in printed


def test_nothing_is_rated_before_a_model_is_trained(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lake").symlink_to(town.home / "lake")
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path))
    code, printed = run(monkeypatch, "rate", "E1")
    assert code != 0
    assert "还没有名为“champion”的模型" in printed


def test_the_run_is_on_record_without_telemetry(town: Town) -> None:
    # Imported here, because only after training is MLflow loaded the way the product loads it.
    import mlflow  # noqa: PLC0415
    from mlflow.telemetry.client import get_telemetry_client  # noqa: PLC0415
    from mlflow.telemetry.utils import is_telemetry_disabled  # noqa: PLC0415

    assert is_telemetry_disabled()
    assert get_telemetry_client() is None
    mlflow.set_tracking_uri(f"sqlite:///{town.mlruns / 'mlflow.db'}")
    found = mlflow.search_runs(experiment_names=[INVOICE_RATING.name], output_format="list")
    assert len(found) == 1
    bundle = named_bundle(town.home / "bundles")
    assert found[0].data.tags["bundle_id"] == bundle.name
    assert found[0].data.metrics["auc"] > 0.5
    trained, promoted = read_record(town.home / "bundles")
    assert trained.reason.endswith(found[0].info.run_id)
    assert (promoted.by, promoted.reviewer) == ("demo-trainer", "demo-reviewer")


def test_rooms_are_imported_from_this_checkout() -> None:
    for room in (features, models, training, xinqiao):
        assert Path(room.__path__[0]).parent == CHECKOUT


def test_a_revoked_modelling_consent_takes_the_firm_out(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path))
    land_tour(load_settings(), "cumcm2020c")
    lake, catalogue = Lake(tmp_path / "lake"), load_catalogue()
    spec_features = INVOICE_RATING.features(REGISTRY)
    before = build_cohort(lake.view(), catalogue, spec_features, as_of_date=AS_OF, now=NOW)
    uscc = before.usccs[0]
    revoked = tmp_path / "revoked.csv"
    consent_id = before.origins[0].replace(":", ":modelling:")
    revoked.write_text(
        "uscc,event_id,consent_id,event,occurred_at,grantee,purpose,scopes,valid_from,valid_to\n"
        f"{uscc},r1,{consent_id},revoked,2026-11-01 10:00:00,platform,modelling,"
        "invoice;loan,2016-10-01,2036-12-31\n",
        encoding="utf-8",
    )
    mapping = identity_mapping(catalogue["consent_event"])
    ingest_files([revoked], mapping, lake, Vault(tmp_path / "vault"), now=NOW)
    after = build_cohort(lake.view(), catalogue, spec_features, as_of_date=AS_OF, now=NOW)
    assert set(before.usccs) - set(after.usccs) == {uscc}
    assert after.without_consent == before.without_consent + 1


def test_without_consents_there_is_nothing_to_learn_from(town: Town, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with pytest.raises(CohortError, match="0 firms have an outcome and a consent for modelling"):
        build_cohort(
            lake.view(),
            load_catalogue(),
            INVOICE_RATING.features(REGISTRY),
            as_of_date=AS_OF,
            now=NOW,
        )


def test_online_vectors_and_a_fresh_computation_give_the_same_rating(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (town.home / "online" / "current").is_symlink()
    _, mapped = run(monkeypatch, "rate", "E3", "--json")
    for name in ("lake", "bundles", "vault"):
        (tmp_path / name).symlink_to(town.home / name)
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path))
    _, computed = run(monkeypatch, "rate", "E3", "--json")
    assert json.loads(mapped) == json.loads(computed)
    code, printed = run(monkeypatch, "features", "online", "--as-of", "2020-02-29")
    assert code == 0
    assert f"{LABELLED + UNLABELLED} 家企业" in printed
    _, refreshed = run(monkeypatch, "rate", "E3", "--json")
    assert json.loads(refreshed) == json.loads(computed)


def test_a_damaged_bundle_is_refused_with_the_reason(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lake").symlink_to(town.home / "lake")
    shutil.copytree(town.home / "bundles", tmp_path / "bundles")
    model = named_bundle(tmp_path / "bundles") / "model.txt"
    model.write_bytes(model.read_bytes()[:-200])
    monkeypatch.setenv("XINQIAO_HOME", str(tmp_path))
    monkeypatch.setenv("XINQIAO_LANG", "en")
    code, printed = run(monkeypatch, "rate", "E1")
    assert code != 0
    assert "holds another model.txt than its manifest names" in printed


def test_a_row_is_traced_to_its_line(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    file = town.data / "cumcm2020c" / "output_invoices_with_record.parquet"
    raw = pq.read_table(file).slice(4, 1).to_pylist()[0]
    number = f"invoice_no={raw['invoice_no']}"
    firm = str(raw["enterprise_id"])
    code, printed = run(monkeypatch, "lake", "lineage", "invoice_line", firm, number, "--json")
    assert code == 0
    origins = [o for o in json.loads(printed) if o["file_name"] == file.name]
    assert [origin["line"] for origin in origins] == [5]
    assert origins[0]["file_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_process_says_one_sentence_and_nothing_else(tmp_path: Path) -> None:
    delivery = tmp_path / "a.csv"
    delivery.write_text("甲,乙\n1,2\n", encoding="gb18030")
    done = subprocess.run(
        [str(CHECKOUT / "bin/xinqiao"), "ingest", str(delivery), "--dataset", "invoice_line"],
        env={"PATH": os.environ["PATH"], "XINQIAO_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("错误：")
    assert "可按 gb18030 读取" in done.stderr
    assert done.stderr.count("\n") == 1
    # A CSV that is read, and refused only afterwards, leaves no more on the screen.
    delivery.write_text("甲,乙\n1,2\n", encoding="utf-8")
    done = subprocess.run(
        [str(CHECKOUT / "bin/xinqiao"), "ingest", str(delivery), "--dataset", "invoice_line"],
        env={"PATH": os.environ["PATH"], "XINQIAO_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.count("\n") == 1, done.stderr
