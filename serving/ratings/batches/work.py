"""Working off orders: one transaction a chunk holds ratings, rows of the record and progress together.

A chunk's rows are claimed with SKIP LOCKED, so any number of workers share an order; one that is
killed leaves its rows waiting, and each row is rated once. Whether a firm's consents live is read
row by row, in the transaction that keeps the rating.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from features.errors import XinqiaoError
from features.scope import Purpose
from serving.access.callers import Caller, Role
from serving.access.decision import Action, LiveConsent, refusal
from serving.audit.record import Entry, write_entry
from serving.consent.live import live_consent
from serving.db import Connection, Database
from serving.ratings.batches.repository import (
    Done,
    Turn,
    Waiting,
    claim_rows,
    finish_batch,
    keep_done,
    may_still_ask,
    next_turn,
)
from serving.ratings.desk import Desk
from serving.ratings.desks import Desks
from serving.ratings.repository import Rating, add_rating
from serving.ratings.service import FIELDS, Order, rate, unknown_firm

#: Rows of one transaction.
CHUNK = 50


class Workbench(Protocol):
    """What the work needs of the process that does it."""

    @property
    def database(self) -> Database:
        """The ledger."""
        ...

    @property
    def desks(self) -> Desks:
        """Where ratings are made."""
        ...

    def subject_of(self, uscc: str) -> str:
        """The pseudonym under which the record keeps an enterprise."""
        ...


@dataclass(frozen=True)
class _Outcome:
    """What came of a row, with the consents it was decided by."""

    row: Waiting
    consent: LiveConsent
    rating: Rating | None = None
    reason: str = ""


async def work_batches(bench: Workbench, now: datetime, *, most: int = CHUNK) -> int:
    """Work off one chunk of some running order.

    Returns
    -------
    int
        Rows done; 0 if nothing waits.
    """
    async with bench.database.transaction() as connection:
        turn = await next_turn(connection)
        if turn is None:
            return 0
        rows = await claim_rows(connection, turn.batch_id, most)
        is_let_in = await may_still_ask(connection, turn, now.date())
        desk = await bench.desks.desk(now)
        outcomes = [
            await _outcome(bench, connection, desk, turn, row, now)
            if is_let_in
            else _Outcome(row, LiveConsent(), reason="not_permitted")
            for row in rows
        ]
        async with connection.pipeline():
            for outcome in outcomes:
                await _keep(bench, connection, turn, outcome, now)
        await finish_batch(connection, turn.batch_id, now)
    return len(rows)


async def _outcome(
    bench: Workbench, connection: Connection, desk: Desk, turn: Turn, row: Waiting, now: datetime
) -> _Outcome:
    order = Order(
        uscc=row.uscc,
        purpose=Purpose(turn.purpose),
        institution=turn.institution,
        asked_by=turn.asked_by,
        as_of_date=turn.as_of,
        is_public_only=turn.is_public_only,
        batch_id=turn.batch_id,
    )
    consent = LiveConsent()
    try:
        if not desk.knows(row.uscc):
            raise unknown_firm()
        if not turn.is_public_only:
            consent = await live_consent(connection, row.uscc, turn.institution, order.purpose, now)
        refused = refusal(_caller(turn), Action.RATING_CREATE, order.resource, consent)
        if refused is not None:
            raise refused
        return _Outcome(row, consent, await rate(bench.desks, desk, order, consent, now))
    except XinqiaoError as failed:
        if failed.status >= 500:  # noqa: PLR2004 - ours, not the row's: the chunk waits for better times
            raise
        return _Outcome(row, consent, reason=failed.code)


async def _keep(
    bench: Workbench, connection: Connection, turn: Turn, outcome: _Outcome, now: datetime
) -> None:
    rating = outcome.rating
    if rating is not None:
        await add_rating(connection, rating)
    await write_entry(connection, entry_of(bench, turn, outcome, now))
    done = Done(
        batch_id=turn.batch_id,
        row_no=outcome.row.row_no,
        state="rated" if rating is not None else "refused",
        reason=outcome.reason,
        rating_id=rating.rating_id if rating is not None else None,
    )
    await keep_done(connection, done)


def entry_of(bench: Workbench, turn: Turn, outcome: _Outcome, now: datetime) -> Entry:
    """The row of the record for one firm of an order."""
    rating = outcome.rating
    result = "granted" if rating is not None else "refused"
    return Entry(
        at=now,
        request_id=turn.batch_id,
        actor_kind=_caller(turn).kind,
        actor=turn.asked_by,
        role=turn.role,
        tenant=turn.institution,
        action=f"{Action.RATING_CREATE}:{result}",
        subject=bench.subject_of(outcome.row.uscc),
        purpose=turn.purpose,
        consents=outcome.consent.ids,
        fields=FIELDS if rating is not None else (),
        result=outcome.reason or result,
        detail={"batch": turn.batch_id}
        | ({"rating": rating.rating_id} if rating is not None else {}),
    )


def _caller(turn: Turn) -> Caller:
    """Who ordered; that it is still let in has been read from the ledger."""
    return Caller(
        Role(turn.role),
        id=turn.asked_by,
        tenant=turn.institution,
        permissions=frozenset({Action.RATING_CREATE}),
    )
