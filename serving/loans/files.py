"""Files of reports: a row is a report, taken or refused by itself with its reason; nothing is lost unsaid."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from serving.errors import MalformedError
from serving.loans.reports import PERSONAL, REPORT, Closure, Grant, Guarantee, Month, Report
from serving.loans.rules import loan_words
from serving.loans.schemas import FileAnswer, FileTotals, RowAnswer, words_of
from serving.loans.taking import Outcome

Cells = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A row as read: a report, or why it is none.

    Attributes
    ----------
    member : str
        The first member that is wrong; empty if it is none in particular.
    """

    report: Report | None
    reason: str = ""
    member: str = ""


def rows_in_file(content: bytes, media_type: str, most: int) -> list[Row]:
    """Rows of a CSV file, or of JSON lines, in UTF-8.

    Raises
    ------
    MalformedError
        If the file is neither, or has too many rows or none.
    """
    try:
        text = content.decode("utf-8-sig")
        cells = list(_lines(text) if "json" in media_type else _table(text))
    except (ValueError, csv.Error, RecursionError):
        raise MalformedError(
            en="The file is neither CSV in UTF-8 with a column 'kind' nor JSON lines with a member 'kind'.",
            zh="文件须为含“kind”列的 UTF-8 编码 CSV，或含“kind”成员的 JSON 行。",
            details={"fields": [{"place": "body", "problem": "file"}]},
        ) from None
    require_rows(len(cells), most)
    return [row_of(one) for one in cells]


def require_rows(count: int, most: int) -> None:
    """A file has rows, and not too many.

    Raises
    ------
    MalformedError
        If not.
    """
    if not 1 <= count <= most:
        raise MalformedError(
            en=f"The file has {count} rows; it may have 1 to {most}. Split it.",
            zh=f"文件有 {count} 行；每个文件须为 1 至 {most} 行，请拆分。",
            details={"fields": [{"place": "body", "problem": "rows"}]},
        )


def row_of(cells: Cells | None) -> Row:
    """A row as a report, or the first thing that is wrong with it.

    Examples
    --------
    >>> row_of({"kind": "closure", "loan_id": "L1", "closed_on": "2026-02-30"})
    Row(report=None, reason='malformed', member='closed_on')
    """
    try:
        return Row(REPORT.validate_python(cells))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        member = str(first["loc"][-1]) if len(first["loc"]) > 1 else ""
        is_personal = PERSONAL in str(first.get("msg", ""))
        return Row(None, PERSONAL if is_personal else "malformed", member)


def file_answer(rows: Sequence[Row], outcomes: Sequence[Outcome], *, start: int = 0) -> FileAnswer:
    """What came of every row; `outcomes` are of those that were reports, in their order.

    Rows are counted from the one after `start`.
    """
    left = iter(outcomes)
    told = [Outcome("refused", row.reason) if row.report is None else next(left) for row in rows]
    counts = {
        name: sum(outcome.result == name for outcome in told)
        for name in ("taken", "corrected", "unchanged", "refused")
    }
    arrived = [
        row.report
        for row, outcome in zip(rows, told, strict=True)
        if row.report is not None and outcome.result != "refused"
    ]
    listed = [
        answer
        for place, (row, outcome) in enumerate(zip(rows, told, strict=True), start=start + 1)
        for answer in _row_answers(place, row, outcome)
    ]
    return FileAnswer(rows=len(rows), **counts, totals=_totals(arrived), listed=listed)


def _row_answers(place: int, row: Row, outcome: Outcome) -> Iterator[RowAnswer]:
    for code in (outcome.reason, *outcome.doubts):
        if code and outcome.result != "unchanged":
            said = loan_words().refusals.get(code)
            yield RowAnswer(
                row=place,
                result=outcome.result,
                code=code,
                member=row.member or (said.place if said else ""),
                words=words_of(code),
            )


def _totals(reports: Sequence[Report]) -> FileTotals:
    grants = [report for report in reports if isinstance(report, Grant)]
    months = [report for report in reports if isinstance(report, Month)]
    guarantees = [report for report in reports if isinstance(report, Guarantee)]
    return FileTotals(
        grants=len(grants),
        granted_amount=_sum(report.amount for report in grants),
        months=len(months),
        balance=_sum(report.balance for report in months),
        written_off=_sum(report.written_off for report in months),
        recovered=_sum(report.recovered for report in months),
        closures=sum(isinstance(report, Closure) for report in reports),
        guarantees=len(guarantees),
        guaranteed_amount=_sum(report.amount for report in guarantees),
    )


def _sum(amounts: Iterator[Decimal]) -> Decimal:
    return sum(amounts, Decimal("0.00"))


def _table(text: str) -> Iterator[Cells]:
    """Rows without their empty cells."""
    rows = csv.DictReader(io.StringIO(text), strict=True)
    if "kind" not in (rows.fieldnames or ()):
        raise ValueError
    for row in rows:
        yield {
            str(name): cell.strip() if isinstance(cell, str) else cell
            for name, cell in row.items()
            if cell
        }


def _lines(text: str) -> Iterator[Cells | None]:
    for line in text.splitlines():
        if line.strip():
            found = json.loads(line, parse_float=Decimal)
            yield found if isinstance(found, dict) else None
