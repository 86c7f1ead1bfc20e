"""Deciding about orders of many ratings."""

import csv
import io
import json
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace

from serving.access.decision import Action, Resource, not_found
from serving.audit.record import Entry, write_entry
from serving.errors import ConflictError, MalformedError
from serving.look import Look
from serving.pages import Pager
from serving.ratings.batches.repository import (
    Batch,
    ResultRow,
    add_batch,
    cancel_batch,
    find_batch,
    result_rows,
)
from serving.ratings.batches.schemas import MOST_ROWS, BatchRequest
from serving.ratings.service import FIELDS, require_past

_USCC = re.compile(r"[0-9A-Z]{18}")


async def order_batch(look: Look, asked: BatchRequest) -> Batch:
    """Keep an order; its rows are decided one by one when their turn comes.

    Raises
    ------
    MalformedError
        If the date lies ahead.
    """
    require_past(asked.as_of, look.now)
    await look.allow(Resource(institution=look.caller.tenant))
    usccs, reasons = checked_rows(asked.usccs)
    batch = Batch(
        batch_no=0,
        batch_id=f"B-{secrets.token_hex(10)}",
        institution=look.caller.tenant,
        role=str(look.caller.role),
        asked_by=look.caller.id,
        purpose=asked.purpose,
        as_of=asked.as_of,
        is_public_only=asked.public_only,
        state="running",
        rows=len(usccs),
        ordered_at=look.now,
        ended_at=None,
        refused=sum(reason != "" for reason in reasons),
        waiting=sum(reason == "" for reason in reasons),
    )
    await add_batch(look.connection, batch, usccs, reasons)
    look.says(batch=batch.batch_id, rows=batch.rows)
    return batch


def checked_rows(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Codes, and why one is not asked about: it is none, or it came before. What is none is not kept.

    Examples
    --------
    >>> checked_rows(["91370100MA3C0W2J9X", "张三", "91370100MA3C0W2J9X"])[1]
    ['', 'malformed', 'duplicate']
    """
    usccs: list[str] = []
    reasons: list[str] = []
    seen: set[str] = set()
    for text in given:
        uscc = text.strip()
        is_code = _USCC.fullmatch(uscc) is not None
        usccs.append(uscc if is_code else "")
        reasons.append("malformed" if not is_code else "duplicate" if uscc in seen else "")
        seen.add(uscc)
    return usccs, reasons


def codes_in_file(content: bytes, media_type: str) -> list[str]:
    """The column `uscc` of a CSV file, or the member `uscc` of JSON lines, row by row.

    Raises
    ------
    MalformedError
        If the file is neither, has no such column, or has too many rows or none.
    """
    try:
        text = content.decode("utf-8-sig")
        codes = list(_lines(text) if "json" in media_type else _column(text))
    except (ValueError, csv.Error, RecursionError):
        raise _unreadable() from None
    if not 1 <= len(codes) <= MOST_ROWS:
        raise MalformedError(
            en=f"The file has {len(codes)} rows; an order has 1 to {MOST_ROWS}.",
            zh=f"文件有 {len(codes)} 行；每次委托须为 1 至 {MOST_ROWS} 行。",
            details={"fields": [{"place": "body", "problem": "rows"}]},
        )
    return codes


async def batch_of(look: Look, batch_id: str) -> Batch:
    """An order of the caller's institution.

    Raises
    ------
    NotFoundError
        If there is none, or it is another's.
    """
    batch = await find_batch(look.connection, batch_id)
    if batch is None:
        raise not_found()
    await look.allow(Resource(institution=batch.institution))
    look.says(batch=batch_id)
    return batch


async def stop_batch(look: Look, batch_id: str) -> Batch:
    """Cancel an order; what is rated stays.

    Raises
    ------
    ConflictError
        If it has ended.
    """
    batch = await batch_of(look, batch_id)
    if not await cancel_batch(look.connection, batch_id, look.now):
        raise ConflictError(
            en=f"The order {batch_id} is {batch.state}; only a running one can be cancelled.",
            zh=f"委托 {batch_id} 的状态为 {batch.state}，仅可取消进行中的委托。",
            details={"state": batch.state},
        )
    return await batch_of(look, batch_id)


async def collect(look: Look, pager: Pager, batch_id: str) -> list[ResultRow]:
    """Rows of an order; each rating handed on has its own row of the record.

    What was made from data that are not open any more comes without its document.
    """
    await batch_of(look, batch_id)
    rows = await result_rows(
        look.connection,
        batch_id,
        after=int(pager.after[0]) if pager.after else 0,
        limit=pager.fetch,
        today=look.now.date(),
    )
    shown = [row for row in rows[: pager.limit] if row.is_open]
    async with look.connection.pipeline():
        for row in shown:
            await write_entry(look.connection, _entry(look, batch_id, row))
    look.says(rows=min(len(rows), pager.limit), handed_on=len(shown))
    return rows


def _entry(look: Look, batch_id: str, row: ResultRow) -> Entry:
    return replace(
        look.entry("granted", "granted"),
        action=f"{Action.RATING_READ}:granted",
        subject=look.house.subject_of(row.uscc),
        consents=tuple(row.consents),
        fields=FIELDS,
        detail={"batch": batch_id, "rating": row.rating_id},
    )


def _column(text: str) -> Iterator[str]:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    if "uscc" not in (rows.fieldnames or ()):
        raise ValueError
    return (row["uscc"] or "" for row in rows)


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.strip():
            found = json.loads(line)
            code = found.get("uscc") if isinstance(found, dict) else found
            yield code if isinstance(code, str) else ""


def _unreadable() -> MalformedError:
    return MalformedError(
        en="The file is neither CSV in UTF-8 with a column 'uscc' nor JSON lines with a member 'uscc'.",
        zh="文件须为含“uscc”列的 UTF-8 编码 CSV，或含“uscc”成员的 JSON 行。",
        details={"fields": [{"place": "body", "problem": "file"}]},
    )
