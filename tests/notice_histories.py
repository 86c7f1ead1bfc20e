"""Random histories of notices on the real ledger: crashes, bad receivers, clock jumps, consent, rotation.

A history runs real dispatchers, one step after the other, over a wire that is a function call. Whatever
can happen while a notice is on the wire happens inside that call: another dispatcher finds the lease over,
a newer state is posted, a consent is taken back. A crash ends a dispatcher before, inside or after any
of its transactions and sendings. In the end all receivers are well, and what they hold is compared
with what was posted.
"""

import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from serving.db import Connection, Database
from serving.webhooks import endpoint_repository
from serving.webhooks.dispatching import Dispatcher, dispatch_due
from serving.webhooks.outbox import Notice, post
from serving.webhooks.repository import SealedSecret
from serving.webhooks.secrets import Keyring
from serving.webhooks.sending import Parcel, Reply
from serving.webhooks.signing import new_webhook_secret
from tests.notice_receivers import COMMON, Receiver, body_of

START = datetime(2026, 11, 20, 12, 0)
LEASE = timedelta(seconds=60)
#: So deep that nothing happens meanwhile, and nobody dies.
CALM = 9
BANKS, FIRMS, THINGS = ("bank-a", "bank-b"), ("firm-a", "firm-b"), ("x", "y")
NEEDS = frozenset({"tax"})

_CLEAR = """
DELETE FROM webhook_attempt; DELETE FROM notice; DELETE FROM webhook_stream; DELETE FROM webhook_secret;
DELETE FROM webhook_endpoint; DELETE FROM consent; DELETE FROM institution
"""
_BANK = """
INSERT INTO institution (uscc, name_zh, kind, state, state_since, assessed_until)
VALUES (%(bank)s, '测试机构', 'bank', 'active', '2026-01-01', '2099-01-01')
"""
_CONSENT = """
INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, status, valid_from, valid_to, method, granted_at)
VALUES (%(id)s, %(firm)s, %(bank)s, 'postloan', '{tax}', 'active', '2020-01-01', '2099-01-01', 'imported', '2020-01-01')
"""
_REVOKE = "UPDATE consent SET status = 'revoked' WHERE uscc = %(firm)s AND grantee = %(bank)s"
_STATE = "UPDATE institution SET state = %(state)s WHERE uscc = %(bank)s"
_ENDPOINTS = "SELECT endpoint_id FROM webhook_endpoint WHERE state <> 'active'"
_NOTICES = "SELECT endpoint_id, stream, sequence, thing, state, body::json ->> 'value' FROM notice ORDER BY sequence"
_SENDINGS = """
SELECT n.notice_id, n.sent, a.rows FROM
    (SELECT notice_id, count(*) AS sent FROM webhook_attempt GROUP BY 1) n
    FULL JOIN (SELECT request_id, count(*) AS rows FROM audit_event
               WHERE action = 'notice:push:granted' AND audit_id > %(from)s GROUP BY 1) a ON a.request_id = n.notice_id
WHERE n.sent IS DISTINCT FROM a.rows
"""
_LAST_ROW = "SELECT coalesce(max(audit_id), 0) FROM audit_event"


class CrashError(Exception):
    """A dispatcher dies here."""


class PlainKeyring(Keyring):
    """Secrets as they are: the vault has histories of its own."""

    def __init__(self) -> None:
        pass

    async def seal(self, endpoint_id: str, secret: str) -> bytes:
        """Nothing is sealed."""
        del endpoint_id
        return secret.encode()

    async def open(self, endpoint_id: str, sealed: Sequence[SealedSecret]) -> list[str]:
        """Nothing is opened."""
        del endpoint_id
        return [one.sealed.decode() for one in sealed]


@dataclass
class Tally:
    """What happened, to see that the histories were worth it."""

    histories: int = 0
    posted: int = 0
    crashes: int = 0
    sendings: int = 0
    repeats: int = 0
    late: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    ends: Counter[str] = field(default_factory=Counter[str])

    def add(self, other: "Tally") -> None:
        """Take another's counts in."""
        for name in ("histories", "posted", "crashes", "sendings", "repeats", "late"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.kinds += other.kinds
        self.ends += other.ends


class _FragileDatabase(Database):
    """The ledger of a dispatcher that may die around any transaction."""

    def __init__(self, real: Database, cut: Callable[[], None]) -> None:
        super().__init__(real.pool, real.wait_seconds)
        object.__setattr__(self, "_cut", cut)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        cut: Callable[[], None] = object.__getattribute__(self, "_cut")
        cut()
        async with super().transaction() as connection:
            yield connection
            cut()
        cut()


class History:
    """One history; `await History(database, seed).run(steps)`."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.seed, self.rng = database, seed, random.Random(seed)  # noqa: S311 - reproducible
        self.now, self.tally, self.depth = START, Tally(histories=1), 0
        self.receivers: dict[str, Receiver] = {}
        self.open: set[tuple[str, str]] = set()
        self.active: set[str] = set(BANKS)
        self.bank_of: dict[str, str] = {}
        #: Latest value of (bank, firm, thing), and in which the consent was closed since it was posted.
        self.latest: dict[tuple[str, str, str], int] = {}
        self.closed_since: set[tuple[str, str, str]] = set()
        self.undone: set[int] = set()
        self.steps: dict[str, Callable[[], Awaitable[None]]] = {
            "post": self.post,
            "dispatch": self.dispatch,
            "clock": self.move_clock,
            "mood": self.change_mood,
            "consent": self.change_consent,
            "enable": self.change_endpoint,
            "rotate": self.rotate,
            "bank": self.change_bank,
            "replay": self.replay,
            "days": self.let_days_pass,
        }

    async def run(self, steps: int) -> Tally:
        """Set up, let things happen, make all well, and compare."""
        await self._set_up()
        names, weights = list(self.steps), [16, 16, 8, 6, 4, 2, 2, 2, 2, 1]
        for _ in range(steps):
            name = self.rng.choices(names, weights)[0]
            self.tally.kinds[name] += 1
            await self.steps[name]()
        await self._heal()
        await self._compare()
        for receiver in self.receivers.values():
            self.tally.repeats += receiver.repeats
            self.tally.late += receiver.late
        return self.tally

    async def post(self) -> None:
        """A new state of something; sometimes its transaction is undone."""
        key = bank, firm, thing = (
            self.rng.choice(BANKS),
            self.rng.choice(FIRMS),
            self.rng.choice(THINGS),
        )
        self.tally.posted += 1
        value, needs = self.tally.posted, NEEDS if thing == "x" else frozenset[str]()
        name = f"{firm} {thing}"
        notice = Notice(bank, "alert.changed", firm, name, firm, needs, body_of(name, value))
        if self.rng.random() < 0.15:
            self.undone.add(value)
            with suppress(CrashError):
                async with self.database.transaction() as connection:
                    await post(connection, notice, self.now)
                    raise CrashError
            return
        async with self.database.transaction() as connection:
            assert await post(connection, notice, self.now) == 1
        self.latest[key] = value
        self.closed_since.discard(key)
        if needs and (bank, firm) not in self.open:
            self.closed_since.add(key)

    async def dispatch(self) -> None:
        """One dispatcher works until nothing is due, or until it dies."""
        left = self.rng.randrange(1, 14) if self.depth < CALM and self.rng.random() < 0.5 else -1

        def cut() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise CrashError

        async def send(parcel: Parcel) -> Reply:
            cut()
            reply = await self._over_the_wire(parcel)
            cut()
            return reply

        dispatcher = Dispatcher(
            _FragileDatabase(self.database, cut),
            PlainKeyring(),
            send,
            subject_of=lambda uscc: f"subject {uscc}",
            clock=lambda: self.now,
            rng=self.rng,
        )
        try:
            await dispatch_due(dispatcher, hands=1)
        except CrashError:
            self.tally.crashes += 1

    async def move_clock(self) -> None:
        """Time passes, or the clock is set wrong, or right again."""
        seconds = self.rng.choice([1, 20, 70, 400, 4_000, 40_000, 100_000, -30, -5_000, -200_000])
        self.now += timedelta(seconds=seconds)

    async def let_days_pass(self) -> None:
        """Long enough for every pause: what fails all the time is given up, or its endpoint is disabled."""
        self.rng.choice(list(self.receivers.values())).mood = "picky"
        for _ in range(14):
            self.now += timedelta(hours=29)
            await self.post()
            await self.dispatch()

    async def change_mood(self) -> None:
        """A receiver becomes well or ill."""
        receiver = self.rng.choice(list(self.receivers.values()))
        receiver.mood = self.rng.choice([*COMMON, "picky"])

    async def change_consent(self) -> None:
        """A firm takes its consent back, or gives it again."""
        pair = bank, firm = self.rng.choice(BANKS), self.rng.choice(FIRMS)
        if pair in self.open:
            await self._sql(_REVOKE, bank=bank, firm=firm)
            self.open.discard(pair)
            self.closed_since.update(key for key in self.latest if key[:2] == pair)
        else:
            await self._grant(bank, firm)

    async def change_endpoint(self) -> None:
        """An institution disables its endpoint or enables it, and takes in a secret it had not yet."""
        endpoint_id = self.rng.choice(list(self.receivers))
        await self._set_endpoint(endpoint_id, self.rng.choice(["active", "active", "disabled"]))

    async def rotate(self) -> None:
        """A new secret; the bank's program knows it at once or holds only the old one for a while."""
        endpoint_id = self.rng.choice(list(self.receivers))
        secret = new_webhook_secret()
        async with self.database.transaction() as connection:
            ends = self.now + timedelta(hours=self.rng.choice([0, 24]))
            await endpoint_repository.retire_secrets(connection, endpoint_id, ends)
            await self._add_secret(connection, endpoint_id, secret)
        held = self.receivers[endpoint_id].secrets
        self.receivers[endpoint_id].secrets = self.rng.choice([[secret], [*held, secret], held])
        self.pending_secret = (endpoint_id, secret)

    async def change_bank(self) -> None:
        """An institution is suspended, or active again."""
        bank = self.rng.choice(BANKS)
        state = self.rng.choice(["active", "suspended"])
        await self._sql(_STATE, bank=bank, state=state)
        (self.active.add if state == "active" else self.active.discard)(bank)

    async def replay(self) -> None:
        """A bank asks for what it lost, or for what was given up."""
        endpoint_id = self.rng.choice(list(self.receivers))
        since = self.rng.choice([None, self.now - timedelta(hours=2), START - timedelta(days=9)])
        async with self.database.transaction() as connection:
            await endpoint_repository.replay(connection, endpoint_id, since, self.now)

    async def _over_the_wire(self, parcel: Parcel) -> Reply:
        """One sending, while which anything may happen before and after the receiver has it."""
        endpoint_id = parcel.url
        receiver, bank = self.receivers[endpoint_id], self.bank_of[endpoint_id]
        self.tally.sendings += 1
        self._require_open(parcel, bank)
        began = self.now
        await self._meanwhile()
        # Only a clock that leaps lets a lease end while its sending is on the wire.
        has_lost_lease = not timedelta(0) <= self.now - began < LEASE
        reply = receiver.answer(parcel, may_be_late=has_lost_lease)
        await self._meanwhile()
        return reply

    async def _meanwhile(self) -> None:
        if self.depth < 2 and self.rng.random() < 0.15:
            self.depth += 1
            try:
                for _ in range(self.rng.randrange(1, 4)):
                    name = self.rng.choice(
                        ["post", "clock", "dispatch", "consent", "rotate", "enable"]
                    )
                    self.tally.kinds[f"meanwhile {name}"] += 1
                    await self.steps[name]()
            finally:
                self.depth -= 1

    def _require_open(self, parcel: Parcel, bank: str) -> None:
        """What leaves now was allowed to leave a moment ago."""
        firm, _, thing = parcel.text.partition('"thing":"')[2].partition('"')[0].partition(" ")
        value = int(parcel.text.partition('"value":')[2].partition("}")[0])
        assert value not in self.undone, f"seed {self.seed}: {value} was undone and sent"
        assert bank in self.active, f"seed {self.seed}: {bank} is suspended and heard"
        if thing == "x":
            assert (bank, firm) in self.open, f"seed {self.seed}: {firm} is closed to {bank}"

    async def _set_up(self) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(_CLEAR)
            row = await (await connection.execute(_LAST_ROW)).fetchone()
            self.first_row = row[0] if row else 0
        for bank in BANKS:
            await self._sql(_BANK, bank=bank)
            endpoint_id = f"W-{bank}"
            self.bank_of[endpoint_id] = bank
            secret = new_webhook_secret()
            self.receivers[endpoint_id] = Receiver([secret], self.rng.choice(COMMON[:12]))
            async with self.database.transaction() as connection:
                await endpoint_repository.add(
                    connection, endpoint_id, bank, "test", endpoint_id, self.now
                )
                await self._add_secret(connection, endpoint_id, secret)
            for firm in FIRMS:
                await self._grant(bank, firm)

    async def _heal(self) -> None:
        """Everybody is well; what was given up is asked for, and all that waits leaves."""
        self.depth = CALM
        for bank in BANKS:
            await self._sql(_STATE, bank=bank, state="active")
        self.active = set(BANKS)
        for endpoint_id, receiver in self.receivers.items():
            receiver.mood = "good"
            secret = new_webhook_secret()
            receiver.secrets = [secret]
            async with self.database.transaction() as connection:
                await endpoint_repository.retire_secrets(connection, endpoint_id, self.now)
                await self._add_secret(connection, endpoint_id, secret)
                await endpoint_repository.replay(connection, endpoint_id, None, self.now)
            await self._set_endpoint(endpoint_id, "active")
        for _ in range(4):
            self.now += timedelta(hours=30)
            await self.dispatch()

    async def _compare(self) -> None:
        """Nothing lost, nothing twice, nothing closed, and a row of the record for every sending."""
        told = f"seed {self.seed}"
        rows = await self._sql(_NOTICES)
        newest = {(row[0], row[3]): row for row in rows}
        for (bank, firm, thing), value in self.latest.items():
            receiver = self.receivers[f"W-{bank}"]
            row = newest[f"W-{bank}", f"{firm} {thing}"]
            assert int(row[5]) == value, f"{told}: the newest row is not the newest state"
            if row[4] == "withheld":
                assert (bank, firm, thing) in self.closed_since, f"{told}: withheld while open"
            else:
                assert row[4] == "sent", f"{told}: {row} is {row[4]} in the end"
                held = receiver.things.get(f"{firm} {thing}")
                assert held == value, f"{told}: lost: {bank} holds {held}, not {value}"
        for row in rows:
            self.tally.ends[row[4]] += 1
            assert row[4] != "waiting", f"{told}: {row} still waits"
            assert row[4] != "folded" or row != newest[row[0], row[3]], (
                f"{told}: {row} folded into nothing"
            )
        for receiver in self.receivers.values():
            twice = [
                one for one, times in Counter(e[2:] for e in receiver.effects).items() if times > 1
            ]
            assert not twice, f"{told}: twice in effect: {twice}"
        assert not await self._sql(_SENDINGS, **{"from": self.first_row}), f"{told}: the record"

    async def _set_endpoint(self, endpoint_id: str, state: str) -> None:
        async with self.database.transaction() as connection:
            await endpoint_repository.hold_streams(connection, endpoint_id)
            if state == "active":
                await endpoint_repository.try_at_once(connection, endpoint_id, self.now)
            await endpoint_repository.change(connection, endpoint_id, self.now, state=state)

    async def _add_secret(self, connection: Connection, endpoint_id: str, secret: str) -> None:
        secret_id = f"K-{self.rng.getrandbits(60):x}"
        await endpoint_repository.add_secret(
            connection, endpoint_id, secret_id, secret.encode(), self.now
        )

    async def _grant(self, bank: str, firm: str) -> None:
        await self._sql(_CONSENT, id=f"C-{self.rng.getrandbits(60):x}", bank=bank, firm=firm)
        self.open.add((bank, firm))

    async def _sql(self, query: Any, **values: object) -> list[tuple[Any, ...]]:
        async with self.database.transaction() as connection:
            cursor = await connection.execute(query, values)
            return await cursor.fetchall() if cursor.description else []
