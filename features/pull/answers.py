"""Whether an answer is one to our question: whose it is, which request it answers, what it holds.

An answer is used whole or not at all. What is wrong with a single cell is not decided here: rows go
through the same checks as any delivered file and meet the same quarantine.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from features.errors import MappingError
from features.mapping import Mapping, Rule
from features.pull.client import RefusedError

Row = dict[str, str | None]
_MONTH = re.compile(r"(\d{4})[-/.]?(\d{2})")
_DAY = re.compile(r"(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?!\d).*", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """What was asked: for which firm, under which id, about which days (both ends included)."""

    request_id: str
    uscc: str
    since: date
    until: date


@dataclass(frozen=True)
class Shape:
    """What records of a provider look like, from its mapping.

    Attributes
    ----------
    columns : list of str
        Keys of a record that are kept; all others are dropped unread.
    needed : frozenset of str
        Keys that every record must have.
    uscc : str
        The key that says whose record it is.
    consent : str or None
        The column the platform fills with the consent it asked under.
    event : (str, Rule) or None
        The key with the event's date, and its formats.
    is_month : bool
        The event is a month.
    """

    columns: list[str]
    needed: frozenset[str]
    uscc: str
    consent: str | None
    event: tuple[str, Rule] | None
    is_month: bool


def shape_of(mapping: Mapping) -> Shape:
    """What the mapping needs of a record.

    Raises
    ------
    MappingError
        If the code or the consent of a row does not come from a column of its own.
    """
    dataset = mapping.dataset
    uscc = _own_column(mapping, "uscc")
    consent = _own_column(mapping, "consent_id") if dataset.needs_consent else None
    name = dataset.document.event_date
    rule = mapping.rules.get(name or "")
    event = (rule.source, rule) if rule is not None and rule.source is not None else None
    required = {
        source
        for column, rule in mapping.rules.items()
        if dataset.columns[column].required
        for source in rule.source_columns()
    }
    is_month = name is not None and dataset.columns[name].type == "month"
    return Shape(
        columns=[column for column in mapping.source_columns() if column != consent],
        needed=frozenset(required - {consent}),
        uscc=uscc,
        consent=consent,
        event=event,
        is_month=is_month,
    )


def read_records(
    content: bytes, asked: Asked, issued: set[str], path: Sequence[str], most: int
) -> list[object]:
    """The records of an answer to exactly this request.

    Raises
    ------
    RefusedError
        `not_json`, `replayed`, `wrong_request_id`, `other_enterprise`, `schema` or `too_many_records`.
    """
    answer = read_answer(content, asked, issued)
    found: object = answer
    for key in path:
        found = _member(found, key)
    if not isinstance(found, list):
        raise RefusedError("schema")
    records = cast("list[object]", found)
    if len(records) > most:
        raise RefusedError("too_many_records")
    return records


def read_answer(content: bytes, asked: Asked, issued: set[str]) -> dict[str, object]:
    """An answer that echoes our request id and our firm.

    Raises
    ------
    RefusedError
    """
    try:
        # Numbers stay as they are written: no amount is rounded, no number is too long to read.
        found = json.loads(
            content.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        raise RefusedError("not_json") from None
    if not isinstance(found, dict):
        raise RefusedError("schema")
    answer = cast("dict[str, object]", found)
    echo = answer.get("request_id")
    if echo != asked.request_id:
        is_known = isinstance(echo, str) and echo in issued
        raise RefusedError("replayed" if is_known else "wrong_request_id")
    if answer.get("uscc") != asked.uscc:
        raise RefusedError("other_enterprise")
    return answer


def sound_rows(
    records: Sequence[object], shape: Shape, asked: Asked, consent_id: str | None, today: date
) -> list[Row]:
    """Records as rows of text, if every one of them may be in this answer.

    Raises
    ------
    RefusedError
        `schema`, `other_enterprise`, `future` or `outside_period`.
    """
    return [_sound_row(record, shape, asked, consent_id, today) for record in records]


def _sound_row(
    record: object, shape: Shape, asked: Asked, consent_id: str | None, today: date
) -> Row:
    if not isinstance(record, dict) or not shape.needed <= record.keys():
        raise RefusedError("schema")
    known = cast("dict[str, object]", record)
    row = {name: _text(known.get(name)) for name in shape.columns}
    if row[shape.uscc] != asked.uscc:
        raise RefusedError("other_enterprise")
    if shape.event is not None:
        _require_in_period(row, shape.event, asked, today, is_month=shape.is_month)
    if shape.consent is not None:
        row[shape.consent] = consent_id
    return row


def _require_in_period(
    row: Row, event: tuple[str, Rule], asked: Asked, today: date, *, is_month: bool
) -> None:
    name, rule = event
    text = (row[name] or "").strip()
    if not text:
        return
    day = _day(text, rule, is_month=is_month)
    if day is None:
        # A date only the lake's checks could read would slip past the period.
        raise RefusedError("schema")
    # A month is inside while any of its days is.
    place: Callable[[date], date] = (lambda d: d.replace(day=1)) if is_month else (lambda d: d)
    if day > today:
        raise RefusedError("future")
    if not place(asked.since) <= place(day) <= place(asked.until):
        raise RefusedError("outside_period")


def _day(text: str, rule: Rule, *, is_month: bool) -> date | None:
    """The date a text stands for; None where its form is none of the agreed ones."""
    for pattern in rule.date_formats:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - Asia/Shanghai wall time
        except ValueError:
            continue
    match = (_MONTH.fullmatch(text) if is_month else None) or _DAY.fullmatch(text)
    if rule.date_formats or match is None:
        return None
    year, month, *day = (int(part) for part in match.groups())
    try:
        return date(year, month, day[0] if day else 1)
    except ValueError:
        return None


def _member(found: object, key: str) -> object:
    return cast("dict[str, object]", found).get(key) if isinstance(found, dict) else None


def _text(value: object) -> str | None:
    """A flat value as a file would hold it; lists are `a;b;c`."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        parts = [_text(part) for part in cast("list[object]", value) if not isinstance(part, list)]
        if len(parts) != len(value) or None in parts:
            raise RefusedError("schema")
        return ";".join(part for part in parts if part is not None)
    if not isinstance(value, str) or not _is_encodable(value):
        raise RefusedError("schema")
    return value


def _is_encodable(text: str) -> bool:
    """JSON may escape half a character; no file can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse(_: str) -> object:
    raise ValueError


def _own_column(mapping: Mapping, name: str) -> str:
    rule = mapping.rules[name]
    if rule.source is None:
        raise MappingError(
            en=f"The mapping '{mapping.name}' does not take '{name}' from a column, so the answers of "
            f"a pull cannot be checked. Write `{name}: <column>`.",
            zh=f"映射“{mapping.name}”的“{name}”不是取自列，接口返回无法核对；请写成 `{name}: 列名`。",
        )
    return rule.source
