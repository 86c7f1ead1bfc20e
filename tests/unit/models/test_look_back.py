"""Earlier days looked up in a lake: as a build of then, once, without what was repaired since."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from features.definitions import REGISTRY
from models.watching import look
from models.watching.look import LookBack
from tests.builders import CATALOGUE, TinyLake, by_enterprise, features_of, record, registered

CODE = "91370100MA{:08d}"
FIRST, SECOND, NOBODY = CODE.format(1), CODE.format(2), CODE.format(9)
DAY, NOW = date(2025, 3, 31), datetime(2026, 6, 1, 12)


def month(key: int, number: str, insured: str) -> dict[str, object]:
    cells = {"month": number, "insured": insured, "employer_amount": "1000.00"}
    return record(key, "pension_month", cells)


@pytest.fixture
def back(tmp_path: Path) -> LookBack:
    lake = TinyLake(tmp_path / "lake", CODE)
    lake.land("reg_basic", [registered(key) for key in (1, 2)])
    lake.land("pension_month", [month(1, "202502", "8"), month(2, "202601", "3")])
    names = [name for name in REGISTRY.names if {"pension_month"} & REGISTRY[name].datasets][:3]
    return LookBack(lake.view, CATALOGUE, REGISTRY.select(names), NOW)


def test_a_day_is_looked_up_as_a_build_of_then_would_have_it(
    back: LookBack, tmp_path: Path
) -> None:
    found = back.firms(DAY, [SECOND, FIRST, NOBODY])
    lake = TinyLake(tmp_path / "lake", CODE)
    then = by_enterprise(features_of(lake, DAY, registry=back.registry, now=NOW))
    assert any(value is not None for value in then[1].values())
    for place, key in ((1, 1), (0, 2)):
        for name, value in then[key].items():
            expected = np.nan if value is None else value
            np.testing.assert_equal(found.columns[name][place], expected)
    assert all(np.isnan(found.columns[name][2]) for name in back.registry.names)


def test_a_firm_and_a_day_are_looked_up_once(
    back: LookBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = back.firms(DAY, [FIRST, SECOND])
    monkeypatch.setattr(look, "self_features", None)
    again = back.firms(DAY, [SECOND])
    for name in back.registry.names:
        np.testing.assert_equal(again.columns[name], first.columns[name][1:])
    with pytest.raises(TypeError, match="not callable"):
        back.firms(date(2025, 4, 30), [SECOND])


def test_a_dataset_begins_with_its_first_row(back: LookBack) -> None:
    # February's row is known from the first of March on; nothing else is held but the register.
    assert back.begins["pension_month"] == date(2025, 3, 1)
    assert set(back.begins) <= {"pension_month", "reg_basic"}
