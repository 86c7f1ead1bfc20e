"""`xinqiao consent …`: consents between the ledger and the lake."""

import secrets
from dataclasses import asdict

import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.lake import Lake
from xinqiao.console import Json, show, show_json
from xinqiao.ledger import exported, with_ledger
from xinqiao.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="授权 · consents between the ledger and the lake")


@app.command("export")
def export_events(*, as_json: Json = False) -> None:
    """把新的授权事件写入数据湖；重复执行无害。 Land new consent events; again does no harm.

    例 Example: xinqiao consent export
    """
    from serving.consent.export import export_new  # noqa: PLC0415 - takes half a second to load

    events = exported(export_new)
    if as_json:
        show_json({"events": events})
        return
    show(f"已写入数据湖 {events:,} 个授权事件。", f"{events:,} consent events are in the lake.")


@app.command("import")
def import_events(*, as_json: Json = False) -> None:
    """把数据湖中的授权读入业务数据库；重复执行无害。 Read the lake's consents into the ledger; again does no harm.

    例 Example: xinqiao consent import
    """
    from serving.consent.bring_in import bring_in  # noqa: PLC0415 - see above

    view, now = Lake(load_settings().lake).view(), now_in_shanghai()
    request_id = f"S-{secrets.token_hex(10)}"
    done = with_ledger(
        lambda connection: bring_in(
            connection, view, load_catalogue(), now=now, request_id=request_id
        )
    )
    if as_json:
        show_json(asdict(done))
        return
    show(
        f"读取 {done.read:,} 个事件：新增授权 {done.consents:,} 份、事件 {done.events:,} 个，"
        f"变更 {done.changed:,} 份，自相矛盾而未采用 {done.refused:,} 份。",
        f"{done.read:,} events read: {done.consents:,} consents and {done.events:,} events added, "
        f"{done.changed:,} changed, {done.refused:,} not taken because they contradict themselves.",
    )
