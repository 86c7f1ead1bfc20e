"""What is wrong with a rejected row, and what its provider should do, in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass

from features.column_sql import REASONS
from features.contracts import Dataset, Words

#: What to do about each reason code.
FIXES: Mapping[str, Words] = {
    "missing": Words(zh="补全该列", en="Fill the column in"),
    "not_a_number": Words(zh="只填数字，不带单位", en="Give digits only, without a unit"),
    "not_an_integer": Words(zh="填整数", en="Give a whole number"),
    "not_an_amount": Words(zh="以元为单位，最多两位小数", en="Give yuan with at most two decimals"),
    "not_a_date": Words(zh="按 YYYY-MM-DD 填写", en="Write the day as YYYY-MM-DD"),
    "not_a_month": Words(zh="按 YYYYMM 填写", en="Write the month as YYYYMM"),
    "not_a_time": Words(zh="按 YYYY-MM-DD HH:MM:SS 填写", en="Write it as YYYY-MM-DD HH:MM:SS"),
    "not_a_bool": Words(zh="填 是 或 否", en="Write 是 or 否"),
    "unknown_code": Words(zh="改用清单列出的代码", en="Use a code of the list"),
    "not_a_list": Words(
        zh="按“月份，数值；”或“甲;乙”书写", en="Write a;b, or YYYYMM，value； for months"
    ),
    "rounded": Words(zh="把该列设为文本后重新导出", en="Export the column again as text"),
    "conflicting_duplicate": Words(zh="同一主键只保留一行", en="Keep a single row for this key"),
    "wrong_number_of_fields": Words(
        zh="检查分隔符与引号", en="Check delimiters and quotes of the line"
    ),
    "invalid_uscc": Words(
        zh="对照营业执照更正代码", en="Correct the code from the business licence"
    ),
    "synthetic_collision": Words(
        zh="在映射中改用另一 namespace", en="Give the mapping another namespace"
    ),
    "in_the_future": Words(zh="更正日期", en="Correct the date"),
    "below_minimum": Words(zh="核对数值及正负", en="Check the number and its sign"),
    "too_long": Words(zh="缩短内容，并检查是否串列", en="Shorten it; check that no column slipped"),
    "personal_value": Words(
        zh="从该列移除证件号码与手机号", en="Remove the ID number or phone from this column"
    ),
}
#: Where nothing more is known.
LOOK = Words(zh="核对该行，检查是否串列", en="Check the row; a column may have slipped")


@dataclass(frozen=True)
class Wording:
    """One reason `column:code` in words."""

    column: str
    title: Words
    reason: Words
    fix: Words


def explain(reason: str, dataset: Dataset) -> Wording:
    """Words for a counted reason; a dataset's own check speaks for itself.

    Examples
    --------
    >>> from features.contracts import load_catalogue
    >>> explain("amount:missing", load_catalogue()["invoice_line"]).reason.en
    'is required but empty'
    """
    column, _, code = reason.partition(":")
    check = dataset.document.checks.get(code)
    if column == "check" and check is not None:
        return Wording("", Words(zh="整行", en="row"), Words(zh=check.zh, en=check.en), LOOK)
    known = dataset.columns.get(column)
    title = Words(zh=known.zh, en=known.en) if known else Words(zh="整行", en="row")
    words = REASONS.get(code, Words(zh=code, en=code))
    return Wording(column if known else "", title, words, FIXES.get(code, LOOK))
