"""`xinqiao audit`: seal, verify and prove the record of who looked at what."""

import json
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.clock import now_in_shanghai
from features.vault import Vault
from xinqiao.console import Json, progress, say, show, show_json
from xinqiao.settings import Settings, database_addresses, load_settings

if TYPE_CHECKING:
    from serving.audit.heads import Custody
    from serving.audit.repository import Sync
    from serving.audit.verify import Report

app = typer.Typer(help="审计日志 · the record of who looked at what", no_args_is_help=True)

_VERIFY_HELP = """重新计算全部审计日志；有任何改动即退出码 1。 Recompute the whole record; exits 1 if anything was changed.

例 Example: xinqiao audit verify --export record.jsonl.gz
"""
_SEAL_HELP = """封存已提交的审计行并签署树头。 Seal committed rows and sign a head.

例 Example: xinqiao audit seal
"""
_ROTATE_HELP = """更换签名密钥，旧公钥保留。 Sign with a new key from now on; old public keys stay.

例 Example: xinqiao audit rotate-key
"""
_PROOF_HELP = """导出某企业全部被查询记录及其证明。 Write every sealed row about a firm with its proof.

例 Example: xinqiao audit proof 91110000100000001A --out proof.json
"""


@app.command("verify", help=_VERIFY_HELP)
def verify(
    *,
    export: Annotated[
        Path | None, typer.Option(help="同时导出（.jsonl 或 .jsonl.gz）· write an export, too")
    ] = None,
    since: Annotated[
        int, typer.Option(min=0, help="从此叶之前的树头开始 · from the last head before this leaf")
    ] = 0,
    heads: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="另行保存的树头文件 · heads set aside"),
    ] = None,
    as_json: Json = False,
) -> None:
    """See `_VERIFY_HELP`."""
    from serving.audit.export import exporting  # noqa: PLC0415 - the database's driver takes time
    from serving.audit.verify import verify_record  # noqa: PLC0415 - see above
    from serving.errors import MalformedError  # noqa: PLC0415 - see above

    if export is not None and since:
        raise MalformedError(
            en=f"An export holds the record from leaf 0. Leave out --since {since}.",
            zh=f"导出须从叶 0 开始，请去掉 --since {since}。",
        )
    with (
        _record(load_settings()) as (connection, custody),
        progress("核验", "verifying") as told,
        exporting(export) if export is not None else nullcontext() as begin,
    ):
        report = verify_record(
            connection,
            custody,
            copies=heads or (),
            since=since,
            progress=told,
            begin=begin or (lambda _: lambda _: None),
        )
    if as_json:
        show_json(_as_json(report))
    else:
        _print(report)
    if not report.is_whole:
        raise typer.Exit(1)


@app.command("seal", help=_SEAL_HELP)
def seal(*, as_json: Json = False) -> None:
    """See `_SEAL_HELP`."""
    from serving.audit import sealer  # noqa: PLC0415 - see above

    with _record(load_settings()) as (connection, custody):
        done = sealer.seal(connection, custody, now_in_shanghai())
    if as_json:
        show_json(
            {
                "sealed": done.sealed,
                "size": done.head.size,
                "root": done.head.root,
                "key_id": done.head.key_id,
                "waiting": done.waiting,
                "oldest_wait_seconds": done.oldest_wait.total_seconds(),
            }
        )
        return
    show(
        f"新封存 {done.sealed} 行，共 {done.head.size} 行；等待 {done.waiting} 行",
        f"sealed {done.sealed} rows, {done.head.size} in all; {done.waiting} wait",
    )


@app.command("rotate-key", help=_ROTATE_HELP)
def rotate_key() -> None:
    """See `_ROTATE_HELP`."""
    from serving.audit import sealer  # noqa: PLC0415 - see above

    with _record(load_settings()) as (connection, custody):
        key = sealer.rotate_key(connection, custody, now_in_shanghai())
    show(
        f"新密钥 {key.key_id} 由 {key.endorsed_by} 背书",
        f"new key {key.key_id}, endorsed by {key.endorsed_by}",
    )


@app.command("proof", help=_PROOF_HELP)
def proof(
    uscc: Annotated[str, typer.Argument(help="统一社会信用代码 · credit code")],
    out: Annotated[Path, typer.Option(help="证明文件 · proof file")],
) -> None:
    """See `_PROOF_HELP`."""
    from serving.audit.service import proof_about  # noqa: PLC0415 - see above

    settings = load_settings()
    subject = Vault(settings.vault).token("audit_subject", uscc)
    with _record(settings) as (connection, custody):
        proved = proof_about(connection, custody, subject)
    out.write_text(json.dumps(proved.content(), ensure_ascii=False) + "\n", encoding="utf-8")
    show(
        f"{len(proved.proofs)} 行已证明，写入 {out}；用 bin/check-audit 核对",
        f"{len(proved.proofs)} rows proved, written to {out}; check with bin/check-audit",
    )


def custody_of(settings: Settings) -> "Custody":
    """Where the heads and keys of this installation are."""
    from serving.audit.heads import Custody  # noqa: PLC0415 - see above

    return Custody(settings.audit, settings.vault / "audit", settings.audit_mirror)


@contextmanager
def _record(settings: Settings) -> Generator[tuple["Sync", "Custody"]]:
    """The ledger under the sealer's role, on the operator's server or the private one."""
    import psycopg  # noqa: PLC0415 - see above

    from serving.database.opening import opened  # noqa: PLC0415 - see above

    with (
        opened(settings.database, database_addresses()) as found,
        psycopg.connect(found.sealer, autocommit=True, application_name="xinqiao audit") as ledger,
    ):
        yield ledger, custody_of(settings)


def _as_json(report: "Report") -> dict[str, object]:
    newest = report.papers.newest
    return {
        "is_whole": report.is_whole,
        "leaves": report.size,
        "since": report.since,
        "waiting": report.waiting,
        "heads": len(report.papers.heads),
        "root": newest.root if newest else None,
        "signed_at": newest.at if newest else None,
        "is_note_read": report.papers.is_note_read,
        "first_key_id": report.papers.keys[0].key_id if report.papers.keys else None,
        "findings": [
            {
                "kind": found.kind,
                "leaf": found.leaf,
                "audit_id": found.audit_id,
                "detail": found.detail,
                "zh": found.zh,
                "en": found.en,
            }
            for found in report.findings
        ],
    }


def _print(report: "Report") -> None:
    for found in report.findings:
        show(f"✗ {found.zh}", f"✗ {found.en}")
    if not report.papers.is_note_read:
        show(
            "无权读取密钥库，未核对最后签署的树头",
            "the vault cannot be read, so the end of the heads was not checked against it",
        )
    key = report.papers.keys[0].key_id if report.papers.keys else "–"
    verdict = (
        say("未发现改动", "nothing was changed")
        if report.is_whole
        else say(f"发现 {len(report.findings)} 处问题", f"{len(report.findings)} findings")
    )
    show(
        f"{report.size} 行、{len(report.papers.heads)} 个树头（首个密钥 {key}），另有 {report.waiting} 行待封存：{verdict}",
        f"{report.size} rows, {len(report.papers.heads)} heads (first key {key}), {report.waiting} rows not sealed "
        f"yet: {verdict}",
    )
