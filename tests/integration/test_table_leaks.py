"""What the leak sentinel says of real tables whose traps are known."""

from pathlib import Path

import pytest

from training.table.columns import label_table
from training.table.protocol import join_test, parse_protocol
from training.table.reading import read_table
from training.table.sentinel import inspect, load_limits
from xinqiao.settings import load_settings

DATA = load_settings().data

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not (DATA / "sba").is_dir(), reason=f"the public tables are not in {DATA}; set XINQIAO_DATA"
    ),
]

SBA_OUTCOME = ("Term", "ChgOffDate", "ChgOffPrinGr", "MIS_Status")


def suspects(
    file: Path, target: str, protocol: str, drop: tuple[str, ...] = ()
) -> set[tuple[str | None, str]]:
    chosen = parse_protocol(protocol)
    labelled = label_table(read_table(file), target=target, drop=(*drop, *chosen.outside))
    splits = chosen.splits(labelled, seed=1)
    time = chosen.column if chosen.kind == "time" else None
    found = inspect(labelled, splits, limits=load_limits(), time_column=time)
    return {(suspect.column, suspect.kind) for suspect in found}


@pytest.mark.parametrize("protocol", ["kfold:5", "time:ApprovalFY<=2002"])
def test_loans_with_columns_of_their_outcome(protocol: str) -> None:
    file = DATA / "sba" / "sba_fy_le_2005.parquet"
    weight = ("pop_weight", "LoanNr_ChkDgt")
    found = suspects(file, "default", protocol, weight)
    assert {column for column, kind in found if kind != "date_later"} >= {*SBA_OUTCOME} - {None}
    assert ("Term", "ranks_alone") in found
    left = suspects(file, "default", protocol, (*weight, *SBA_OUTCOME))
    assert left <= {("DisbursementDate", "date_later")}  # it is paid out after it is approved


def test_rows_twice_in_company_accounts() -> None:
    file = DATA / "polish" / "polish_5year.parquet"
    assert suspects(file, "class", "kfold:10") == {(None, "twins_across_folds")}


def test_firms_numbered_along_a_panel() -> None:
    file = DATA / "financial_distress" / "dev.parquet"
    found = suspects(file, "distress", "kfold:5", ("__index_level_0__",))
    assert ("Company", "runs_with_rows") in found


def test_firms_in_both_parts_of_a_split() -> None:
    table = read_table(DATA / "smesd" / "companies_dev.parquet")
    is_first = [split == "train" for split in table["split"].to_pylist()]
    first, second = table.filter(is_first), table.filter([not one for one in is_first])
    both, border = join_test(first, second)
    labelled = label_table(both, target="bankrupt", drop=["split", "__index_level_0__"])
    splits = parse_protocol("kfold:5", test=border).splits(labelled, seed=1)
    found = {s.kind: s for s in inspect(labelled, splits, limits=load_limits())}
    assert found["entity_across_folds"].column == "company_id"
    assert found["entity_across_folds"].figure == len(
        set(first["company_id"].to_pylist()) & set(second["company_id"].to_pylist())
    )


def test_a_grade_that_says_who_defaulted() -> None:
    file = DATA / "cumcm2020c" / "enterprises_with_record.parquet"
    assert ("credit_rating", "ranks_alone") in suspects(file, "default", "kfold:5")
