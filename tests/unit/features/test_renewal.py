"""When the online vectors are behind, and that renewing them ends it."""

from datetime import date, timedelta
from pathlib import Path

from features.definitions import REGISTRY
from features.renewal import Shelf, is_behind, rebuilt, renewed
from tests.any_worlds import land_firms
from tests.builders import NOW, TinyLake, consent, invoice, record, registered

TODAY = NOW.date()
SALES = REGISTRY.select(["sales_amount_sum_12m_cny", "sales_amount_sum_3m_cny"])


def test_only_what_a_feature_reads_and_a_new_day_ask_for_renewal(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path / "lake")
    land_firms(lake, [1, 2])
    lake.land("invoice_line", [invoice(1, TODAY - timedelta(days=40), 300)])
    shelf = Shelf(tmp_path / "lake", tmp_path / "online", SALES)
    assert not is_behind(shelf, TODAY, now=NOW), "nobody asked for vectors yet"
    first = rebuilt(shelf, TODAY, now=NOW)
    assert not is_behind(shelf, TODAY, now=NOW)
    assert is_behind(shelf, TODAY + timedelta(days=1), now=NOW), "a new day"
    lake.land("consent_event", [consent(1, "granted", NOW - timedelta(days=1))])
    assert not is_behind(shelf, TODAY, now=NOW), "no feature reads consents"
    lake.land("invoice_line", [invoice(1, date(TODAY.year, TODAY.month, 1), 200)])
    assert is_behind(shelf, TODAY, now=NOW)
    build, is_whole = renewed(shelf, TODAY, now=NOW + timedelta(seconds=1))
    assert not is_whole
    assert not is_behind(shelf, TODAY, now=NOW)
    sums = [made.vector("F00001")[0] for made in (first, build)]
    assert sums[1] - sums[0] == 2.0, "200 fen"
    assert renewed(shelf, TODAY + timedelta(days=1), now=NOW + timedelta(days=1))[1], (
        "another day is built whole"
    )


def test_kinds_of_firms_follow_what_they_rest_on(tmp_path: Path) -> None:
    lake = TinyLake(tmp_path / "lake")
    lake.land("reg_basic", [registered(key) | {"industry_code": "C1311"} for key in (1, 2)])
    shelf = Shelf(tmp_path / "lake", tmp_path / "online", SALES)
    other = Shelf(tmp_path / "lake", tmp_path / "whole", SALES)
    first = rebuilt(shelf, TODAY, now=NOW)
    lake.land("invoice_line", [invoice(1, TODAY - timedelta(days=40), 300)])
    second, is_whole = renewed(shelf, TODAY, now=NOW + timedelta(seconds=1))
    assert not is_whole
    assert first.kinds is not None
    assert second.kinds is not None
    assert second.kinds.tobytes() == first.kinds.tobytes()
    figures = {
        "report_year": str(TODAY.year - 1),
        "filed_on": (TODAY - timedelta(days=9)).isoformat(),
        "employees": "3",
        "revenue": "1000",
        "assets": "1000",
    }
    lake.land("reg_annual_report", [record(1, "reg_annual_report", figures)])
    lake.land("invoice_line", [invoice(2, TODAY - timedelta(days=40), 300)])
    third, is_whole = renewed(shelf, TODAY, now=NOW + timedelta(seconds=2))
    whole = rebuilt(other, TODAY, now=NOW + timedelta(seconds=2))
    assert not is_whole
    assert third.kinds is not None
    assert whole.kinds is not None
    assert third.kinds.tobytes() == whole.kinds.tobytes() != first.kinds.tobytes()
