"""Stored values as a report prints them: exact text, never a binary fraction, so that a hash can be made again."""

from datetime import date, datetime
from decimal import Decimal

from features.contracts import Column


def plain(column: Column, value: object) -> object:
    """A stored value of a column for JSON; money in yuan, a code with its words.

    Examples
    --------
    >>> plain(Column(type="money", zh="", en=""), 123456)
    '1234.56'
    >>> plain(Column(type="month", zh="", en=""), 202605)
    '2026-05'
    """
    if value is None:
        return None
    if column.values and isinstance(value, str):
        words = column.values.get(value)
        return {"code": value, "zh": words.zh, "en": words.en} if words else value
    match column.type:
        case "money":
            return f"{Decimal(str(value)) / 100:.2f}"
        case "month":
            return f"{int(str(value)) // 100:04d}-{int(str(value)) % 100:02d}"
        case _:
            return _text(value)


def _text(value: object) -> object:
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return number(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [str(item) for item in value]  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    return str(value)


def number(value: float) -> str:
    """A fraction in decimal digits.

    Examples
    --------
    >>> number(0.1 + 0.2), number(1e-05), number(12.0)
    ('0.3', '0.00001', '12')
    """
    return f"{Decimal(f'{value:.12g}').normalize():f}"
