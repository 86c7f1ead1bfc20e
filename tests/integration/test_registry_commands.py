"""`promote`, `rollback`, `history` and `drift` as a user or a scheduler calls them."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from models.bundle import Bundle
from models.drift import Month
from models.histograms import Limit, load_limits
from tests.command import run
from tests.unit.models.small_registry import REGISTRY
from tests.unit.training.shelves import make_model, rows_of, shelf_at

TWO = ("--by", "张三", "--reviewer", "李四", "--reason", "年度重训")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bundle, Bundle]:
    path = tmp_path_factory.mktemp("registry")
    good, _ = make_model(shelf_at(path), 1)
    poor, _ = make_model(shelf_at(path), 2, trees=3, noise=0.9)
    return path, good, poor


@pytest.fixture(autouse=True)
def small_features(home: tuple[Path, Bundle, Bundle], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINQIAO_HOME", str(home[0]))
    monkeypatch.setattr("xinqiao.registry.REGISTRY", REGISTRY)
    monkeypatch.setattr("xinqiao.drift.REGISTRY", REGISTRY)


def test_the_life_of_two_models(
    home: tuple[Path, Bundle, Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, good, poor = home
    code, printed = run(monkeypatch, "promote", good.id[:10], *TWO)
    assert code == 0, printed
    assert "启用前评审" in printed
    assert f"使用模型包 {good.id[:12]}（决定 张三，复核 李四）" in printed
    code, printed = run(monkeypatch, "promote", "base_12m@candidate", *TWO)
    assert code == 1
    assert "不劣于在用版本" in printed
    assert f"模型包 {poor.id[:12]} 未通过评审：not_worse" in printed
    code, printed = run(monkeypatch, "promote", poor.id, *TWO[:3], " 张三", *TWO[4:])
    assert code == 1
    assert "复核人不得与决定人相同" in printed
    code, printed = run(monkeypatch, "promote", poor.id, *TWO, "--despite", "演练", "--json")
    assert code == 0
    told = json.loads(printed)
    assert (told["bundle_id"], told["replaces"]) == (poor.id, good.id)
    code, printed = run(monkeypatch, "rollback", *TWO, "--json")
    assert code == 0
    assert json.loads(printed)["bundle_id"] == good.id
    code, printed = run(monkeypatch, "rollback", *TWO)
    assert code == 1
    code, printed = run(monkeypatch, "history", "--json")
    lines = json.loads(printed)
    assert [line["action"] for line in lines] == ["trained"] * 2 + ["promoted"] * 2 + [
        "rolled_back"
    ]
    assert [line["serves"] for line in lines] == [False] * 4 + [True]
    assert [line["gate"] for line in lines] == ["", "", "passed", "overruled", ""]
    assert lines[2]["until"] == lines[3]["since"]
    assert lines[3]["despite"] == "演练"
    code, printed = run(monkeypatch, "history")
    assert code == 0
    assert printed.count("张三") == 3


@pytest.mark.parametrize(
    ("shift", "firms", "act_above", "code"),
    [(0.0, 1_500, 0.25, 0), (3.0, 1_500, 99.0, 3), (3.0, 1_500, 0.25, 4), (0.0, 100, 0.25, 1)],
)
def test_drift_tells_a_scheduler_by_its_exit_code(
    home: tuple[Path, Bundle, Bundle],
    monkeypatch: pytest.MonkeyPatch,
    shift: float,
    firms: int,
    act_above: float,
    code: int,
) -> None:
    def month(_settings: object, _bundle: Bundle, as_of_date: date) -> Month:
        _, sample = rows_of(1, 1_500, 0, "2023-02-28")
        matrix = sample.matrix[:firms].copy()
        if as_of_date == date(2026, 5, 31):
            matrix[:, 1] += shift
        return Month(np.arange(firms, dtype=np.int64), matrix)

    # The small model gives one grade to many, which is not what this test is about.
    calm = load_limits().model_copy(
        update={
            "largest_grade_to": Limit(value=1.0, unit="share", source="test"),
            "act_above": Limit(value=act_above, unit="index", source="test"),
        }
    )
    monkeypatch.setattr("models.drift.load_limits", lambda: calm)
    monkeypatch.setattr("xinqiao.drift._month", month)

    def served(_bundles: Path, _name: str) -> Path:
        return home[1].path

    monkeypatch.setattr("xinqiao.drift.named_bundle", served)
    asked = ("drift", "--as-of", "2026-05-31")
    found, printed = run(monkeypatch, *asked, "--json", "--since", "2026-02-28")
    assert found == code, printed
    if code != 1:
        told = json.loads(printed)
        assert told["level"] == {0: "stable", 3: "watch", 4: "act"}[code]
        assert told["firms"] == firms
        assert len(told["features"]) == len(REGISTRY)
        found, printed = run(monkeypatch, *asked)
        assert found == code
        assert "结论：" in printed


def test_drift_asks_for_an_earlier_month(monkeypatch: pytest.MonkeyPatch) -> None:
    code, printed = run(monkeypatch, "drift", "--as-of", "2026-05-31", "--since", "2026-05-31")
    assert code == 2
    assert "--since 须早于 --as-of" in printed
