"""`xinqiao ingest`: a provider's files, or a whole folder of them, into the lake."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from features.errors import RequestError
from xinqiao.console import Json, show_json
from xinqiao.folder import land_folder
from xinqiao.landing import land
from xinqiao.settings import load_settings

HELP = """把数据文件检查入库；坏行进入隔离区并说明原因。 Check files and land them; bad rows go to quarantine.

例 Example: xinqiao ingest invoices.csv --dataset invoice_line --mapping provider.yaml

整个文件夹 A whole folder: xinqiao ingest FOLDER
"""


def ingest(
    files: Annotated[
        list[Path],
        typer.Argument(help="CSV、Excel、Parquet，或一个文件夹 · files, or one folder"),
    ],
    dataset: Annotated[
        str | None, typer.Option(help="共享清单中的数据集 · dataset of the catalogue")
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            help="映射文件或已发布清单名 · a mapping file, or the name of a published list"
        ),
    ] = None,
    delivery: Annotated[
        Path | None,
        typer.Option(help="文件夹的交付说明 · the folder's delivery.yaml, if it lies elsewhere"),
    ] = None,
    max_rejected: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="坏行占比上限 · share of bad rows that refuses all"),
    ] = None,
    *,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="遇拒收的数据集即停止 · stop at the first refused dataset"),
    ] = False,
    retry_rejected: Annotated[
        bool,
        typer.Option(
            "--retry-rejected", help="重新检查曾被拒收的行 · check rows rejected before once more"
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    settings = load_settings()
    if dataset is None:
        _require_one_folder(files, mapping, max_rejected)
        land_folder(
            settings,
            files[0],
            delivery,
            is_strict=strict,
            retry_rejected=retry_rejected,
            as_json=as_json,
        )
        return
    if delivery is not None or strict or any(path.is_dir() for path in files):
        raise RequestError(
            en="A folder says itself what it holds: give files with --dataset, or a folder without it.",
            zh="文件夹自行说明其内容：请提供文件并加 --dataset，或只提供文件夹。",
        )
    deliveries = land(
        settings,
        files,
        dataset,
        mapping,
        max_rejected=max_rejected,
        retry_rejected=retry_rejected,
        is_quiet=as_json,
    )
    if as_json:
        show_json([{"is_new": d.is_new, **asdict(d.batch)} for d in deliveries])


def _require_one_folder(
    files: list[Path], mapping: Path | None, max_rejected: float | None
) -> None:
    if len(files) != 1 or files[0].is_file() or mapping is not None or max_rejected is not None:
        raise RequestError(
            en="Without --dataset, ingest takes one folder and nothing else; mappings and limits of a folder "
            "stand in its delivery.yaml. Name the dataset, or give one folder.",
            zh="未指定 --dataset 时只能提供一个文件夹，其映射与上限写在 delivery.yaml 中。"
            "请指定数据集，或只提供一个文件夹。",
        )
