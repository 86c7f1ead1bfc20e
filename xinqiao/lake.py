"""`xinqiao lake …`: what has landed, and where a row came from."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

import typer
from rich.table import Table

from features import retention
from features.clock import now_in_shanghai
from features.compaction import compact as merge_files
from features.contracts import load_catalogue
from features.errors import RequestError
from features.lake import Lake
from features.lineage import ENTERPRISE, Origin, trace
from features.segments import Rewrite
from features.vault import Vault
from xinqiao.console import Json, out, progress, say, show, show_json
from xinqiao.settings import load_settings

#: Rows printed for a person.
SHOWN = 20

app = typer.Typer(no_args_is_help=True, help="数据湖 · what has landed")


@app.command()
def log(*, as_json: Json = False) -> None:
    """列出全部批次：文件、时间、哈希、行数。 Every batch: file, time, hash, rows.

    例 Example: xinqiao lake log
    """
    view = Lake(load_settings().lake).view()
    batches = view.batches
    if as_json:
        show_json([vars(batch) for batch in batches] + [vars(one) for one in view.rewrites])
        return
    if not batches:
        show("数据湖为空。", "The lake is empty.")
        return
    table = Table()
    for zh, en in (
        ("批次", "batch"),
        ("数据集", "dataset"),
        ("文件", "file"),
        ("入库时间", "landed at"),
        ("文件 SHA-256", "file SHA-256"),
    ):
        table.add_column(say(zh, en), overflow="fold")
    for zh, en in (("入库行", "rows"), ("重复", "duplicates"), ("拒收", "rejected")):
        table.add_column(say(zh, en), justify="right")
    for b in batches:
        table.add_row(
            str(b.batch_no),
            b.dataset,
            b.file_name,
            b.collected_at,
            b.file_sha256[:12],
            f"{b.landed:,}",
            f"{b.duplicates:,}",
            f"{b.rejected:,}",
        )
    out.print(table)
    for commit in view.commits:
        for rewrite in commit.rewrites:
            _print_rewrite(rewrite, commit.at)


@app.command()
def compact(
    dataset: Annotated[
        str | None, typer.Argument(help="数据集，省略则全部 · dataset, all when left out")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """合并小文件，内容不变。 Merge small files; no row changes.

    例 Example: xinqiao lake compact invoice_line
    """
    lake, now = Lake(load_settings().lake), now_in_shanghai()
    with progress("合并文件", "Merge files") as advance:
        rewrites = merge_files(
            lake,
            load_catalogue(),
            dataset,
            now=now,
            on_progress=lambda _, done, total: advance(done, total),
        )
    if as_json:
        show_json([vars(rewrite) for rewrite in rewrites])
        return
    if not rewrites:
        show("没有可合并的小文件。", "There are no small files to merge.")
    for rewrite in rewrites:
        _print_rewrite(rewrite, now.isoformat(timespec="seconds"))


@app.command()
def retain(
    *,
    dry_run: Annotated[
        bool, typer.Option(help="只列出，不删除 · say what is due, delete nothing")
    ] = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="以该日为准，不得晚于今天 · due by this day, not after today"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """删除保存期限已过的数据。 Delete what may no longer be kept.

    例 Example: xinqiao lake retain --dry-run
    """
    settings, catalogue, now = load_settings(), load_catalogue(), now_in_shanghai()
    day = as_of.date() if as_of else now.date()
    lake = Lake(settings.lake)
    if dry_run:
        found = retention.due(lake.view(), catalogue, day)
    else:
        _require_no_later_than(day, now)
        with progress("删除到期数据", "Delete what is due") as advance:
            found = retention.apply(
                lake,
                catalogue,
                Vault(settings.vault),
                now=now,
                today=day,
                on_progress=lambda _, done, total: advance(done, total),
            )
    if as_json:
        show_json([asdict(one) for one in found])
        return
    if not found:
        show(f"截至 {day} 没有到期数据。", f"Nothing is due by {day}.")
    for one in found:
        _print_due(one, is_done=not dry_run)


def _require_no_later_than(day: date, now: datetime) -> None:
    if day > now.date():
        raise RequestError(
            en=f"{day} lies in the future: what is due only then is not deleted today. Add --dry-run to see it.",
            zh=f"{day} 晚于今天，届时才到期的数据今天不能删除。如需预览请加 --dry-run。",
        )


def _print_due(found: retention.Due, *, is_done: bool) -> None:
    verb_zh, verb_en = ("已删除", "deleted") if is_done else ("到期", "due")
    for rule, count in found.rows.items():
        words = retention.rule_words(rule)
        show(
            f"{found.dataset}：{verb_zh} {count:,} 行（{words.zh}）",
            f"{found.dataset}: {count:,} rows {verb_en} ({words.en})",
        )
    if found.quarantine:
        show(
            f"{found.dataset}：{verb_zh} 隔离区文件 {len(found.quarantine)} 个",
            f"{found.dataset}: {len(found.quarantine)} quarantine files {verb_en}",
        )


def _print_rewrite(rewrite: Rewrite, at: str) -> None:
    reasons = {"compact": ("合并", "merged"), "retain": ("到期删除", "deleted when due")}
    zh, en = reasons[rewrite.reason]
    show(
        f"{at} {zh} {rewrite.dataset}：{len(rewrite.batches)} 个批次，现有 {rewrite.rows:,} 行，"
        f"删除 {rewrite.deleted:,} 行",
        f"{at} {en} {rewrite.dataset}: {len(rewrite.batches)} batches, {rewrite.rows:,} rows now, "
        f"{rewrite.deleted:,} deleted",
    )


@app.command()
def lineage(
    dataset: Annotated[str, typer.Argument(help="数据集 · dataset")],
    enterprise: Annotated[str, typer.Argument(help="统一社会信用代码或来源编号 · USCC or id")],
    conditions: Annotated[
        list[str] | None, typer.Argument(help="列=值 · column=value, e.g. invoice_no=3390939")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """每一行来自哪个文件、第几行、何时、哈希。 Which file, line, time and hash a row came from.

    例 Example: xinqiao lake lineage invoice_line E1 invoice_no=3390939
    """
    wanted = {ENTERPRISE: enterprise, **dict(_condition(text) for text in conditions or [])}
    origins = trace(Lake(load_settings().lake).view(), load_catalogue()[dataset], wanted)
    if as_json:
        show_json([asdict(origin) for origin in origins])
        return
    for origin in origins[:SHOWN]:
        print_origin(origin)
    if len(origins) > SHOWN:
        show(
            f"……共 {len(origins):,} 行，仅显示前 {SHOWN} 行；--json 输出全部。",
            f"… {len(origins):,} rows in all, the first {SHOWN} shown; --json gives every one.",
        )


def _condition(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found:
        raise RequestError(
            en=f"'{text}' is no condition. Write column=value, e.g. invoice_no=3390939.",
            zh=f"“{text}”不是条件，请写成 列=值，例如 invoice_no=3390939。",
        )
    return name, value


def print_origin(origin: Origin) -> None:
    """One row's origin on one line."""
    ended_zh = f"，{origin.superseded_at} 起被更正" if origin.superseded_at else ""
    ended_en = f", superseded from {origin.superseded_at}" if origin.superseded_at else ""
    show(
        f"{origin.file_name} 第 {origin.line:,} 行 · {origin.collected_at} 入库 · "
        f"{origin.available_at} 起可用{ended_zh} · 文件 SHA-256 {origin.file_sha256} · "
        f"映射 {origin.mapping} · 行哈希 {origin.row_hash or 0:016x} · 提供方 {origin.provider} · 批次 {origin.batch_id}",
        f"{origin.file_name} line {origin.line:,} · landed {origin.collected_at} · "
        f"available from {origin.available_at}{ended_en} · file SHA-256 {origin.file_sha256} · "
        f"mapping {origin.mapping} · row hash {origin.row_hash or 0:016x} · provider {origin.provider} · batch {origin.batch_id}",
    )
