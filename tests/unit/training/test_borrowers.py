"""Borrowers at month ends: which months, whose rows, and what a default must not bring into them."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from features.definitions import REGISTRY
from features.errors import CohortError
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from tests.builders import CATALOGUE, FAR, NOW, TinyLake, consent, record, registered
from training.borrowers import plan_months
from training.looks import Looks, Opened, stack
from training.performance import month_number
from training.warning import WARNING_DATASETS, load_warning_rules

RULES = load_warning_rules()
AS_OF = date(2024, 3, 31)
FEATURES = REGISTRY.reading_only({"judgment_debtor", "dishonest_debtor", "repayment_snapshot"})
SCOPE = DataScope(WARNING_DATASETS | FEATURES.datasets, Purpose.MODELLING, FAR, grantee="platform")


def lake_of(folder: Path, *, is_filed: bool) -> TinyLake:
    """Two borrowers that pay; of the first one, perhaps, what follows from a default in April."""
    lake = TinyLake(folder)
    lake.land("reg_basic", [registered(1), registered(2)])
    lake.land("consent_event", [learns(1), learns(2)])
    months = ["202401", "202402", "202403"]
    lake.land(
        "repayment_snapshot",
        [
            record(key, "repayment_snapshot", {"loan_id": "a", "month": month, "balance": "9", "dpd": "0"})
            for key in (1, 2)
            for month in months
        ],
    )  # fmt: skip
    if is_filed:
        court = {"case_no": "1", "filed_on": "2024-05-05", "target_amount": "100.00"}
        named = {"case_no": "1", "published_on": "2024-06-05", "filed_on": "2024-05-05"}
        lake.land("judgment_debtor", [record(1, "judgment_debtor", court)])
        lake.land("dishonest_debtor", [record(1, "dishonest_debtor", named)])
    return lake


def learns(key: int, *, event: str = "granted", on: date = date(2020, 1, 1)) -> dict[str, object]:
    return consent(
        key, event, datetime(on.year, on.month, on.day, 9), grantee="platform",
        purpose=Purpose.MODELLING, scopes=("loan",),
    )  # fmt: skip


def look(lake: TinyLake, parts: Path, day: date = AS_OF) -> dict[int, np.ndarray]:
    with open_snapshot(lake.view, CATALOGUE, NOW.date(), SCOPE, now=NOW, threads=1) as snapshot:
        opened = Opened.at(snapshot, sorted(SCOPE.datasets))
    looks = Looks(lake.view, CATALOGUE, FEATURES, SCOPE, NOW, parts)
    rows = stack(looks.take({day: [1, 2]}), FEATURES, opened)
    return dict(zip(rows.firm.tolist(), rows.matrix, strict=True))


def test_what_courts_file_because_of_the_default_is_in_no_earlier_row(tmp_path: Path) -> None:
    without = look(lake_of(tmp_path / "a", is_filed=False), tmp_path / "pa")
    filed = lake_of(tmp_path / "b", is_filed=True)
    found = look(filed, tmp_path / "pb")
    np.testing.assert_array_equal(found[1], without[1])
    # The same rows do count once they are filed, or the test would hold for any features.
    later = look(filed, tmp_path / "pc", date(2024, 6, 30))
    assert (np.nan_to_num(later[1]) != np.nan_to_num(later[2])).any()


def test_a_consent_closed_since_takes_the_old_rows_along(tmp_path: Path) -> None:
    lake = lake_of(tmp_path / "a", is_filed=False)
    place = list(FEATURES.names).index("loan_on_time_share_24m")
    assert look(lake, tmp_path / "pa")[1][place] == 1
    lake.land("consent_event", [learns(1, event="revoked", on=date(2024, 9, 1))])
    found = look(lake, tmp_path / "pa")
    assert np.isnan(found[1][place])
    assert found[2][place] == 1


def test_development_ends_where_its_outcomes_were_known() -> None:
    plan = plan_months(date(2026, 6, 30), month_number(date(2020, 1, 31)), RULES)
    assert len(plan.out_of_time) == 6
    # Six months and the month of the report lie between, and no window reaches beyond the data.
    gap = month_number(plan.out_of_time[0]) - month_number(plan.development[-1])
    assert gap == RULES.matured_after_months == 7
    assert month_number(date(2026, 6, 30)) - month_number(plan.out_of_time[-1]) == 7
    # Quarters within 24 months: eight of them.
    assert len(plan.development) == 8


def test_a_month_that_is_not_over_is_not_counted() -> None:
    first = month_number(date(2020, 1, 31))
    assert plan_months(date(2026, 6, 29), first, RULES) == plan_months(
        date(2026, 5, 31), first, RULES
    )


def test_too_short_a_history_says_how_much_is_needed() -> None:
    # Known by June 2026: 7 months after the last month judged, 5 before it, 7 to development, 3 to the
    # quarter before, both ends counted: 23.
    until = date(2026, 6, 30)
    enough = month_number(until) - 22
    assert len(plan_months(until, enough, RULES).development) == 2
    with pytest.raises(
        CohortError, match=r"repayments of 22 months are known; .* needs 23 at least"
    ):
        plan_months(until, enough + 1, RULES)
