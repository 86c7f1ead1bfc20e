"""`xinqiao match`: every firm against every product, or one firm's products and what it lacks."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from features.clock import now_in_shanghai
from features.errors import RequestError
from xinqiao.console import Json, Lang, show, show_json, use_language
from xinqiao.match_one import match_one, print_one
from xinqiao.match_report import (
    ledger_document,
    match_document,
    print_ledger,
    print_matches,
    require_writable,
)
from xinqiao.night import open_desk
from xinqiao.settings import load_settings

HELP = """匹配产品：全部企业输出为文件，或打印一家企业可申请的产品与所差条件。 Match products to firms.

全部企业的结果不测算额度，额度为 0 的产品也计入符合；指定一家企业时逐一测算，额度为 0 的列入所差。

Limits are worked out for one firm: a limit of 0 is short of something. For everyone they are not, and it counts as fitting.

例 Example: xinqiao match --as-of 2026-06-30 --out matches    xinqiao match 91371399MAXWXXYY08
"""


def match(
    enterprise: Annotated[
        str | None, typer.Argument(help="统一社会信用代码或来源编号 · USCC or the provider's id")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="截止日，默认今天 · default: today"),
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="输出目录 · folder to write Parquet files to")
    ] = None,
    top: Annotated[
        int, typer.Option(help="每家企业保留的产品数 · products kept of a firm", min=1, max=100)
    ] = 10,
    *,
    lang: Lang = "",
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    use_language(lang)
    settings, now = load_settings(), now_in_shanghai()
    day = as_of.date() if as_of is not None else now.date()
    if (enterprise is None) == (out_folder is None):
        raise RequestError(
            en="Say either one enterprise (`match E1`) or a folder for everyone (`match --out DIR`).",
            zh="请指定一家企业（`match E1`），或为全部企业指定输出目录（`match --out 目录`）。",
        )
    if out_folder is not None:
        require_writable(out_folder)
    desk = open_desk(settings, day, now, most=top)
    if enterprise is not None:
        found = match_one(desk, enterprise)
        if as_json:
            show_json({**found.document(), "ledger": ledger_document(desk)})
        else:
            print_ledger(desk)
            print_one(found)
        return
    folder = out_folder or desk.folder
    swept = desk.sweep(desk.write_firms(), folder)
    if as_json:
        show_json(match_document(desk, swept))
        return
    if desk.absent is not None:
        show(f"没有在用的评级模型：{desk.absent.zh}", f"Nobody is rated. {desk.absent.en}")
    print_ledger(desk)
    print_matches(desk.offering, swept)
    show(f"匹配结果 → {folder}", f"Matches → {folder}")
