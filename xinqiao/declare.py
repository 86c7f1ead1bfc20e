"""`xinqiao declare`: self-declared information and its check against what is held."""

import secrets
from datetime import datetime
from typing import Annotated

import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.declared import Declaration, cross_check, declare, load_rules, self_scope
from features.lake import Lake
from features.vault import Vault
from xinqiao.console import Json, say, show, show_json
from xinqiao.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="自主申报 · self-declared information")


@app.command()
def add(
    enterprise: Annotated[
        str, typer.Argument(help="统一社会信用代码或来源编号 · USCC or the provider's id")
    ],
    item: Annotated[str, typer.Argument(help="申报项 · item (see `declare items`)")],
    value: Annotated[str, typer.Argument(help="数值或文本 · number or text")],
    promise_signed_on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="承诺签署日期 · day the promise was signed"),
    ] = None,
    promise_version: Annotated[str, typer.Option(help="承诺书版本 · version of the promise")] = "",
) -> None:
    """企业自主申报一项信息，须附信用承诺。 Land one declaration with its promise.

    例 Example: xinqiao declare add E1 employees 42 --promise-signed-on 2026-01-10 --promise-version 2026-1
    """
    settings = load_settings()
    lake = Lake(settings.lake)
    signed_on = promise_signed_on.date() if promise_signed_on is not None else None
    uscc = lake.view().find_enterprise(enterprise).uscc
    (record_id,) = declare(
        [Declaration(uscc, item, value, signed_on, promise_version)],
        lake,
        Vault(settings.vault),
        load_catalogue(),
        now=now_in_shanghai(),
        token=lambda: secrets.token_hex(16),
    )
    show(f"已申报“{item}”：{record_id}", f"Declared '{item}': {record_id}")


@app.command()
def check(*, as_json: Json = False) -> None:
    """核对全部申报与已有数据；冲突的申报不再使用。 Hold every declaration against what is held.

    例 Example: xinqiao declare check
    """
    settings, catalogue = load_settings(), load_catalogue()
    now = now_in_shanghai()
    found = cross_check(
        Lake(settings.lake),
        Vault(settings.vault),
        catalogue,
        self_scope(catalogue, now.date()),
        as_of_date=now.date(),
        now=now,
    )
    if as_json:
        show_json(found)
        return
    words = catalogue["declaration_check"].columns["verdict"].values
    for verdict, count in found.items():
        show(f"{words[verdict].zh}：{count:,}", f"{words[verdict].en}: {count:,}")
    if not found:
        show("没有申报。", "Nothing is declared.")


@app.command()
def items() -> None:
    """列出可申报的项目。 List what may be declared.

    例 Example: xinqiao declare items
    """
    for name, item in load_rules().items.items():
        against = ", ".join(held.dataset for held in item.against) or say("无", "nothing")
        show(
            f"{name}：{item.zh}（{item.unit}），核对依据 {against}",
            f"{name}: {item.en} ({item.unit}), compared with {against}",
        )
