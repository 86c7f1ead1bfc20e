"""The bytes of a row of the record: every column, in one order, in one way.

    header   the ASCII bytes `xinqiao audit row 1` and a line feed
    columns  in the order of `COLUMNS`, each as
        0x00                                       NULL
        0x01, length (4 bytes, big endian), UTF-8  a text
        0x02, count (4 bytes, big endian), items   a list; an item is again one of the three

Whole numbers are written as decimal digits, without sign or leading zeros. `at` is written as
`2026-11-21T09:30:00.000000`. Since every length stands before its bytes, two different rows never
have the same bytes.
"""

from collections.abc import Sequence
from typing import TypeAlias

COLUMNS = (
    "audit_id",
    "transaction_id",
    "at",
    "request_id",
    "actor_kind",
    "actor",
    "role",
    "tenant",
    "action",
    "subject",
    "purpose",
    "consents",
    "fields",
    "result",
    "detail",
)
HEADER = b"xinqiao audit row 1\n"

#: What a column holds when it arrives from the database.
Value: TypeAlias = int | str | Sequence["Value"] | None


def leaf_bytes(values: Sequence[Value]) -> bytes:
    r"""Make the bytes of a row.

    Parameters
    ----------
    values : sequence of shape (15,)
        In the order of `COLUMNS`.

    Raises
    ------
    ValueError
        If there are more or fewer values than columns.

    Examples
    --------
    >>> leaf_bytes([7, 741, *["x"] * 10, [], "ok", None])[20:32]
    b'\x01\x00\x00\x00\x017\x01\x00\x00\x00\x037'
    """
    if len(values) != len(COLUMNS):
        raise ValueError(f"A row has {len(COLUMNS)} columns, not {len(values)}.")
    return HEADER + b"".join([_column(value) for value in values])


def _column(value: Value) -> bytes:
    if value is None:
        return b"\x00"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return _text(str(value))
    return b"\x02" + len(value).to_bytes(4, "big") + b"".join([_column(item) for item in value])


def _text(text: str) -> bytes:
    encoded = text.encode()
    return b"\x01" + len(encoded).to_bytes(4, "big") + encoded
