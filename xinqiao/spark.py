"""Run a plan on Spark in an interpreter of its own, so that the command needs no PySpark."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from features import spark_job
from features.errors import SparkError
from features.spark import SEMANTICS, SparkPlan

#: More than enough for a plan of this size on one machine; a cluster has settings of its own.
LOCAL_SETTINGS = {
    "spark.ui.enabled": "false",
    # Every operator of a stage holds at least one page; at 64 MB each, two hundred features ask for more
    # than the heap.
    "spark.buffer.pageSize": "1m",
    "spark.driver.memory": "2g",
    "spark.sql.shuffle.partitions": "4",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    # Planning anew after every stage costs more than it saves where the data are small.
    "spark.sql.adaptive.enabled": "false",
    # Constraint propagation takes time with the square of the number of expressions, for nothing here.
    "spark.sql.constraintPropagation.enabled": "false",
}


def run_plan(
    plan: SparkPlan,
    out: Path,
    *,
    python: Path,
    master: str,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Write the feature table as a folder of Parquet parts, whole or not at all.

    The plan stays beside it as `<out>.plan.json`.

    Parameters
    ----------
    python : Path
        Interpreter of an environment with PySpark.
    master : str
        `local[2]`, `spark://host:7077`, `yarn`.
    settings : mapping of str to str, optional
        Spark's own, e.g. `spark.driver.memory`.

    Raises
    ------
    SparkError
        If there is no PySpark or no Java, or Spark refuses.
    """
    require_spark(python)
    out.parent.mkdir(parents=True, exist_ok=True)
    written, temporary = out.with_name(f"{out.name}.plan.json"), out.with_name(f".{out.name}.tmp")
    given = {**(LOCAL_SETTINGS if master.startswith("local") else {}), **(settings or {})}
    replace(plan, settings={**given, **plan.settings}).write(written)
    shutil.rmtree(temporary, ignore_errors=True)
    log = out.with_name(f"{out.name}.spark.log")
    with log.open("w", encoding="utf-8") as messages:
        command = [python, spark_job.__file__, written, temporary.absolute(), "--master", master]
        done = subprocess.run(  # noqa: S603 - our own job with paths of ours
            command, stdout=subprocess.PIPE, stderr=messages, text=True, check=False
        )
    if done.returncode:
        shutil.rmtree(temporary, ignore_errors=True)
        named = [line for line in done.stdout.splitlines() if line.startswith(spark_job.FAILED)]
        kind = named[-1].removeprefix(spark_job.FAILED).strip() if named else "no answer"
        raise SparkError(
            en=f"Spark did not finish ({kind}); nothing was written. Its own words are in {log}.",
            zh=f"Spark 未能完成（{kind}），未写出任何结果；详细日志见 {log}。",
        )
    log.unlink()
    if out.is_dir():
        shutil.rmtree(out)
    temporary.replace(out)


def read_settings(given: Iterable[str]) -> dict[str, str]:
    """`name=value` pairs as a mapping.

    Raises
    ------
    SparkError
        If one has no `=` or would change what a value means.

    Examples
    --------
    >>> read_settings(["spark.driver.memory=8g"])
    {'spark.driver.memory': '8g'}
    """
    pairs = [text.partition("=") for text in given]
    for name, sign, _ in pairs:
        if not sign or name in SEMANTICS:
            raise SparkError(
                en=f"'{name}' cannot be set: write name=value, and leave {', '.join(SEMANTICS)} alone.",
                zh=f"不能设置“{name}”：请写成 name=value，且不得更改 {'、'.join(SEMANTICS)}。",
            )
    return {name: value for name, _, value in pairs}


def require_spark(python: Path) -> None:
    """Make sure that PySpark and a Java are there.

    Raises
    ------
    SparkError
        If one is missing.
    """
    if not python.exists():
        raise SparkError(
            en=f"There is no PySpark environment at {python}. Run `make spark`, or set XINQIAO_SPARK.",
            zh=f"{python} 处没有 PySpark 环境，请先运行 `make spark`，或设置 XINQIAO_SPARK。",
        )
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
        raise SparkError(
            en="Spark needs Java 17 or newer and there is none. Install a Java runtime or set JAVA_HOME.",
            zh="Spark 需要 Java 17 或更高版本，本机未找到。请安装 Java 运行环境或设置 JAVA_HOME。",
        )
