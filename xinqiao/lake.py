"""`xinqiao lake …`: what has landed, and where a row came from."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from features.contracts import load_catalogue
from features.errors import RequestError
from features.lake import Lake
from features.lineage import ENTERPRISE, Origin, trace
from xinqiao.console import Json, out, say, show, show_json
from xinqiao.settings import load_settings

#: Rows printed for a person.
SHOWN = 20

app = typer.Typer(no_args_is_help=True, help="数据湖 · what has landed")


@app.command()
def log(*, as_json: Json = False) -> None:
    """列出全部批次：文件、时间、哈希、行数。 Every batch: file, time, hash, rows.

    例 Example: xinqiao lake log
    """
    batches = Lake(load_settings().lake).view().batches
    if as_json:
        show_json([vars(batch) for batch in batches])
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
        _print_origin(origin)
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


def _print_origin(origin: Origin) -> None:
    ended_zh = f"，{origin.superseded_at} 起被更正" if origin.superseded_at else ""
    ended_en = f", superseded from {origin.superseded_at}" if origin.superseded_at else ""
    show(
        f"{origin.file_name} 第 {origin.line:,} 行 · {origin.collected_at} 入库 · "
        f"{origin.available_at} 起可用{ended_zh} · 文件 SHA-256 {origin.file_sha256} · "
        f"映射 {origin.mapping} · 行哈希 {origin.row_hash:016x}",
        f"{origin.file_name} line {origin.line:,} · landed {origin.collected_at} · "
        f"available from {origin.available_at}{ended_en} · file SHA-256 {origin.file_sha256} · "
        f"mapping {origin.mapping} · row hash {origin.row_hash:016x}",
    )
