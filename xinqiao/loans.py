"""`xinqiao loans …`: reports of loans from files, their sums, and loans between the ledger and the lake."""

import secrets
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.engine import connect, identifier
from features.lake import Lake
from features.mapping import FileFormat
from features.sources import stage
from xinqiao.console import Json, show, show_json
from xinqiao.ledger import exported, with_ledger
from xinqiao.settings import load_settings

if TYPE_CHECKING:
    from serving.db import Connection
    from serving.loans.files import Row
    from serving.loans.schemas import FileAnswer, ReconciliationAnswer

app = typer.Typer(no_args_is_help=True, help="贷款回传 · reports of loans")
_TABLE = "reported"


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(help="CSV、Parquet 或 Excel 文件，含 kind 列。 With a column 'kind'.")
    ],
    institution: Annotated[
        str, typer.Option(help="机构统一社会信用代码。 Whose reports they are.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """导入机构回传文件，逐行接受或说明拒收原因。 Take an institution's file of reports, row by row.

    例 Example: xinqiao loans import loans.xlsx --institution 91370100MA3C0W2J9X
    """
    from serving.loans.files import file_answer, require_rows  # noqa: PLC0415 - takes half a second to load
    from serving.loans.rules import loan_rules  # noqa: PLC0415 - see above
    from serving.loans.taking import take_reports  # noqa: PLC0415 - see above

    now, rows = now_in_shanghai(), _rows(file)
    most = loan_rules(now.date()).most_rows
    require_rows(len(rows), len(rows))

    async def work(connection: "Connection") -> "list[FileAnswer]":
        answers: list[FileAnswer] = []
        for start in range(0, len(rows), most):
            part = rows[start : start + most]
            reports = [row.report for row in part if row.report is not None]
            async with connection.transaction():
                outcomes = await take_reports(
                    connection, institution, reports, by="command", now=now
                )
            answers.append(file_answer(part, outcomes, start=start))
        return answers

    answers = with_ledger(work)
    if as_json:
        show_json([answer.model_dump(mode="json") for answer in answers])
        return
    for answer in answers:
        _tell(answer)


@app.command("reconcile")
def reconcile(*, as_json: Json = False) -> None:
    """对账：机构申报的月度总额与逐笔回传之和。 Hold what institutions declared against what they reported.

    例 Example: xinqiao loans reconcile
    """
    from serving.loans.repository import read_declared  # noqa: PLC0415 - see above
    from serving.loans.service import reconciled  # noqa: PLC0415 - see above

    async def work(connection: "Connection") -> "list[ReconciliationAnswer]":
        return await reconciled(connection, await read_declared(connection))

    answers = with_ledger(work)
    if as_json:
        show_json([answer.model_dump(mode="json") for answer in answers])
        return
    if not answers:
        show("还没有机构申报总额。", "No institution has declared totals yet.")
    for answer in answers:
        show(
            f"{answer.institution} {answer.month}：{'一致' if answer.agrees else '有差异'}",
            f"{answer.institution} {answer.month}: {'agrees' if answer.agrees else 'differs'}",
        )
        for one in answer.measures:
            if one.difference:
                show(
                    f"  {one.words.zh}：申报 {one.declared}，回传 {one.reported}，差 {one.difference}",
                    f"  {one.words.en}: declared {one.declared}, reported {one.reported}, difference {one.difference}",
                )


@app.command("export")
def export_reports(*, as_json: Json = False) -> None:
    """把新的回传写入数据湖；重复执行无害。 Land new reports; again does no harm.

    例 Example: xinqiao loans export
    """
    from serving.loans.export import export_new  # noqa: PLC0415 - see above

    rows = exported(export_new)
    if as_json:
        show_json({"rows": rows})
        return
    show(f"已向数据湖写入 {rows:,} 行。", f"{rows:,} rows were given to the lake.")


@app.command("bring-in")
def bring_in_loans(*, as_json: Json = False) -> None:
    """把数据湖中的贷款读入业务数据库；重复执行无害。 Read the lake's loans into the ledger; again does no harm.

    例 Example: xinqiao loans bring-in
    """
    from serving.loans.bring_in import bring_in  # noqa: PLC0415 - see above

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
        f"读取 {done.read:,} 条：新增回传 {done.reports:,} 条，涉及贷款 {done.loans:,} 笔；"
        f"缺少放款机构代码或编号重复而未采用 {done.refused:,} 笔。",
        f"{done.read:,} read: {done.reports:,} reports of {done.loans:,} loans added; {done.refused:,} not taken, "
        "without a lender's code or with a number that stands for two.",
    )


def _rows(file: Path) -> "list[Row]":
    """The file's rows as text, by the names of a report's members."""
    from serving.loans.files import row_of  # noqa: PLC0415 - see above
    from serving.loans.reports import Closure, Grant, Guarantee, Month  # noqa: PLC0415 - see above

    known = [name for kind in (Grant, Month, Closure, Guarantee) for name in kind.model_fields]
    with connect(threads=1) as duck:
        source = stage(duck, file, FileFormat(), _TABLE, sorted(set(known)))
        listed = ", ".join(
            f"CAST({column.sql} AS VARCHAR) AS {identifier(name)}"
            for name, column in source.columns.items()
        )
        query = f"SELECT {listed or 'NULL'} FROM {_TABLE} ORDER BY line"
        cells = duck.execute(query).fetchall()
    names = list(source.columns)
    return [
        row_of({name: cell for name, cell in zip(names, row, strict=False) if cell})
        for row in cells
    ]


def _tell(answer: "FileAnswer") -> None:
    show(
        f"{answer.rows:,} 行：接受 {answer.taken:,}，更正 {answer.corrected:,}，此前已报 {answer.unchanged:,}，"
        f"拒收 {answer.refused:,}；放款合计 {answer.totals.granted_amount} 元。",
        f"{answer.rows:,} rows: {answer.taken:,} taken, {answer.corrected:,} corrected, {answer.unchanged:,} known, "
        f"{answer.refused:,} refused; granted in all {answer.totals.granted_amount} yuan.",
    )
    for one in answer.listed:
        member = f" {one.member}" if one.member else ""
        show(
            f"  第 {one.row} 行{member}：{one.words.zh}",
            f"  row {one.row}{member}: {one.words.en}",
        )
