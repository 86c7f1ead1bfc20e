"""Invoice files, the contest's or a lake's, as a pandas user reads them."""

from pathlib import Path

import pandas as pd

VALID = "有效发票"
#: File stem of each direction, seen from the enterprise.
STEMS = {"sales": "output", "purchase": "input"}
BOTH_SETS = ("with_record", "without_record")
COLUMNS = [
    "enterprise_id",
    "invoice_date",
    "counterparty_id",
    "amount",
    "tax",
    "total",
    "status",
]


def read_invoices(
    data: Path, direction: str, sets: tuple[str, ...] = BOTH_SETS, *, is_once: bool = False
) -> pd.DataFrame:
    """Invoices of one direction, keys as categories, `is_valid` in place of the status text.

    With `is_once`, a number counts once a firm and day, as `pandas_ingest` lands it.
    """
    columns = [*COLUMNS, "invoice_no"] if is_once else COLUMNS
    stem = STEMS[direction]
    parts = [
        pd.read_parquet(data / f"{stem}_invoices_{one}.parquet", columns=columns) for one in sets
    ]
    frame = pd.concat(parts, ignore_index=True)
    if is_once:
        frame = frame.drop_duplicates(["enterprise_id", "invoice_no", "invoice_date"])
    frame = frame.astype({"enterprise_id": "category", "counterparty_id": "category"})
    frame["is_valid"] = frame["status"].str.strip() == VALID
    return frame.drop(columns="status")


def read_landed(data: Path, direction: str, known_by: pd.Timestamp) -> pd.DataFrame:
    """Landed invoices of one direction that were known in time: keys are numbers, money whole fen."""
    columns = ["enterprise_key", "issued_on", "counterparty_key", "amount_fen", "tax_fen", "status"]
    frame = pd.read_parquet(
        data,
        columns=columns,
        filters=[("direction", "==", direction), ("available_at", "<=", known_by)],
    )
    frame = frame.rename(
        columns={
            "enterprise_key": "enterprise_id",
            "issued_on": "invoice_date",
            "counterparty_key": "counterparty_id",
        }
    )
    frame["invoice_date"] = pd.to_datetime(frame["invoice_date"])
    frame["amount"], frame["tax"] = frame.pop("amount_fen") / 100, frame.pop("tax_fen") / 100
    frame["total"] = frame["amount"] + frame["tax"]
    frame["is_valid"] = frame.pop("status") == "valid"
    return frame.astype({"enterprise_id": "category", "counterparty_id": "category"})


def read_labels(data: Path) -> pd.Series:
    """Default of the labelled firms by enterprise; the rating is left unread, for D is default."""
    path = data / "enterprises_with_record.parquet"
    return pd.read_parquet(path, columns=["enterprise_id", "default"]).set_index("enterprise_id")[
        "default"
    ]
