"""`xinqiao features …`: the feature table."""

from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.facts import COLUMNS
from features.lake import Lake
from features.lineage import origins_of
from features.online import OnlineVectors
from features.panel import MEMORY_LIMIT, as_of_dates, write_panel
from features.registry import Feature
from features.renewal import Shelf, rebuilt, renewed, self_features
from features.scope import PLATFORM, DataScope, Purpose
from features.snapshot import open_snapshot, snapshot_sql
from features.tracing import Trace, trace_feature
from xinqiao.console import Json, show, show_json
from xinqiao.feature_trace import Origins, print_trace, trace_document
from xinqiao.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="特征 · point-in-time features")


class Engine(StrEnum):
    """What computes the feature table."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class Every(StrEnum):
    """Distance of a panel's dates."""

    MONTH = "month"
    QUARTER = "quarter"


AsOf = Annotated[
    datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="截止日 · as-of date")
]


@app.command()
def build(
    as_of: AsOf,
    out: Annotated[
        Path, typer.Option(help="输出 Parquet · Parquet file to write (Spark: a folder)")
    ],
    engine: Annotated[Engine, typer.Option(help="计算引擎 · engine")] = Engine.DUCKDB,
    master: Annotated[str, typer.Option(help="Spark 主节点 · where Spark runs")] = "local[2]",
    spark_setting: Annotated[
        list[str] | None, typer.Option("--set", help="Spark 参数 name=value · a Spark setting")
    ] = None,
) -> None:
    """计算全部企业在某一截止日的特征。 All features of all enterprises at one as-of date.

    例 Example: xinqiao features build --as-of 2020-02-29 --out features.parquet
    """
    settings = load_settings()
    if engine is Engine.SPARK:
        _build_on_spark(settings, as_of.date(), out, master, spark_setting or [])
        show(f"{len(REGISTRY)} 个特征 → {out}", f"{len(REGISTRY)} features → {out}")
        return
    lake = Lake(settings.lake).view()
    table = self_features(lake, REGISTRY, as_of.date(), now=now_in_shanghai())
    write_parquet(table.table, out)
    show(
        f"{table.table.num_rows} 家企业 × {len(table.registry)} 个特征 → {out}",
        f"{table.table.num_rows} enterprises × {len(table.registry)} features → {out}",
    )


def _build_on_spark(
    settings: Settings, as_of_date: date, out: Path, master: str, given: list[str]
) -> None:
    """The same table by Spark; sqlglot is loaded only here."""
    from features.spark import plan_features  # noqa: PLC0415
    from xinqiao.spark import read_settings, run_plan  # noqa: PLC0415

    chosen, now = read_settings(given), now_in_shanghai()
    lake, scope = Lake(settings.lake).view(), self_scope(now.date())
    statements = snapshot_sql(lake, load_catalogue(), as_of_date, scope, now=now)
    plan = plan_features(statements, REGISTRY, as_of_date)
    run_plan(plan, out, python=settings.spark, master=master, settings=chosen)


@app.command()
def panel(
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="起始日 · first day")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="截止日 · last as-of date")
    ],
    out: Annotated[Path, typer.Option(help="输出目录 · folder of parts")],
    every: Annotated[Every, typer.Option(help="间隔 · step")] = Every.MONTH,
    purpose: Annotated[Purpose, typer.Option(help="用途 · purpose")] = Purpose.SELF_REPORT,
    memory: Annotated[
        str, typer.Option(help="每一批企业的内存上限 · memory limit of DuckDB for a slice of firms")
    ] = MEMORY_LIMIT,
) -> None:
    """按月或按季逐期计算特征面板，中断后可续。 Features at many as-of dates, a part each; goes on after a break.

    例 Example: xinqiao features panel --from 2019-01-01 --to 2020-02-29 --out panel
    """
    now, catalogue = now_in_shanghai(), load_catalogue()
    whole = self_scope(now.date())
    # Learning asks for the firm's consent to the platform; a look at oneself does not.
    grantee = PLATFORM if purpose is Purpose.MODELLING else None
    scope = replace(whole, purpose=purpose, grantee=grantee)
    dates = as_of_dates(first.date(), last.date(), every.value)
    lake = Lake(load_settings().lake).view()
    parts = write_panel(lake, catalogue, REGISTRY, scope, dates, out, now=now, memory_limit=memory)
    for place, part in enumerate(parts, start=1):
        done = ("已有", "kept") if part.is_kept else ("完成", "made")
        show(
            f"{place}/{len(dates)} {part.as_of_date} {done[0]}：{part.rows} 家企业 → {part.path}",
            f"{place}/{len(dates)} {part.as_of_date} {done[1]}: {part.rows} enterprises → {part.path}",
        )


@app.command()
def online(as_of: AsOf) -> None:
    """刷新在线特征：全部企业的最新特征与事实，供评级与服务读取。 Refresh the latest vectors for serving.

    例 Example: xinqiao features online --as-of 2020-02-29
    """
    built = refresh_online(load_settings(), as_of.date())
    rows, columns = built.vectors.shape
    show(
        f"{rows} 家企业 × {columns} 个特征与事实，截至 {built.as_of_date} → {built.folder}",
        f"{rows} enterprises × {columns} features and facts as of {built.as_of_date} → {built.folder}",
    )


@app.command()
def refresh(as_of: AsOf) -> None:
    """只重算新入库数据涉及的企业与特征，结果与全量重建一致。 Compute again only what landed records touch.

    例 Example: xinqiao features refresh --as-of 2020-02-29
    """
    built, is_whole = renewed(shelf_of(load_settings()), as_of.date(), now=now_in_shanghai())
    how = ("全量重建", "rebuilt whole") if is_whole else ("增量刷新", "brought up to date")
    rows, columns = built.vectors.shape
    show(
        f"{how[0]}：{rows} 家企业 × {columns} 个特征与事实，截至 {built.as_of_date} → {built.folder}",
        f"{how[1]}: {rows} enterprises × {columns} features and facts as of {built.as_of_date} → {built.folder}",
    )


def shelf_of(settings: Settings) -> Shelf:
    """The online vectors of one home."""
    return Shelf(settings.lake, settings.online, COLUMNS)


@app.command()
def trace(
    feature: Annotated[str, typer.Argument(help="特征名 · feature, e.g. sales_amount_sum_12m_cny")],
    enterprise: Annotated[
        str, typer.Option(help="统一社会信用代码或来源编号 · USCC or id of the provider")
    ],
    as_of: AsOf,
    *,
    as_json: Json = False,
) -> None:
    """来源可溯：某一特征值依据哪些原始记录。 The source records a feature value rests on.

    例 Example: xinqiao features trace sales_amount_sum_12m_cny --enterprise E1 --as-of 2020-02-29
    """
    told, origins = trace_of(load_settings(), REGISTRY[feature], enterprise, as_of.date())
    if as_json:
        show_json(trace_document(told, origins))
    else:
        print_trace(told, origins)


def trace_of(
    settings: Settings, feature: Feature, enterprise: str, as_of_date: date
) -> tuple[Trace, Origins]:
    """One firm's value and the origins of its rows, under scope kind `self`."""
    lake, now = Lake(settings.lake).view(), now_in_shanghai()
    key = lake.find_enterprise(enterprise).key
    catalogue = load_catalogue()
    with open_snapshot(
        lake, catalogue, as_of_date, self_scope(now.date()), now=now, enterprises=[key]
    ) as snapshot:
        told = trace_feature(snapshot, feature)
    return told, {
        s.dataset: origins_of(lake, catalogue[s.dataset], s.row_ids) for s in told.sources
    }


def refresh_online(settings: Settings, as_of_date: date) -> OnlineVectors:
    """Build the vectors of every enterprise and make them current."""
    return rebuilt(shelf_of(settings), as_of_date, now=now_in_shanghai())


def self_scope(today: date) -> DataScope:
    """Every dataset, for the firm's own report."""
    return DataScope(frozenset(load_catalogue().datasets), Purpose.SELF_REPORT, until=today)


def write_parquet(table: object, path: Path) -> None:
    """Write a Parquet file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)
