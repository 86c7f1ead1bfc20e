"""Ways to kill a part of a real service, and what its ledger must say afterwards."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, LiteralString

import psycopg

from features.clock import now_in_shanghai
from serving.audit.heads import Custody
from serving.audit.sealer import seal
from serving.audit.verify import verify_record
from serving.database.addresses import Addresses
from serving.database.embedded import administrator
from serving.database.site import read_site
from tests.real_service import Server, until
from tests.writing_callers import Asked

#: Writers of events wait for each other on it (`serving.consent.repository`).
ORDER_OF_EVENTS = 7162263142126

_WAITS_MIDWAY = """
SELECT pid, backend_xid::text FROM pg_stat_activity
WHERE wait_event = 'advisory' AND backend_xid IS NOT NULL AND datname = current_database()
"""

#: Each effect with the ids that the record gives it: both must be the same, each as often.
EFFECTS: Mapping[str, tuple[LiteralString, LiteralString]] = {
    "granted": (
        "SELECT consent_id FROM consent_event WHERE event = 'granted'",
        "SELECT unnest(consents) FROM audit_event WHERE action = 'consent:grant:granted'",
    ),
    "changed": (
        "SELECT consent_id FROM consent_event WHERE event IN ('narrowed', 'revoked')",
        "SELECT unnest(consents) FROM audit_event WHERE action = 'consent:change:granted'",
    ),
    "rated": (
        "SELECT rating_id FROM rating",
        "SELECT detail::json ->> 'rating' FROM audit_event WHERE action = 'rating:create:granted'",
    ),
}


def kill_server(server: Server, rng: random.Random) -> str:
    """PostgreSQL's main process."""
    site = read_site(server.home / "database")
    assert site is not None
    os.kill(int((site.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    return ""


def kill_transaction(server: Server, rng: random.Random) -> str:
    """A server process whose transaction has written and waits to write more; its transaction's id."""
    address = administrator(server.home / "database").replace("dbname=postgres", "dbname=xinqiao")
    found: list[tuple[int, str]] = []
    with (
        suppress(psycopg.OperationalError),  # the server drops us, too
        psycopg.connect(address, autocommit=True) as holder,
    ):
        holder.execute("SELECT pg_advisory_lock(%(key)s)", {"key": ORDER_OF_EVENTS})
        until(lambda: found.extend(holder.execute(_WAITS_MIDWAY).fetchall()) or found)
        # A number that no flushed log knows is given out again after recovery, to a transaction that may well
        # be committed; a checkpoint makes it this one's for good.
        holder.execute("CHECKPOINT")
        os.kill(found[0][0], signal.SIGKILL)
        until(lambda: holder.execute("SELECT 1").fetchone() is None)  # until it does
    return found[0][1]


def kill_worker(server: Server, rng: random.Random) -> str:
    """One of the processes that answer."""
    until(lambda: server.children("serving.worker"))
    os.kill(rng.choice(server.children("serving.worker")), signal.SIGKILL)
    return ""


def kill_upkeep(server: Server, rng: random.Random) -> str:
    """The process that seals the record, beside other things."""
    until(
        lambda: server.children("serving.maintenance")
    )  # after an earlier kill it may be on its way back
    os.kill(server.children("serving.maintenance")[0], signal.SIGKILL)
    return ""


KILLS: Mapping[str, Callable[[Server, random.Random], str]] = {
    "server": kill_server,
    "transaction": kill_transaction,
    "worker": kill_worker,
    "upkeep": kill_upkeep,
}


def differences(
    addresses: Addresses, custody: Custody, asked: Sequence[Asked], killed: Sequence[str]
) -> list[str]:
    """All in which the ledger is not what was answered, or its record not what it holds; none is right."""
    with psycopg.connect(addresses.owner, autocommit=True) as connection:
        return [
            *_unanswered(asked),
            *_effects_and_record(connection),
            *_answers_and_record(connection, asked),
            *_not_undone(connection, killed),
            *_seal(connection, addresses, custody),
        ]


def _unanswered(asked: Sequence[Asked]) -> Iterator[str]:
    for one in asked:
        if not one.is_done:
            yield f"{one.write.name} {one.key} ended with {one.status} {one.answer}"


def _effects_and_record(connection: psycopg.Connection[Any]) -> Iterator[str]:
    for name, (effects, record) in EFFECTS.items():
        real, told = (
            Counter(row[0] for row in connection.execute(query).fetchall())
            for query in (effects, record)
        )
        for one, count in (real - told).items():
            yield f"{name} {one}: {count} without a row of the record"
        for one, count in (told - real).items():
            yield f"{name} {one}: {count} rows of the record without it"


def _answers_and_record(
    connection: psycopg.Connection[Any], asked: Sequence[Asked]
) -> Iterator[str]:
    """Every answer has its row; every write was done once, and is remembered under its key."""
    rows = connection.execute(
        "SELECT request_id, split_part(action, ':', 3) FROM audit_event WHERE actor_kind <> 'system'"
    ).fetchall()
    outcomes = dict[str, str](rows)
    if len(outcomes) != len(rows):
        yield f"{len(rows) - len(outcomes)} requests have more than one row of the record"
    for one in asked:
        recorded = [outcomes[request] for request in one.attempts if request in outcomes]
        if one.attempts[-1] not in outcomes:
            yield f"{one.write.name} {one.key}: answered without a row of the record"
        if one.write.method == "POST" and recorded.count("granted") != 1:
            yield f"{one.write.name} {one.key}: recorded as {recorded}, not done once"
    attempts = {request for one in asked for request in one.attempts}
    for request in outcomes.keys() - attempts:
        yield f"{request}: a row of the record that nobody asked for"
    kept = {row[0] for row in connection.execute("SELECT key FROM idempotent_answer").fetchall()}
    written = {one.key: one for one in asked if one.write.method == "POST"}
    for key in kept - written.keys():
        yield f"{key}: an answer is kept that nobody was given"
    for key in written.keys() - kept:
        yield f"{written[key].write.name} {key}: done, and its answer is not kept"


def _not_undone(connection: psycopg.Connection[Any], killed: Sequence[str]) -> Iterator[str]:
    for transaction in killed:
        query = "SELECT pg_xact_status(%(id)s::text::xid8)"
        status = (connection.execute(query, {"id": transaction}).fetchone() or [None])[0]
        if status != "aborted":
            yield f"transaction {transaction} was killed midway and is {status}"


def _seal(
    connection: psycopg.Connection[Any], addresses: Addresses, custody: Custody
) -> Iterator[str]:
    with psycopg.connect(addresses.sealer, autocommit=True) as sealer:
        waiting = seal(sealer, custody, now_in_shanghai()).waiting
        report = verify_record(sealer, custody)
    rows = (connection.execute("SELECT count(*) FROM audit_event").fetchone() or [0])[0]
    if waiting or report.size != rows:
        yield f"{report.size} of {rows} rows are sealed, {waiting} wait"
    for found in report.findings:
        yield f"the sealed record: {found.en}"
