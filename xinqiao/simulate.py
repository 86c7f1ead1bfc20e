"""`xinqiao simulate`: a synthetic city as the files its providers would deliver."""

from pathlib import Path
from typing import Annotated

import typer

from features.errors import SimulationError
from simulator.city import CityPlan, build_city
from simulator.report import describe, write_report
from xinqiao.console import Json, progress, show, show_json

HELP = """生成合成城市的全部交付文件，按种子可重现。 Write the deliveries of a synthetic city, reproducible by seed.

例 Example: xinqiao simulate --enterprises 3000 --months 78 --seed 7 --out city

例 Example: xinqiao simulate report city
"""

app = typer.Typer(help=HELP, invoke_without_command=True)


@app.callback()
def simulate(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="新的空目录 · a new or empty folder")] = None,
    enterprises: Annotated[int, typer.Option(help="企业数 · number of enterprises")] = 10_000,
    months: Annotated[int, typer.Option(help="历史月数 · months of history")] = 78,
    seed: Annotated[int, typer.Option(help="随机种子 · seed")] = 7,
    *,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    if context.invoked_subcommand is not None:
        return
    if out is None:
        raise SimulationError(
            en="--out is missing. Name a new or empty folder for the city's files.",
            zh="缺少 --out。请为合成城市的文件指定一个新目录或空目录。",
        )
    with progress("生成城市", "Building the city") as advance:
        summary = build_city(CityPlan(enterprises, months, seed), out, on_progress=advance)
    if as_json:
        show_json(vars(summary))
        return
    rows = sum(summary.rows.values())
    show(
        f"{enterprises:,} 家企业，{months} 个月，{rows:,} 行，{summary.loans:,} 笔贷款，"
        f"{summary.defaults:,} 笔违约 → {out}",
        f"{enterprises:,} enterprises, {months} months, {rows:,} rows, {summary.loans:,} loans, "
        f"{summary.defaults:,} defaults → {out}",
    )
    show(
        f"下一步：bin/xinqiao simulate report {out} · bin/xinqiao ingest {out}",
        f"Next: bin/xinqiao simulate report {out} · bin/xinqiao ingest {out}",
    )


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="合成城市的目录 · the city's folder")],
    *,
    as_json: Json = False,
) -> None:
    """把城市的边际分布与事实对照，写入 validation.md。 Hold the city's marginals against the facts.

    例 Example: xinqiao simulate report city
    """
    found = describe(folder)
    page = write_report(folder, found)
    if as_json:
        show_json([vars(line) for line in found])
        return
    held = sum(line.holds for line in found)
    show(
        f"{len(found)} 项事实中 {held} 项在容差内 → {page}",
        f"{held} of {len(found)} facts within tolerance → {page}",
    )
