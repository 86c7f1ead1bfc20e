"""A question made ready: the asked value read by its column's type, and as a predicate over the snapshot.

The value lives here and in the request and nowhere else; no error repeats it.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from features.contracts import Column, Dataset, lake_column
from features.engine import identifier
from features.vault import Vault
from serving.errors import MalformedError
from serving.verifications.rules import Rules

Operator = Literal["equals", "at_least", "at_most", "within"]
Verdict = Literal["yes", "no", "unknown", "mismatch"]
Scalar = str | int | bool | Decimal
#: Types with an order.
_ORDERED = frozenset({"int", "money", "decimal", "date", "month"})
_NUMBERS = frozenset({"int", "money", "decimal"})


@dataclass(frozen=True)
class Question:
    """What is asked of one column.

    Attributes
    ----------
    values : tuple
        As stored; two for `within`. Never shown.
    is_any : bool
        Whether it asks if there is such a record at all, or about the newest one.
    """

    dataset: Dataset
    name: str
    column: Column
    operator: Operator
    values: tuple[object, ...] = field(repr=False, compare=False)
    is_any: bool
    is_identity: bool

    @property
    def stored(self) -> str:
        """The lake's column; of a person's datum its token."""
        return next(iter(lake_column(self.name, self.column)))

    @property
    def sql(self) -> str:
        """Query of (records with a value, whether it is so), with `$v0` and `$v1`.

        Columns of the key, lists and persons' data ask whether any record has the value; every other
        column asks about the newest record alone, so that an old good one never stands for today.
        """
        event = self.dataset.document.event_date
        order = (
            identifier(next(iter(lake_column(event, self.dataset.columns[event]))))
            if event
            else "available_at"
        )
        column = identifier(self.stored)
        newest = "" if self.is_any else f" ORDER BY {order} DESC NULLS LAST, row_id DESC LIMIT 1"
        return (
            f"SELECT count(value), bool_or({self._predicate}) FROM "
            f"(SELECT {column} AS value FROM visible_{self.dataset.name}{newest})"
        )

    @property
    def _predicate(self) -> str:
        if self.column.type == "list":
            return "list_contains(value, $v0)"
        return {
            "equals": "value = $v0",
            "at_least": "value >= $v0",
            "at_most": "value <= $v0",
            "within": "value BETWEEN $v0 AND $v1",
        }[self.operator]

    @property
    def parameters(self) -> dict[str, object]:
        """What to bind."""
        return {f"v{place}": value for place, value in enumerate(self.values)}

    def verdict(self, records: int, is_so: bool | None) -> Verdict:  # noqa: FBT001 - what the query gives
        """What is answered; no record is never a no."""
        if not records:
            return "unknown"
        if is_so:
            return "yes"
        return "mismatch" if self.is_identity else "no"


def read_question(
    dataset: Dataset,
    name: str,
    operator: Operator,
    given: Sequence[Scalar],
    rules: Rules,
    vault: Vault,
) -> Question:
    """Read the asked value by its column's type.

    Raises
    ------
    MalformedError
        If the operator does not fit the column, or a value is not of its type or finer than may be asked.
    """
    column = dataset.columns[name]
    if operator != "equals" and (column.type not in _ORDERED or column.personal is not None):
        raise _malformed("operator", "operator_type")
    if len(given) != (2 if operator == "within" else 1):
        raise _malformed("value", "value_count")
    if operator != "equals" and column.type in _NUMBERS:
        for value in given:
            _require_coarse(value, rules)
    is_key = name in dataset.document.primary_key
    return Question(
        dataset=dataset,
        name=name,
        column=column,
        operator=operator,
        values=tuple(_stored(column, value, rules, vault) for value in given),
        is_any=is_key or column.type == "list" or column.personal is not None,
        is_identity=rules.is_identity(dataset, name),
    )


def _stored(column: Column, value: Scalar, rules: Rules, vault: Vault) -> object:
    """A value as the lake holds it; a person's datum as its token."""
    text = unicodedata.normalize("NFKC", str(value)).strip()
    if not text or len(text) > rules.longest_value:
        raise _malformed("value", "value_length")
    if column.personal is not None:
        plain = text.upper() if column.personal == "id_number" else text
        return vault.token(column.personal, plain)
    try:
        return _typed(column, text)
    except (ValueError, InvalidOperation, OverflowError):
        raise _malformed("value", "value_type") from None


def _typed(column: Column, text: str) -> object:
    match column.type:
        case "money":
            fen = Decimal(text) * 100
            if fen != int(fen):
                raise ValueError("more than two decimals")
            return _within_bigint(int(fen))
        case "int":
            return _within_bigint(int(text))
        case "decimal":
            return float(Decimal(text))
        case "date":
            return date.fromisoformat(text)
        case "ts":
            return datetime.fromisoformat(text)
        case "month":
            return int(date.fromisoformat(f"{text}-01").strftime("%Y%m"))
        case "bool":
            return (
                {"true": True, "false": False}[text.lower()]
                if text.lower() in {"true", "false"}
                else _no()
            )
        case _:
            return text


def _within_bigint(value: int) -> int:
    if abs(value) >= 2**63:
        raise OverflowError("no lake value is so large")
    return value


def _no() -> bool:
    raise ValueError("neither true nor false")


def _require_coarse(value: Scalar, rules: Rules) -> None:
    """Bounds have few significant digits, so that halving cannot find the value.

    Raises
    ------
    MalformedError
        If the bound is finer.
    """
    try:
        digits = Decimal(str(value)).normalize().as_tuple().digits
    except InvalidOperation:
        raise _malformed("value", "value_type") from None
    if len(digits) > rules.significant_digits:
        raise _malformed("value", "value_too_fine")


_WORDS = {
    "operator_type": ("This operator does not fit the column.", "该比较方式不适用于此字段。"),
    "value_count": (
        "'within' takes two values, every other operator one.",
        "within 需要两个值，其他比较方式一个值。",
    ),
    "value_length": ("The value is empty or too long.", "取值为空或过长。"),
    "value_type": ("The value is not of the column's type.", "取值与字段类型不符。"),
    "value_too_fine": (
        "A bound may have two significant digits, such as 250000 or 0.35.",
        "界限值最多两位有效数字，例如 250000 或 0.35。",
    ),
}


def _malformed(place: str, problem: str) -> MalformedError:
    en, zh = _WORDS[problem]
    fields = [{"place": f"body.question.{place}", "problem": problem}]
    return MalformedError(en=en, zh=zh, details={"fields": fields})
