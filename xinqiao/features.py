"""`xinqiao features …`: the feature table."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.lake import Lake
from features.lineage import origins_of
from features.online import OnlineVectors, write_online
from features.pipeline import FeatureTable, build_features
from features.registry import Feature, Registry
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from features.tracing import Trace, trace_feature
from xinqiao.console import Json, show, show_json
from xinqiao.feature_trace import Origins, print_trace, trace_document
from xinqiao.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="特征 · point-in-time features")

AsOf = Annotated[
    datetime, typer.Option("--as-of", formats=["%Y-%m-%d"], help="截止日 · as-of date")
]


@app.command()
def build(
    as_of: AsOf,
    out: Annotated[Path, typer.Option(help="输出 Parquet · Parquet file to write")],
) -> None:
    """计算全部企业在某一截止日的特征。 All features of all enterprises at one as-of date.

    例 Example: xinqiao features build --as-of 2020-02-29 --out features.parquet
    """
    table = self_features(load_settings(), REGISTRY, as_of.date())
    write_parquet(table.table, out)
    show(
        f"{table.table.num_rows} 家企业 × {len(table.registry)} 个特征 → {out}",
        f"{table.table.num_rows} enterprises × {len(table.registry)} features → {out}",
    )


@app.command()
def online(as_of: AsOf) -> None:
    """刷新在线特征：全部企业的最新特征向量，供评级与服务读取。 Refresh the latest vectors for serving.

    例 Example: xinqiao features online --as-of 2020-02-29
    """
    built = refresh_online(load_settings(), as_of.date())
    rows, columns = built.vectors.shape
    show(
        f"{rows} 家企业 × {columns} 个特征，截至 {built.as_of_date} → {built.folder}",
        f"{rows} enterprises × {columns} features as of {built.as_of_date} → {built.folder}",
    )


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
    version = Lake(settings.lake).view().version
    table = self_features(settings, REGISTRY, as_of_date)
    return write_online(table, settings.online, lake_version=version, now=now_in_shanghai())


def self_features(
    settings: Settings, registry: Registry, as_of_date: date, enterprises: list[int] | None = None
) -> FeatureTable:
    """Features under scope kind `self`: all that is held about each firm."""
    catalogue, now = load_catalogue(), now_in_shanghai()
    with open_snapshot(
        Lake(settings.lake).view(),
        catalogue,
        as_of_date,
        self_scope(now.date()),
        now=now,
        enterprises=enterprises,
    ) as snapshot:
        return build_features(snapshot, registry)


def self_scope(today: date) -> DataScope:
    """Every dataset, for the firm's own report."""
    return DataScope(frozenset(load_catalogue().datasets), Purpose.SELF_REPORT, until=today)


def write_parquet(table: object, path: Path) -> None:
    """Write a Parquet file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)
