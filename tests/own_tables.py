"""Generated tables of a bank, with everything a real one brings: categories, dates, gaps, ids, duplicates."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

DAY = np.datetime64("2015-01-01")


def loans(rows: int = 600, *, seed: int = 3) -> pa.Table:
    """Loans whose risk falls with income, rises with debt, and depends on city and sector."""
    rng = np.random.default_rng(seed)
    income, debt, noise = rng.normal(size=(3, rows))
    city = rng.integers(0, 40, rows)
    sector = rng.integers(0, 4, rows)
    effect = rng.normal(0, 0.8, 40)
    risk = -1.2 - 1.1 * income + 0.8 * debt + effect[city] + 0.9 * (sector == 2)
    is_bad = rng.random(rows) < 1 / (1 + np.exp(-risk))
    missing = rng.random((2, rows)) < 0.1
    days = DAY + rng.integers(0, 2500, rows)
    return pa.table(
        {
            "loan id": [f"L{place:06d}" for place in rng.permutation(rows)],
            "income": [None if gone else v for v, gone in zip(income, missing[0], strict=True)],
            "debt": [None if gone else v for v, gone in zip(debt, missing[1], strict=True)],
            "noise": noise.tolist(),
            "城市": [f"城{number}" for number in city],
            "sector": [list("ABCD")[number] for number in sector],
            "granted": [str(day) for day in days],
            "is_new": ["yes" if flag else "no" for flag in rng.random(rows) < 0.4],
            "currency": ["CNY"] * rows,
            "firm": (np.arange(rows) // 2).tolist(),
            "year": (days.astype("datetime64[Y]").astype(int) + 1970).tolist(),
            "rows_meant": rng.uniform(0.5, 2.0, rows).tolist(),
            "status": ["bad" if bad else "good" for bad in is_bad],
        }
    )


def written(table: pa.Table, path: Path) -> Path:
    """The table as Parquet, or as CSV where the name says so."""
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path
