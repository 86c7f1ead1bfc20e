"""A lake of invoices of which some are due, for tests of rewrites."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from features.contracts import Catalogue, Retention, Words
from tests.factories import NOW, Desk, invoice, write_invoices

#: Rows dated 2020-03-10 are due from 2025-03-11 on, rows of 2025-03-01 from 2030-03-02.
FIVE_YEARS = Retention(years=5, counts_from="issued_on", basis=Words(zh="测试", en="test"))
OLD = "2020-03-10"
LAST_DAY = date(2025, 3, 10)
LATER = NOW + timedelta(days=2)


def retained(catalogue: Catalogue, name: str, retention: Retention) -> Catalogue:
    """The catalogue with another retention of one dataset."""
    dataset = catalogue[name]
    document = dataset.document.model_copy(update={"retention": retention})
    return Catalogue({**catalogue.datasets, name: replace(dataset, document=document)})


def open_desk(root: Path) -> Desk:
    """Three deliveries: 1 and 2 are old, 2 was corrected, 3 to 5 are new."""
    desk = Desk(root)
    desk.catalogue = retained(desk.catalogue, "invoice_line", FIVE_YEARS)
    first = [invoice(1, 开票日期=OLD), invoice(2, 开票日期=OLD), invoice(3)]
    desk.ingest(write_invoices(root / "a.csv", [*first, invoice(9, 金额="x")]))
    corrected = [invoice(2, 开票日期=OLD, amount="7.00"), invoice(3, amount="8.00")]
    desk.ingest(write_invoices(root / "b.csv", corrected), now=NOW + timedelta(days=1))
    desk.ingest(write_invoices(root / "c.csv", [invoice(4, firm="E2"), invoice(5)]))
    return desk
