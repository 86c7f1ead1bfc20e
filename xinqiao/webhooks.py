"""`xinqiao webhook-kit`: whether a bank's receiver of notices does what it must."""

from dataclasses import asdict
from typing import Annotated

import typer

from features.clock import now_in_shanghai
from xinqiao.console import Json, say, show, show_json

HELP = """检查通知接收端：先发送正确的通知，再有意发送各种错误的通知。 Try a receiver of notices: tell it the truth, then misbehave on purpose.

每项检查输出一行；有一项不符合即以非零退出。 A line each; the exit code is not zero if one fails.

例 Example: xinqiao webhook-kit http://127.0.0.1:8080/ --secret whsec_...
"""


def webhook_kit(
    url: Annotated[str, typer.Argument(help="接收端地址 · the receiver's address")],
    secret: Annotated[
        str,
        typer.Option(envvar="XINQIAO_WEBHOOK_SECRET", help="签名密钥 · the secret that signs"),
    ],
    *,
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    from serving.webhooks.kit import Kit, Verdict  # noqa: PLC0415 - takes half a second to load

    verdicts: list[Verdict] = []
    for verdict in Kit(url, secret, now_in_shanghai).checks():
        verdicts.append(verdict)
        if not as_json:
            mark = say("通过", "pass") if verdict.is_passed else say("不符", "FAIL")
            got = verdict.status or say("无应答", "no answer")
            show(f"{mark}  {verdict.zh}（{got}）", f"{mark}  {verdict.en} ({got})")
    failed = [verdict.name for verdict in verdicts if not verdict.is_passed]
    if as_json:
        show_json({"failed": failed, "checks": [asdict(verdict) for verdict in verdicts]})
    else:
        show(
            f"{len(verdicts)} 项检查，{len(failed)} 项不符。",
            f"{len(verdicts)} checks, {len(failed)} failed.",
        )
    if failed:
        raise typer.Exit(1)
