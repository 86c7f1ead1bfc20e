"""What rules are asked about: records of one firm or all, and of none whose dataset is closed."""

from datetime import date

import numpy as np
import pytest

from features.snapshot import open_snapshot
from models.matching.inputs import FirmColumns, datasets_of, read_columns
from tests.builders import CATALOGUE, LONG_AGO, NOW, TinyLake, record, registered, whole_scope

DAY = date(2026, 3, 31)
#: key, industry, region, legal form.
REGISTER = [
    (1, "C2614", "371302", "company"),
    (2, "26", "3713", "individual"),
    (3, "A", None, "coop"),
    (4, None, None, None),
]
NAMES = (
    "entity_type", "industry_code", "industry_section", "region_code", "size_class",
    "patents_count_36m", "farm_insured_flag", "need_amount_cny", "grade_rank",
)  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> TinyLake:
    lake = TinyLake(tmp_path_factory.mktemp("lake"))
    lake.land(
        "reg_basic",
        [
            registered(key) | {"industry_code": code, "region_code": region, "entity_type": form}
            for key, code, region, form in REGISTER
        ],
    )
    known = {"available_at": LONG_AGO, "report_year": 2025, "filed_on": date(2026, 1, 5)}
    lake.land(
        "reg_annual_report",
        [{"enterprise_key": key, **known, "employees": 310} for key in (1, 2)],
    )
    # 280 of the 300 wan yuan of a small manufacturer: micro, where the figure is seen.
    lake.land("annual_figures", [{"enterprise_key": 1, **known, "revenue_fen": 280_000_000}])
    granted = {"patent_no": "1", "kind": "invention", "granted_on": "2026-01-01"}
    lake.land("patent", [record(1, "patent", granted)])
    return lake


def _read(lake: TinyLake, *closed: str, keys: list[int] | None = None) -> FirmColumns:
    scope = whole_scope()
    for name in closed:
        scope = scope.without(name)
    datasets = datasets_of(NAMES)
    with open_snapshot(
        lake.view, CATALOGUE, DAY, scope, now=NOW, enterprises=keys, datasets=datasets
    ) as snapshot:
        return read_columns(snapshot, NAMES)


def test_attributes_are_numbers_and_codes_and_nothing_where_the_register_is_silent(
    lake: TinyLake,
) -> None:
    columns = _read(lake).columns
    assert columns["industry_code"].tolist()[:2] == [2614, 2600]
    assert np.isnan(columns["industry_code"][2:]).all()  # a section alone, and no code
    assert columns["industry_section"].tolist() == ["C", "C", "A", ""]
    assert columns["region_code"].tolist()[:2] == [371302, 371300]
    assert columns["entity_type"].tolist() == ["company", "individual", "coop", ""]
    assert columns["size_class"].tolist() == ["micro", "medium", "", ""]


def test_what_no_record_answers_is_left_out(lake: TinyLake) -> None:
    assert set(_read(lake).columns) == set(NAMES) - {"need_amount_cny", "grade_rank"}
    assert datasets_of(["need_amount_cny"]) == frozenset()


def test_what_the_scope_withholds_is_unknown_and_no_stand_in(lake: TinyLake) -> None:
    columns = _read(lake, "annual_figures", "patent").columns
    assert np.isnan(columns["patents_count_36m"]).all()
    assert columns["size_class"].tolist()[0] == "medium"  # by its 310 persons alone


@pytest.mark.parametrize("key", [1, 2, 3, 4])
def test_one_firm_reads_as_its_row_among_all(lake: TinyLake, key: int) -> None:
    everyone = _read(lake)
    alone = _read(lake, keys=[key])
    assert (len(alone), alone.usccs) == (1, [everyone.usccs[key - 1]])
    assert alone.row(0) == everyone.row(key - 1)
