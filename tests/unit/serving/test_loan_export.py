"""Reports reach the lake as its own datasets, and loans of the lake reach the ledger."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from features.ingest import ingest_files
from features.lake import Lake
from features.mapping import identity_mapping
from serving.landing import Destination
from serving.loans.bring_in import BroughtIn, bring_in
from serving.loans.export import export_new
from serving.loans.exposures import Exposure, live_exposures
from tests.databases import Ledger
from tests.factories import write_csv
from tests.loan_ledgers import NOW, asked, connected, destination, in_lake, take
from tests.loan_reports import (
    FIRM,
    GUARANTOR,
    LENDER,
    OTHER_LENDER,
    SECOND,
    grant,
    guarantee,
    month,
)

HOUR = timedelta(hours=1)
GRANT = {"kind": "grant", **grant(rate="4.35", product_code="P-1", is_green=True)}
MONTH = {"kind": "month", "loan_id": "L-a", **month()}


def test_reports_become_rows_that_count_since_they_were_reported(
    ledger: Ledger, tmp_path: Path
) -> None:
    to = destination(tmp_path)

    async def run() -> None:
        async with connected(ledger.clone().app) as connection:
            await take(connection, GRANT, MONTH)
            surety = {"kind": "guarantee", **guarantee()}
            await take(connection, surety, institution=GUARANTOR)
            assert await export_new(connection, to, now=NOW + HOUR) == 3
            assert await export_new(connection, to, now=NOW + HOUR) == 0
            assert not list(to.work.iterdir())

    asyncio.run(run())
    columns = "uscc, loan_id, lender_uscc, amount_fen, rate, term_months, loan_status, granted_at, product_code, is_green"
    assert in_lake(to, "loan_account", columns) == [
        (FIRM, "L-a", LENDER, 10_000_000, 4.35, 12, "1", datetime(2026, 6, 10), "P-1", True)
    ]
    columns = "loan_id, month, balance_fen, dpd, five_class, restructured, available_at"
    assert in_lake(to, "repayment_snapshot", columns) == [
        ("L-a", 202606, 9_000_000, 0, "1", False, NOW)
    ]
    columns = "guarantee_id, loan_id, guarantor_uscc, amount_fen"
    assert in_lake(to, "guarantee_account", columns) == [("G-a", "L-a", GUARANTOR, 8_000_000)]


def test_a_correction_ends_the_row_it_corrects_at_its_own_moment(
    ledger: Ledger, tmp_path: Path
) -> None:
    to = destination(tmp_path)

    async def run() -> None:
        async with connected(ledger.clone().app) as connection:
            await take(connection, GRANT, MONTH)
            await export_new(connection, to, now=NOW)
            right = MONTH | {"dpd": 3, "overdue_interest": "5", "correction": "漏报逾期"}
            await take(connection, right, now=NOW + HOUR)
            await export_new(connection, to, now=NOW + 2 * HOUR)

    asyncio.run(run())
    before = NOW + HOUR - timedelta(seconds=1)
    assert in_lake(to, "repayment_snapshot", "dpd", before) == [(0,)]
    assert in_lake(to, "repayment_snapshot", "dpd", NOW + HOUR) == [(3,)]
    assert in_lake(to, "loan_account", "loan_status", before) == [("1",)]
    assert in_lake(to, "loan_account", "loan_status", NOW + HOUR) == [("3",)]


def test_two_lenders_with_one_number_for_one_firm_are_two_loans_in_the_lake(
    ledger: Ledger, tmp_path: Path
) -> None:
    to = destination(tmp_path)

    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:
            await take(connection, GRANT)
            await take(connection, GRANT | {"amount": "7"}, institution=OTHER_LENDER)
            await export_new(connection, to, now=NOW)
            await bring_in(connection, to.lake.view(), to.catalogue, now=NOW, request_id="r")
            # Nothing of its own came back under the other number.
            assert await asked(connection, "SELECT count(*) FROM loan") == [(2,)]

    asyncio.run(run())
    assert in_lake(to, "loan_account", "loan_id, lender_uscc, amount_fen") == [
        ("L-a", LENDER, 10_000_000),
        (f"L-a~{OTHER_LENDER}", OTHER_LENDER, 700),
    ]


ACCOUNT = [
    "uscc",
    "loan_id",
    "granted_at",
    "lender_uscc",
    "amount",
    "term_months",
    "loan_status",
    "is_green",
]
SNAPSHOT = ["uscc", "loan_id", "month", "balance", "dpd", "five_class", "overdue_principal"]


def deliver(to: Destination, dataset: str, header: list[str], *rows: list[str]) -> None:
    """As another platform would."""
    to.work.mkdir(exist_ok=True)
    lines = [["consent_id", *header], *(["C-1", *row] for row in rows)]
    path = write_csv(to.work / f"{len(to.lake.view().batches)}.csv", lines)
    mapping = identity_mapping(to.catalogue[dataset])
    ingest_files([path], mapping, to.lake, to.vault, now=NOW - HOUR)


def test_loans_of_the_lake_come_in_once_and_what_is_reported_here_stands(
    ledger: Ledger, tmp_path: Path
) -> None:
    to = destination(tmp_path)
    deliver(
        to,
        "loan_account",
        ACCOUNT,
        [FIRM, "X1", "2025-01-15 10:00:00", LENDER, "1000", "24", "1", "true"],
        [SECOND, "X2", "2025-01-15 10:00:00", LENDER, "2000", "12", "2", ""],
        [SECOND, "X3", "2025-01-15 10:00:00", "", "3000", "12", "1", "false"],
    )
    deliver(
        to,
        "repayment_snapshot",
        SNAPSHOT,
        [FIRM, "X1", "202609", "900", "0", "1", ""],
        [FIRM, "X1", "202610", "850.5", "40", "2", "100"],
        [SECOND, "X2", "202601", "0", "0", "1", ""],
    )

    async def run() -> None:
        async with connected(ledger.clone().owner) as connection:

            async def come_in() -> BroughtIn:
                view = Lake(to.lake.root).view()
                return await bring_in(connection, view, to.catalogue, now=NOW, request_id="r")

            # Two grants, three months, the closure of X2; X3 names no lender.
            assert await come_in() == BroughtIn(read=7, reports=6, loans=2, refused=1)
            again = await come_in()
            assert (again.reports, again.loans) == (0, 0)
            state = "SELECT loan_id, status, balance_fen, days_past_due, matures_on::text FROM loan ORDER BY 1"
            assert await asked(connection, state) == [
                ("X1", "overdue", 85_050, 40, "2027-01-15"),
                ("X2", "settled", 0, 0, "2026-01-15"),
            ]
            assert await asked(connection, "SELECT is_green FROM loan ORDER BY loan_id") == [
                (True,),
                (None,),
            ]
            # A loan that does not say has no such member, like a report from before lenders could say.
            said = "SELECT loan_id, payload ? 'is_green' FROM loan_report WHERE kind = 'grant' ORDER BY 1"
            assert await asked(connection, said) == [("X1", True), ("X2", False)]
            assert await live_exposures(connection) == [Exposure(LENDER, FIRM, ("X1",), "lender")]
            # The lender goes on with the loan, and corrects what the lake said.
            paid = {"kind": "month", "loan_id": "X1", **month(month="2026-10", balance="800")}
            taken = await take(connection, paid | {"correction": "已还清逾期"})
            assert [outcome.result for outcome in taken] == ["corrected"]
            assert await export_new(connection, to, now=NOW) == 2
            assert (await come_in()).reports == 0
            assert (await asked(connection, state))[0][:4] == ("X1", "running", 80_000, 0)

    asyncio.run(run())
    assert in_lake(to, "loan_account", "loan_id, loan_status, granted_at")[0] == (
        "X1",
        "1",
        datetime(2025, 1, 15, 10),
    )
    assert in_lake(to, "repayment_snapshot", "loan_id, month, balance_fen")[1] == (
        "X1",
        202610,
        80_000,
    )
