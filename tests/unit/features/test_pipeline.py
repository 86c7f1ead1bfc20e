"""Hand-made firms at the rims of arithmetic; the second implementation covers the plain ones."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.definitions import REGISTRY
from features.registry import Registry
from tests.builders import TinyLake, by_enterprise, features_of, invoice, registered

AS_OF = date(2020, 2, 29)
INVOICES = REGISTRY.reading_only({"invoice_line"})
RATIOS = [feature.name for feature in REGISTRY if feature.unit == "ratio"]


def firm(tmp_path: Path, *rows: dict[str, object]) -> dict[str, float | None]:
    """Features of firm 1; firm 2 stands beside it, a plain one that must not suffer."""
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1), registered(2)])
    lake.land("invoice_line", [*rows, invoice(2, date(2020, 1, 5), 100_00)])
    table = by_enterprise(features_of(lake, AS_OF))
    assert table[2]["sales_amount_sum_12m_cny"] == 100.0
    for name in RATIOS:
        value = table[1][name]
        assert value is None or -1 <= value <= 10, name
    return table[1]


def test_an_absurd_tax_stops_nobody(tmp_path: Path):
    values = firm(tmp_path, invoice(1, AS_OF, 1, tax_fen=8 * 10**15))
    assert values["sales_tax_rate_mean_12m"] == 10.0
    assert values["vat_payable_ratio_12m"] == 10.0
    assert values["sales_tax_rate_kinds_count_12m"] == 1.0


def test_a_year_that_red_notes_leave_a_fen_above_zero_stops_nobody(tmp_path: Path):
    values = firm(
        tmp_path,
        invoice(1, date(2020, 1, 5), 1_000_000_00),
        invoice(1, date(2020, 2, 5), -999_999_99),
    )
    assert values["sales_amount_sum_12m_cny"] == 0.01
    assert values["sales_peak_month_share_12m"] == 1.0
    # January ends at 10 years' worth, February at -1: mean 9/12 = 0.75, mean of squares 101/12,
    # so the deviation is sqrt(8.41667 - 0.5625) = 2.80252 and over the mean 3.73671.
    assert values["sales_amount_cv_12m"] == pytest.approx(3.7367048268)


def test_a_year_of_red_notes_has_no_profile(tmp_path: Path):
    values = firm(tmp_path, invoice(1, date(2020, 1, 5), -500), invoice(1, AS_OF, 100))
    for name in ("sales_amount_cv_12m", "sales_peak_month_share_12m", "sales_amount_slope_12m"):
        assert values[name] is None, name
    assert values["sales_amount_sum_12m_cny"] == -4.0
    assert values["sales_active_months_count_12m"] == 1.0


def test_sales_of_a_hundred_billion_a_month_are_exact(tmp_path: Path):
    giant = [invoice(1, date(2019, month, 10), 10**13 + month) for month in range(3, 13)]
    values = firm(tmp_path, *giant)
    # Ten months of 1e11 yuan and 3 + 4 + ... + 12 = 75 fen.
    assert values["sales_amount_sum_12m_cny"] == 1_000_000_000_000.75
    assert values["sales_peak_month_share_12m"] == 0.1


def test_a_thousand_invoices_at_the_limit_stop_nobody(tmp_path: Path):
    values = firm(tmp_path, *(invoice(1, AS_OF, 8 * 10**15, tax_fen=0) for _ in range(1500)))
    assert values["sales_amount_sum_12m_cny"] == 1.2e17
    assert values["buyer_hhi_12m"] == 1.0


def test_a_firm_with_only_purchases_has_zero_sales_and_no_sales_ratios(tmp_path: Path):
    values = firm(tmp_path, invoice(1, date(2020, 1, 5), 300_00, direction="purchase"))
    zero = {n for n, v in values.items() if v == 0 and ("sales" in n or "buyer" in n)}
    assert zero == {
        *(f"sales_amount_sum_{months}m_cny" for months in (3, 6, 12)),
        *(f"sales_invoices_count_{months}m" for months in (3, 6, 12)),
        *(f"sales_active_months_count_{months}m" for months in (12, 24)),
        "sales_active_days_count_12m",
        "sales_tax_rate_kinds_count_12m",
        "buyer_count_12m",
    }
    assert values["gross_margin_amount_sum_12m_cny"] == -300.0
    assert values["sales_days_since_last"] is None


@pytest.mark.parametrize(
    "row",
    [
        invoice(1, date(2020, 1, 5), 500, status="void"),
        invoice(1, date(2017, 3, 1), 500),
        invoice(1, date(2017, 12, 5), 500),
    ],
    ids=["void only", "first day of the look back", "neither year"],
)
def test_a_firm_with_records_counts_zero_where_nothing_is_in_the_window(
    row: dict[str, object], tmp_path: Path
):
    values = firm(tmp_path, row)
    counts = [feature.name for feature in INVOICES]
    for name in (n for n in counts if REGISTRY[n].unit == "count"):
        assert values[name] == 0.0, name


def test_a_firm_without_records_has_nothing(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    lake.land("invoice_line", [invoice(1, date(2017, 2, 28), 500)])
    table = features_of(lake, AS_OF, registry=INVOICES)
    assert set(by_enterprise(table)[1].values()) == {None}
    assert np.isnan(table.matrix()).all()
    assert table.matrix(["buyer_count_12m"]).shape == (1, 1)
    assert (table.enterprise_keys.tolist(), table.usccs) == ([1], ["F00001"])


def test_without_records_every_feature_is_what_it_declares(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    values = by_enterprise(features_of(lake, AS_OF))[1]
    declared = {"unknown": None, "zero": 0}
    odd = {f.name: values[f.name] for f in REGISTRY if values[f.name] != declared.get(f.missing)}
    stated = {f.name for f in REGISTRY if f.missing == "stated"}
    assert odd == dict.fromkeys(stated, 0.0) | {"admin_penalty_months_since_last": 60.0}


def test_a_single_feature_has_the_value_it_has_among_all(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    lake.land("invoice_line", [invoice(1, date(2020, 2, 5), 500, status="void")])
    everything = by_enterprise(features_of(lake, AS_OF, registry=INVOICES))[1]
    for feature in INVOICES:
        alone = by_enterprise(features_of(lake, AS_OF, registry=Registry((feature,))))[1]
        assert alone == {feature.name: everything[feature.name]}
