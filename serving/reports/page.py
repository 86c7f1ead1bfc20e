"""A report as a page for A4: no script, its own style, in either language, from the kept document alone."""

import json
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from features.errors import Language
from serving.static import StaticFiles

_HERE = Path(__file__).parent
_STATIC = StaticFiles([_HERE / "files"], "/static/reports")
files = _STATIC.router()

_PURPOSES = {
    "self_report": ("本人查询", "self-report"),
    "apply": ("贷款申请", "loan application"),
    "pre_credit": ("授信前审查", "review before credit"),
    "postloan": ("贷后管理", "management after the loan"),
}
_MARKS = {
    "disputed": ("异议中", "disputed"),
    "both_views": ("双方意见并存", "both views recorded"),
}
_STATES = {
    "no_record": ("无记录", "No record"),
    "need_authorisation": ("企业未授权", "Not authorised by the enterprise"),
    "not_shared": ("不予展示", "Not shown to institutions"),
}
_MISSING = "—"


def report_page(text: str, sha256: str, language: Language) -> str:
    """The page of a report.

    Parameters
    ----------
    text, sha256 : str
        The canonical text and its hash.
    language : Language
        Of everything that is ours; what providers wrote stays as it is.
    """
    document = json.loads(text)
    return _TEMPLATES.get_template("report.html").render(
        style=_STATIC.address("report.css"),
        lang="zh-CN" if language == "zh" else "en",
        is_zh=language == "zh",
        has_any=_has_any,
        report=document,
        sha256=sha256,
        purpose=_PURPOSES[document["purpose"]][language != "zh"],
        states={name: words[language != "zh"] for name, words in _STATES.items()},
        marks={name: words[language != "zh"] for name, words in _MARKS.items()},
    )


def _has_any(rows: list[dict[str, list[object]]], place: int) -> bool:
    """Whether a column says anything in these rows; one that does not is not printed."""
    return any(row["values"][place] not in (None, "", []) for row in rows)


def _cell(value: object, language: str, unit: str | None = None) -> str:
    """One value in a table."""
    if unit == "yuan" and isinstance(value, str):
        return f"{Decimal(value):,.2f}"
    if unit == "ratio" and isinstance(value, str):
        return f"{Decimal(value):.2%}"
    if value is None or value == "":
        return _MISSING
    if isinstance(value, bool):
        return ("是" if value else "否") if language == "zh-CN" else ("yes" if value else "no")
    if isinstance(value, dict):
        return str(value["zh" if language == "zh-CN" else "en"])  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, list):
        return "；".join(str(item) for item in value) or _MISSING  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    return str(value)


def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cell"] = _cell
    return made


_TEMPLATES = _templates()
