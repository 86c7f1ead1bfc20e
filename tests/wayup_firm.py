"""One firm with something to mend, of few records: lost to the tax authority, in arrears, on a list."""

from datetime import date

from tests.builders import TinyLake, record, registered

FIRM = 1
#: Steps it can take within a month of 31 May 2026.
ABLE = ("settle_tax_arrears", "lift_nonnormal", "pay_utility_arrears", "leave_abnormal_list")
#: With this seed `tests.rated_town` makes a model that grades it above what its knock-out leaves.
SEED = 6


def land_firm(lake: TinyLake) -> None:
    """Land it as it is known by 31 May 2026."""
    lake.land("reg_basic", [registered(FIRM) | {"established_on": date(2015, 1, 1)}])
    for dataset, cells in (
        ("tax_nonnormal", {"record_id": "1", "declared_on": "2026-01-10"}),
        ("tax_arrears_notice", {"record_id": "1", "tax_kind": "vat", "arrears": "5000", "notice_on": "2026-05-01"}),
        ("abnormal_list", {"record_id": "1", "reason": "no_annual_report", "listed_on": "2025-08-01"}),
    ):  # fmt: skip
        lake.land(dataset, [record(FIRM, dataset, cells)])
    months = [202500 + m for m in range(1, 13)] + [202600 + m for m in range(1, 6)]
    bills = {"account_no": "a", "usage": "100", "billed": "80", "paid": "0", "arrears": "300"}
    lake.land(
        "electricity_month",
        [record(FIRM, "electricity_month", {**bills, "month": str(month)}) for month in months],
    )
