"""`xinqiao lake …`: what has landed, and where a row came from."""

import typer
from rich.table import Table

from features.lake import Lake
from xinqiao.console import Json, out, say, show, show_json
from xinqiao.settings import load_settings

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
        table.add_column(say(zh, en))
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
