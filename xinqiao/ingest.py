"""`xinqiao ingest`: a provider's files into the lake."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from features.clock import now_in_shanghai
from features.column_sql import REASONS
from features.contracts import Dataset, load_catalogue
from features.ingest import MAX_REJECTED_SHARE, Delivery, ingest_files
from features.lake import Lake
from features.mapping import Mapping, identity_mapping, load_mapping
from features.published import list_names, load_published, published_mapping
from features.vault import Vault
from xinqiao.console import LANGUAGE, Json, progress, show, show_json
from xinqiao.settings import Settings, load_settings

HELP = """把数据文件检查入库；坏行进入隔离区并说明原因。 Check files and land them; bad rows go to quarantine.

例 Example: xinqiao ingest invoices.csv --dataset invoice_line --mapping provider.yaml
"""


def ingest(
    files: Annotated[list[Path], typer.Argument(help="CSV、Excel、Parquet")],
    dataset: Annotated[str, typer.Option(help="共享清单中的数据集 · dataset of the catalogue")],
    mapping: Annotated[
        str | None,
        typer.Option(
            help="映射文件或已发布清单名 · a mapping file, or the name of a published list"
        ),
    ] = None,
    max_rejected: Annotated[
        float, typer.Option(min=0, max=1, help="坏行占比上限 · share of bad rows that refuses all")
    ] = MAX_REJECTED_SHARE,
    *,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    deliveries = land(
        load_settings(), files, dataset, mapping, max_rejected=max_rejected, is_quiet=as_json
    )
    if as_json:
        show_json([{"is_new": d.is_new, **asdict(d.batch)} for d in deliveries])


def land(
    settings: Settings,
    files: list[Path],
    dataset: str,
    mapping: Path | str | None,
    *,
    max_rejected: float = MAX_REJECTED_SHARE,
    is_quiet: bool = False,
) -> list[Delivery]:
    """Ingest with a progress bar and a line per file."""
    contract = load_catalogue()[dataset]
    rules = _rules(mapping, contract)
    with progress(f"入库 {dataset}", f"Ingest {dataset}") as advance:
        deliveries = ingest_files(
            files,
            rules,
            Lake(settings.lake),
            Vault(settings.vault),
            now=now_in_shanghai(),
            max_rejected_share=max_rejected,
            on_progress=lambda _, done, total: advance(done, total),
        )
    if not is_quiet:
        for delivery in deliveries:
            _report(delivery)
    return deliveries


def _rules(mapping: Path | str | None, contract: Dataset) -> Mapping:
    """A mapping file, or else the headings of a published list, or else the contract's own."""
    if mapping is None:
        return identity_mapping(contract)
    if not Path(mapping).is_file() and str(mapping) in list_names():
        return published_mapping(load_published(str(mapping)), contract)
    return load_mapping(Path(mapping), contract)


def _report(delivery: Delivery) -> None:
    batch = delivery.batch
    if not delivery.is_new:
        show(
            f"{batch.file_name}：此前已入库（第 {batch.batch_no} 批），跳过。",
            f"{batch.file_name}: landed before as batch {batch.batch_no}, skipped.",
        )
        return
    show(
        f"{batch.file_name} → {batch.dataset} 第 {batch.batch_no} 批：送达 {batch.delivered:,} 行，"
        f"入库 {batch.landed:,}，重复 {batch.duplicates:,}，更正 {batch.superseded:,}，"
        f"存疑 {batch.warned:,}，拒收 {batch.rejected:,}",
        f"{batch.file_name} → {batch.dataset} batch {batch.batch_no}: {batch.delivered:,} rows delivered, "
        f"{batch.landed:,} landed, {batch.duplicates:,} duplicates, {batch.superseded:,} corrections, "
        f"{batch.warned:,} doubtful, {batch.rejected:,} rejected",
    )
    for reason, count in batch.reasons.items():
        column, _, code = reason.partition(":")
        words = REASONS[code]
        where = (
            "" if column == "row" else f"“{column}”" if LANGUAGE.get() == "zh" else f"'{column}' "
        )
        show(f"  拒收 {count:,} 行：{where}{words.zh}", f"  {count:,} rejected: {where}{words.en}")
    if batch.quarantine:
        show(f"  明细：{batch.quarantine}", f"  details: {batch.quarantine}")
