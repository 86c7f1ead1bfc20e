"""Whether the whole registry gives the same values on both engines, over one city of 300 firms.

Needs Java and `make spark`. Speed is no aim here: a cluster pays off where one machine is outgrown.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from math import isclose
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cities import make_city
from benchmarks.results import Entry, compared
from benchmarks.setting import ROOT, Setting

AREA = "spark"
FIRMS = 300
AS_OF = "2025-05-31"
#: Whole numbers and NULL must be equal, other numbers to so much of themselves.
RELATIVE = 1e-9


def compare(setting: Setting) -> Iterator[Entry]:
    """Count the values that agree and those that do not."""
    city = make_city(setting.work / "cities", FIRMS)
    tables = {name: _built(setting, Path(city.home), name) for name in ("duckdb", "spark")}
    ours = tables["duckdb"].sort_by("uscc")
    theirs = tables["spark"].select(ours.column_names).sort_by("uscc")
    if ours["uscc"] != theirs["uscc"]:
        raise RuntimeError("The engines do not have the same firms.")
    features = [name for name in ours.column_names if name not in {"uscc", "enterprise_key"}]
    exact = near = empty = differ = 0
    for name in features:
        for a, b in zip(ours[name].to_pylist(), theirs[name].to_pylist(), strict=True):
            if a is None and b is None:
                empty += 1
            elif a is None or b is None:
                differ += 1
            elif a == b:
                exact += 1
            elif not float(a).is_integer() and isclose(a, b, rel_tol=RELATIVE):
                near += 1
            else:
                differ += 1
    yield compared(
        AREA,
        "Values that differ between DuckDB and Spark",
        ours=differ,
        peer=None,
        better="neither",
        unit="",
        now=setting.now,
        note=f"{len(features)} features of {ours.num_rows} firms: {exact + near + empty + differ:,} values, "
        f"{exact:,} equal to the bit, {near:,} to {RELATIVE:g} of themselves, {empty:,} NULL on both",
    )


def _built(setting: Setting, home: Path, engine: str) -> pa.Table:
    out = setting.work / f"features-{engine}"
    command = [sys.executable, "-m", "xinqiao", "features", "build", "--as-of", AS_OF]
    subprocess.run(
        [*command, "--engine", engine, "--out", out],
        cwd=ROOT,
        env=os.environ | {"XINQIAO_HOME": str(home)},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return pq.read_table(out)
