"""The bound: DuckDB reads the columns a job needs and does nothing but add them up.

No engine that answers from these files can be faster, so a job's distance from this figure is the
cost of the job itself.
"""

import argparse

import duckdb
from meter import Meter


def scan_sql(columns: list[tuple[str, str]]) -> str:
    """Aggregate that decodes every value: lengths of text, sums of numbers, latest dates."""
    parts = []
    for name, kind in columns:
        quoted = '"' + name.replace('"', '""') + '"'
        if kind == "VARCHAR":
            parts.append(f"sum(strlen({quoted}))")
        elif kind.startswith(("DATE", "TIMESTAMP")):
            parts.append(f"max({quoted})")
        elif kind == "BOOLEAN":
            parts.append(f"count_if({quoted})")
        else:
            parts.append(f"sum({quoted})")
    return f"SELECT count(*), {', '.join(parts)} FROM read_parquet(?)"


def main() -> None:
    """Scan, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", help="Parquet files or globs with these columns")
    parser.add_argument("--columns", required=True, help="column names, comma-separated")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    meter = Meter()
    with duckdb.connect(config={"threads": arguments.threads}) as connection:
        described = connection.execute(
            "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet(?))",
            [arguments.files],
        ).fetchall()
        kinds = {name: kind for name, kind, *_ in described}
        wanted = arguments.columns.split(",")
        missing = [name for name in wanted if name not in kinds]
        if missing:
            parser.error(f"no column {', '.join(missing)}; there are: {', '.join(kinds)}")
        row = connection.execute(
            scan_sql([(name, kinds[name]) for name in wanted]), [arguments.files]
        ).fetchone()
    meter.report(rows=row[0], columns=len(wanted))


if __name__ == "__main__":
    main()
