"""Run a plan on Spark: `python features/spark_job.py PLAN OUT [--master local[2]]`.

Stands alone: it needs PySpark and none of our modules, so a cluster takes it as it is, by
`spark-submit features/spark_job.py PLAN OUT`. OUT becomes a folder of Parquet parts. A failure ends with one line that names its kind; values of rows stay out of it.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

FAILED = "FAILED"


def main(arguments: list[str] | None = None) -> int:
    """Run the plan; 1 with a line `FAILED <kind>` if Spark refuses."""
    parser = argparse.ArgumentParser(prog="spark_job", description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("out")
    parser.add_argument("--master", help="where Spark runs; spark-submit's own when left out")
    asked = parser.parse_args(arguments)
    plan = json.loads(asked.plan.read_text(encoding="utf-8"))
    session = open_session(plan["settings"], asked.master)
    try:
        run(session, plan, asked.out)
    except Exception as refused:
        condition = getattr(refused, "getCondition", lambda: None)()
        print(FAILED, condition or type(refused).__name__)
        raise
    finally:
        session.stop()
    return 0


def open_session(settings: dict[str, str], master: str | None) -> Any:
    """A Spark session with the plan's settings."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    builder = SparkSession.builder.appName("xinqiao features")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return (builder.master(master) if master else builder).getOrCreate()


def run(session: Any, plan: dict[str, Any], out: str) -> None:
    """Name the sources, make the relations, write the table."""
    for name, paths in plan["sources"].items():
        session.read.parquet(*map(escaped, paths)).createOrReplaceTempView(name)
    for relation in plan["relations"]:
        frame = session.sql(relation["sql"])
        if relation["is_widened"]:
            frame = widened(frame)
        if relation["is_kept"]:
            frame = frame.cache()
        frame.createOrReplaceTempView(relation["name"])
    session.sql(plan["query"]).write.option("compression", "zstd").parquet(out)


def widened(frame: Any) -> Any:
    """The frame with its 64-bit columns as whole DECIMALs."""
    columns = [
        f"CAST(`{name}` AS DECIMAL(38, 0)) AS `{name}`" if kind == "bigint" else f"`{name}`"
        for name, kind in frame.dtypes
    ]
    return frame.selectExpr(*columns)


def escaped(path: str) -> str:
    r"""A path for a reader that expands patterns: this file, whatever its name looks like.

    Examples
    --------
    >>> escaped("may[1].parquet")
    'may\\[1\\].parquet'
    """
    return "".join(f"\\{sign}" if sign in "*?[]{}\\" else sign for sign in path)


if __name__ == "__main__":
    sys.exit(main())
