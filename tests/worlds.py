"""A small made-up world in the format of the contest data, so that the whole road runs in tests.

Weak firms sell less, lose buyers and void more; a third of them default. Nothing of it is real.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

LABELLED, UNLABELLED = 60, 15
LAST_DAY = date(2020, 2, 21)


def write_contest(folder: Path, *, seed: int = 11) -> Path:
    """Write a `cumcm2020c` folder of some thousand invoices below `folder`; returns `folder`."""
    rng = np.random.default_rng(seed)
    target = folder / "cumcm2020c"
    target.mkdir(parents=True)
    firms = [f"E{number}" for number in range(1, LABELLED + UNLABELLED + 1)]
    quality = rng.normal(size=len(firms))
    defaults = (quality + 1.2 * rng.normal(size=len(firms)) < -0.6).astype(np.int8)
    names = [f"***{number}有限公司" for number in range(len(firms))]
    pq.write_table(
        pa.table(
            {
                "enterprise_id": firms[:LABELLED],
                "enterprise_name_masked": names[:LABELLED],
                "credit_rating": ["D" if bad else "B" for bad in defaults[:LABELLED]],
                "default": defaults[:LABELLED],
            }
        ),
        target / "enterprises_with_record.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "enterprise_id": firms[LABELLED:],
                "enterprise_name_masked": names[LABELLED:],
            }
        ),
        target / "enterprises_without_record.parquet",
    )
    for direction in ("output", "input"):
        for suffix, chosen in (
            ("with_record", range(LABELLED)),
            ("without_record", range(LABELLED, len(firms))),
        ):
            pq.write_table(
                _invoices([(firms[place], quality[place]) for place in chosen], direction, rng),
                target / f"{direction}_invoices_{suffix}.parquet",
            )
    return folder


def _invoices(firms: list[tuple[str, float]], direction: str, rng: np.random.Generator) -> pa.Table:
    columns: dict[str, list[object]] = {
        name: []
        for name in (
            "row_id",
            "enterprise_id",
            "invoice_no",
            "invoice_date",
            "counterparty_id",
            "amount",
            "tax",
            "total",
            "status",
        )
    }
    for firm, quality in firms:
        count = int(rng.integers(20, 40) * np.exp(0.4 * quality)) + 4
        for _ in range(count):
            amount = round(float(rng.lognormal(9 + 0.5 * quality, 1)), 2)
            amount = -amount if rng.random() < 0.03 else amount
            tax = round(amount * 0.13, 2)
            day = LAST_DAY - timedelta(days=int(rng.integers(0, 1000)))
            row = (
                len(columns["row_id"]),
                firm,
                int(rng.integers(10_000_000, 99_999_999)),
                day,
                f"{direction[0].upper()}{rng.integers(0, 12)}",
                amount,
                tax,
                round(amount + tax, 2),
                "作废发票" if rng.random() < 0.08 - 0.03 * np.tanh(quality) else "有效发票",
            )
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    table = pa.table(columns)
    place = table.schema.get_field_index("invoice_date")
    return table.set_column(place, "invoice_date", table["invoice_date"].cast(pa.timestamp("us")))
