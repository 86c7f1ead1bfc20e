"""Who empties the outbox: claims a stream, sends its next notice outside any transaction, writes what came of it.

Any number of dispatchers work beside each other. A stream belongs to one of them at a time, for the
length of a lease; so its notices leave one after the other, and a stream that fails holds up itself
alone. Right before a notice leaves, in the transaction that writes into the record that it does, the
consent is read again. A dispatcher that dies after sending and before writing makes the next one send
the same notice under the same id.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from features.clock import now_in_shanghai
from features.scope import Purpose
from serving.audit.record import Entry, write_entry
from serving.auth.marks import new_id
from serving.consent.live import read_live, united
from serving.db import Connection, Database
from serving.webhooks import repository
from serving.webhooks.repository import Due, Head, StreamState
from serving.webhooks.rules import Rules, load_rules
from serving.webhooks.secrets import Keyring
from serving.webhooks.sending import Parcel, Reply
from serving.webhooks.signing import Letter, signed_headers

LEASE_PREFIX = "L"
_GONE = 410

Clock = Callable[[], datetime]
Send = Callable[[Parcel], Awaitable[Reply]]


@dataclass(frozen=True)
class Dispatcher:
    """Everything that sending needs.

    Attributes
    ----------
    send : callable
        Takes a parcel over the wire; never raises for what a receiver does.
    subject_of : callable
        The record's pseudonym of an enterprise.
    clock : callable
        The platform's Asia/Shanghai wall time, by which leases and pauses count.
    signing_clock : callable
        The world's: a receiver compares the signed time with its own, also in a demonstration whose
        clock is moved.
    """

    database: Database
    keyring: Keyring
    send: Send
    subject_of: Callable[[str], str]
    clock: Clock
    signing_clock: Clock = now_in_shanghai
    rng: random.Random = field(default_factory=random.SystemRandom)
    rules: Rules = field(default_factory=load_rules)


@dataclass(frozen=True)
class Outgoing:
    """A claimed notice on its way."""

    due: Due
    head: Head
    token: str
    attempt_no: int
    leased_until: datetime
    parcel: Parcel


async def dispatch_due(
    dispatcher: Dispatcher, *, hands: int | None = None, until: datetime | None = None
) -> int:
    """Send all that is due, several streams at a time.

    Parameters
    ----------
    hands : int, optional
        Streams at a time.
    until : datetime, optional
        Claim nothing more from then on, so that a stop is not kept waiting.

    Returns
    -------
    int
        Sendings, whatever came of them.
    """
    return await _work(dispatcher, until, hands or dispatcher.rules.leases.hands)


async def _work(dispatcher: Dispatcher, until: datetime | None, hands: int) -> int:
    """One pair of hands, which calls the next as soon as it has something to do."""
    async with dispatcher.database.transaction() as connection:
        outgoing = await claim_next(dispatcher, connection)
    if outgoing is None:
        return 0
    others = asyncio.create_task(_work(dispatcher, until, hands - 1)) if hands > 1 else None
    sent = 0
    try:
        sent = await _send_on(dispatcher, until, outgoing)
    finally:  # where the ledger failed these hands, the others still write what they have sent
        if others is not None:
            sent += await others
    return sent


async def _send_on(
    dispatcher: Dispatcher, until: datetime | None, outgoing: Outgoing | None
) -> int:
    """Send one after the other; every transaction writes the last sending and claims the next."""
    sent = 0
    while outgoing is not None and dispatcher.clock() <= _last_moment(dispatcher, outgoing):
        reply = await dispatcher.send(outgoing.parcel)
        sent += 1
        async with dispatcher.database.transaction() as connection:
            await record(dispatcher, connection, outgoing, reply)
            is_over = until is not None and dispatcher.clock() >= until
            outgoing = None if is_over else await claim_next(dispatcher, connection)
    return sent


def _last_moment(dispatcher: Dispatcher, outgoing: Outgoing) -> datetime:
    """Held up for longer, a sending could end after the lease, when the stream may be another's."""
    return outgoing.leased_until - timedelta(seconds=dispatcher.rules.sending.total_seconds)


async def claim_next(dispatcher: Dispatcher, connection: Connection) -> Outgoing | None:
    """Take the stream that has been due longest and write that its next notice leaves; None if nothing is due."""
    rules, now = dispatcher.rules, dispatcher.clock()
    while True:
        due = await repository.claim(connection, now, rules.leases, rules.retries.longest)
        if due is None:
            return None
        head = await _next_allowed(dispatcher, connection, due, now)
        if head is None:
            await repository.rest(connection, due)
            continue
        token, until = new_id(LEASE_PREFIX), now + timedelta(seconds=rules.leases.seconds)
        async with connection.pipeline():
            await repository.lease(connection, due, token, until)
            await _write(dispatcher, connection, due, head.head, head.consents, "granted", now)
            attempt_no = await repository.begin_attempt(connection, due.endpoint_id, head.head, now)
        parcel = await _packed(dispatcher, connection, due, head.head, now)
        return Outgoing(due, head.head, token, attempt_no, until, parcel)


async def record(
    dispatcher: Dispatcher, connection: Connection, outgoing: Outgoing, reply: Reply
) -> None:
    """Write what came of a sending, and when its stream is tried next."""
    due = outgoing.due
    stream = await repository.lock_stream(connection, due.endpoint_id, due.stream)
    async with connection.pipeline():
        await _write_outcome(dispatcher, connection, outgoing, reply, stream)


async def _write_outcome(
    dispatcher: Dispatcher,
    connection: Connection,
    outgoing: Outgoing,
    reply: Reply,
    stream: StreamState | None,
) -> None:
    due, now = outgoing.due, dispatcher.clock()
    await repository.end_attempt(
        connection, outgoing.attempt_no, reply.outcome, reply.status, reply.milliseconds
    )
    if reply.is_sent:
        await repository.settle(connection, outgoing.head.notice_id, "sent", now)
    if stream is None or stream.leased_by != outgoing.token:
        return  # the lease ran out and another has the stream: what comes next is for that one to say
    failures = 0 if reply.is_sent else stream.failures + 1
    since = None if reply.is_sent else stream.failing_since or now
    pause = timedelta(0)
    if failures:
        pause = await _after_failure(
            dispatcher, connection, outgoing, reply, failures, since or now
        )
        if not pause:
            failures, since = 0, None
    await repository.release(
        connection,
        due.endpoint_id,
        due.stream,
        due_at=now + pause,
        failures=failures,
        failing_since=since,
    )
    if reply.is_sent:
        await repository.note_success(connection, due.endpoint_id, now)


async def _after_failure(
    dispatcher: Dispatcher,
    connection: Connection,
    outgoing: Outgoing,
    reply: Reply,
    failures: int,
    since: datetime,
) -> timedelta:
    """How long the stream waits; zero where this notice is given up and the next one's turn comes."""
    endpoint_id, now = outgoing.due.endpoint_id, dispatcher.clock()
    chance = dispatcher.rng.random()
    pause = dispatcher.rules.retries.pause(failures, chance, reply.retry_after)
    if reply.status == _GONE:
        await _disable(connection, outgoing.due, "gone", now)
        return pause or dispatcher.rules.retries.longest
    if pause is not None:
        return pause
    last = await repository.last_success(connection, endpoint_id)
    if last is not None and last >= since:
        # The receiver is well and will not have this one; the others of its stream need not wait for ever.
        await repository.settle(connection, outgoing.head.notice_id, "failed", now)
        return timedelta(0)
    await _disable(connection, outgoing.due, "failing", now)
    return dispatcher.rules.retries.longest


@dataclass(frozen=True)
class _Allowed:
    head: Head
    consents: tuple[str, ...]


async def _next_allowed(
    dispatcher: Dispatcher, connection: Connection, due: Due, now: datetime
) -> _Allowed | None:
    """The first waiting notice that consent still opens; those before it are withheld for good."""
    while (head := await repository.head_of(connection, due.endpoint_id, due.stream)) is not None:
        if not head.needs:
            return _Allowed(head, ())
        live = await read_live(connection, head.uscc, due.institution, Purpose.POSTLOAN, now)
        if set(head.needs) <= united(live):
            return _Allowed(head, tuple(opening.consent_id for opening in live))
        await repository.settle(connection, head.notice_id, "withheld", now)
        await _write(dispatcher, connection, due, head, (), "withheld", now)
    return None


async def _packed(
    dispatcher: Dispatcher, connection: Connection, due: Due, head: Head, now: datetime
) -> Parcel:
    sealed = await repository.live_secrets(connection, due.endpoint_id, now)
    keys = await dispatcher.keyring.open(due.endpoint_id, sealed)
    text = Letter(
        head.notice_id, head.kind, due.stream, head.sequence, head.posted_at, head.body
    ).text
    headers = signed_headers(head.notice_id, text, keys, dispatcher.signing_clock())
    return Parcel(due.url, headers, text)


async def _disable(connection: Connection, due: Due, reason: str, now: datetime) -> None:
    if await repository.disable(connection, due.endpoint_id, reason, now):
        detail = {"endpoint": due.endpoint_id, "reason": reason}
        await write_entry(connection, _entry(due, "webhook:disable:granted", now, detail))


async def _write(
    dispatcher: Dispatcher,
    connection: Connection,
    due: Due,
    head: Head,
    consents: tuple[str, ...],
    outcome: str,
    now: datetime,
) -> None:
    """The row of the record, in the transaction after whose commit the notice leaves."""
    detail = {"notice": head.notice_id, "endpoint": due.endpoint_id, "kind": head.kind}
    entry = _entry(due, f"notice:push:{outcome}", now, detail)
    if head.uscc:
        entry = replace(
            entry,
            subject=dispatcher.subject_of(head.uscc),
            purpose=str(Purpose.POSTLOAN),
            consents=consents,
            fields=tuple(head.needs),
        )
    await write_entry(connection, entry)


def _entry(due: Due, action: str, now: datetime, detail: dict[str, str]) -> Entry:
    return Entry(
        at=now,
        request_id=detail.get("notice", detail["endpoint"]),
        actor_kind="system",
        actor="dispatcher",
        role="system",
        tenant=due.institution,
        action=action,
        subject=None,
        purpose=None,
        consents=(),
        fields=(),
        result=action.rpartition(":")[2],
        detail=detail,
    )
