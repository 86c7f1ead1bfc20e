"""What is wrong with a row, and what its provider should do, in both languages."""

from dataclasses import dataclass

from features.contracts import Dataset, Words
from features.quality_rules import CHECK, load_rules

#: Where nothing more is known.
LOOK = Words(zh="核对该行，检查是否串列", en="Check the row; a column may have slipped")
ROW = Words(zh="整行", en="row")


@dataclass(frozen=True)
class Wording:
    """One reason `column:code` in words."""

    column: str
    title: Words
    reason: Words
    fix: Words


def explain(reason: str, dataset: Dataset) -> Wording:
    """Words for a counted reason; a dataset's own check speaks for itself.

    A code that the present rule pack no longer has, counted by an earlier one, stands for itself.

    Examples
    --------
    >>> from features.contracts import load_catalogue
    >>> explain("amount:missing", load_catalogue()["invoice_line"]).reason.en
    'is required but empty'
    """
    column, _, code = reason.partition(":")
    check = dataset.document.checks.get(code)
    if column == CHECK and check is not None:
        return Wording("", ROW, Words(zh=check.zh, en=check.en), LOOK)
    known = dataset.columns.get(column)
    title = Words(zh=known.zh, en=known.en) if known else ROW
    rules = load_rules()
    found = (rules.notes | rules.warnings | rules.reasons).get(code)
    words = Words(zh=found.zh, en=found.en) if found else Words(zh=code, en=code)
    return Wording(column if known else "", title, words, found.fix if found else LOOK)
