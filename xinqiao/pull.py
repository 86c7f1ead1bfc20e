"""`xinqiao pull` and `xinqiao verify`: ask a provider's endpoint."""

import secrets
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.errors import ProviderError
from features.lake import Lake
from features.mapping import load_mapping
from features.pull.client import Client
from features.pull.endpoint import Endpoint, load_endpoint
from features.pull.pull import PullOrder, PullReport
from features.pull.pull import pull as pull_answers
from features.scope import Purpose
from features.vault import Vault
from features.verification import Question, Verdict
from features.verification import verify as verify_value
from xinqiao.console import Json, progress, show, show_json
from xinqiao.settings import load_settings, provider_secret

PULL_HELP = """按企业授权调用数据提供单位接口，合格的返回整批入库。 Ask a provider about every consented firm; land sound answers.

例 Example: xinqiao pull provider.yaml --purpose apply
"""
VERIFY_HELP = """向数据提供单位核验一个值；值从标准输入读取，不保存。 Verify a value; it is read from stdin and never stored.

例 Example: echo 1200000 | xinqiao verify provider.yaml --uscc 91350100M000100Y43 --question sales_of_year
"""

EndpointFile = Annotated[Path, typer.Argument(help="接口文件 · the endpoint file")]
PurposeOption = Annotated[Purpose, typer.Option(help="授权用途 · the consent's purpose")]
Grantee = Annotated[str, typer.Option(help="被授权机构 · who holds the consent")]


def pull(
    endpoint_file: EndpointFile,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="截止日，默认今天 · last day asked for"),
    ] = None,
    purpose: PurposeOption = Purpose.APPLY,
    grantee: Grantee = "platform",
    *,
    as_json: Json = False,
) -> None:
    """See `PULL_HELP`."""
    settings, catalogue = load_settings(), load_catalogue()
    endpoint = load_endpoint(endpoint_file)
    if endpoint.mapping is None:
        raise ProviderError(
            en=f"{endpoint_file} names no mapping, so its answers cannot be read. Add `mapping: <file>`.",
            zh=f"{endpoint_file} 未写明映射文件，无法读取返回数据；请添加 `mapping: 文件`。",
        )
    mapping = load_mapping(Path(endpoint.mapping), catalogue[endpoint.dataset])
    day = as_of.date() if as_of is not None else now_in_shanghai().date()
    client = _client(endpoint)
    with progress(f"调用 {endpoint.dataset}", f"Pull {endpoint.dataset}") as advance:
        report = pull_answers(
            PullOrder(mapping, day, purpose, grantee),
            client,
            Lake(settings.lake),
            Vault(settings.vault),
            catalogue,
            clock=now_in_shanghai,
            token=_token,
            on_progress=advance,
        )
    client.close()
    if as_json:
        show_json(asdict(report))
    else:
        _print(report)
    if not report.is_clean:
        raise typer.Exit(1)


def verify(
    endpoint_file: EndpointFile,
    uscc: Annotated[str, typer.Option(help="统一社会信用代码 · USCC")],
    question: Annotated[str, typer.Option(help="核验事项 · one the endpoint file offers")],
    purpose: PurposeOption = Purpose.APPLY,
    grantee: Grantee = "platform",
    *,
    as_json: Json = False,
) -> None:
    """See `VERIFY_HELP`."""
    settings = load_settings()
    endpoint = load_endpoint(endpoint_file)
    client = _client(endpoint)
    outcome = verify_value(
        Question(endpoint.dataset, question, uscc, _read_value()),
        client,
        Lake(settings.lake),
        Vault(settings.vault),
        load_catalogue(),
        purpose=purpose,
        clock=now_in_shanghai,
        token=_token,
        grantee=grantee,
    )
    client.close()
    if as_json:
        show_json(asdict(outcome))
    else:
        words = load_catalogue()["verification_result"].columns["answer"].values[outcome.verdict]
        why = f"（{outcome.reason}）" if outcome.reason else ""
        why_en = f" ({outcome.reason})" if outcome.reason else ""
        show(f"核验结果：{words.zh}{why}", f"Answer: {words.en}{why_en}")
    if outcome.verdict is Verdict.UNAVAILABLE:
        raise typer.Exit(1)


def _client(endpoint: Endpoint) -> Client:
    auth = endpoint.auth
    return Client(endpoint, provider_secret(auth.secret_variable) if auth is not None else None)


def _token() -> str:
    return secrets.token_hex(16)


def _read_value() -> str:
    """The value to verify: typed unseen at a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("待核验的值 · value", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


def _print(report: PullReport) -> None:
    show(
        f"{report.dataset}：询问 {report.asked:,} 家，采用 {report.answered:,} 家，记录 {report.records:,} 条，"
        f"入库 {report.landed:,} 行，拒收 {report.rejected:,} 行，熔断 {report.openings} 次",
        f"{report.dataset}: {report.asked:,} firms asked, {report.answered:,} answers used, "
        f"{report.records:,} records, {report.landed:,} rows landed, {report.rejected:,} rejected, "
        f"breaker opened {report.openings} times",
    )
    for reason, count in report.refused.items():
        show(f"  未采用 {count:,} 家：{reason}", f"  {count:,} refused: {reason}")
    for reason, count in report.skipped.items():
        show(f"  未询问 {count:,} 家：{reason}", f"  {count:,} skipped: {reason}")
