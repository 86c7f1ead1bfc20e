"""What every verb that lands files shares: progress, and a report a person reads."""

from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from pathlib import Path

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.delivery import catalogue_mapping
from features.ingest import MAX_REJECTED_SHARE, Delivery, ingest_files
from features.lake import Lake
from features.mapping import Mapping
from features.quality_rules import CHECK, ROW, words_of
from features.vault import Vault
from xinqiao.console import progress, show
from xinqiao.settings import Settings


def land(
    settings: Settings,
    files: list[Path],
    dataset: str,
    mapping: Path | None,
    *,
    max_rejected: float | None = None,
    retry_rejected: bool = False,
    is_quiet: bool = False,
) -> list[Delivery]:
    """Ingest with a progress bar and a line per file."""
    rules = catalogue_mapping(load_catalogue(), dataset, mapping)
    deliveries = land_mapped(
        settings, files, rules, max_rejected=max_rejected, retry_rejected=retry_rejected
    )
    if not is_quiet:
        for delivery in deliveries:
            _report(delivery)
    return deliveries


def land_mapped(
    settings: Settings,
    files: Sequence[Path],
    mapping: Mapping,
    *,
    max_rejected: float | None,
    retry_rejected: bool,
) -> list[Delivery]:
    """Ingest with a progress bar; the usual share of bad rows counts where none is given."""
    name = mapping.dataset.name
    with progress(f"入库 {name}", f"Ingest {name}") as advance:
        return ingest_files(
            files,
            mapping,
            Lake(settings.lake),
            Vault(settings.vault),
            now=now_in_shanghai(),
            max_rejected_share=MAX_REJECTED_SHARE if max_rejected is None else max_rejected,
            retry_rejected=retry_rejected,
            on_progress=lambda _, done, total: advance(done, total),
        )


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
    if batch.skipped:
        show(
            f"  另有 {batch.skipped:,} 行不属于此数据集",
            f"  {batch.skipped:,} rows of the file belong elsewhere",
        )
    report_counts(batch.dataset, batch.reasons, batch.warnings)
    if batch.quarantine:
        show(f"  明细：{batch.quarantine}", f"  details: {batch.quarantine}")


def report_counts(
    dataset: str, reasons: MappingType[str, int], warnings: MappingType[str, int]
) -> None:
    """One line for each reason of a rejection and each thing to be noted."""
    for reason, count in reasons.items():
        zh, en = _sentence(reason, dataset)
        show(f"  拒收 {count:,} 行：{zh}", f"  {count:,} rejected: {en}")
    for note, count in warnings.items():
        zh, en = _sentence(note, dataset, is_warning=True)
        show(f"  提示 {count:,} 行：{zh}", f"  {count:,} noted: {en}")


def _sentence(found: str, dataset: str, *, is_warning: bool = False) -> tuple[str, str]:
    """What was found, with the column it was found in, Chinese and English."""
    words = words_of(found, load_catalogue()[dataset].document, is_warning=is_warning)
    column = found.partition(":")[0]
    if column in {CHECK, ROW}:
        return words.zh, words.en
    return f"“{column}”{words.zh}", f"'{column}' {words.en}"
