"""Landing the contest's invoices as a careful pandas user does it.

Reads the four files, checks each row (required values, known status, amount + tax = total to the
fen, one row an invoice), turns money into whole fen, writes the good rows as one Parquet file and
the refused ones, with the first reason, as another.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from contest import BOTH_SETS, COLUMNS, STEMS, VALID
from meter import Meter

STATUSES = {VALID: "valid", "作废发票": "void"}
KEY = ["enterprise_id", "direction", "invoice_no", "invoice_date"]
MONEY = ["amount", "tax", "total"]


def read_raw(data: Path) -> pd.DataFrame:
    """Every row of the four files, as delivered."""
    parts = [
        pd.read_parquet(
            data / f"{stem}_invoices_{one}.parquet", columns=[*COLUMNS, "invoice_no"]
        ).assign(direction=direction)
        for direction, stem in STEMS.items()
        for one in BOTH_SETS
    ]
    return pd.concat(parts, ignore_index=True)


def checked(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows in fen with the first reason to refuse them, missing where there is none."""
    fen = (raw[MONEY] * 100).round().astype("Int64")
    status = raw["status"].str.strip().map(STATUSES)
    reason = np.select(
        [
            raw.drop(columns="status").isna().any(axis=1),
            status.isna(),
            (fen["amount"] + fen["tax"] - fen["total"]).abs().gt(1).fillna(value=False),
            raw.duplicated(KEY),
        ],
        ["missing value", "unknown status", "amount + tax differs from total", "duplicate"],
        default="",
    )
    return raw.drop(columns=[*MONEY, "status"]).assign(
        **{f"{name}_fen": fen[name] for name in MONEY}, status=status, reason=reason
    )


def main() -> None:
    """Read, check, write, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of the contest's Parquet files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    arguments = parser.parse_args()
    meter = Meter()
    rows = checked(read_raw(arguments.data))
    is_good = rows["reason"] == ""
    arguments.out.mkdir(parents=True, exist_ok=True)
    good = rows[is_good].drop(columns="reason").sort_values(["enterprise_id", "invoice_date"])
    good.to_parquet(arguments.out / "invoice_line.parquet", index=False)
    rows[~is_good].to_parquet(arguments.out / "refused.parquet", index=False)
    meter.report(landed=int(is_good.sum()), refused=int((~is_good).sum()))


if __name__ == "__main__":
    main()
