"""Random histories of consent on the real ledger, held step by step against a model of what may be seen.

Every step is real transactions through the code that serves: grants, narrowings, revocations, sweeps, looks
(`live_consent` and `refusal`), and pairs of them at once from two connections. The model knows nothing
of SQL: it keeps a few sets in Python. One step alone must agree with it; two at once must agree with
one of the two orders. A leak is a look that was let through and should not have been; a wrong refusal
is the reverse. Both end the history.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar, cast

import psycopg

from features.errors import XinqiaoError
from features.identifiers import synthetic_uscc
from features.scope import PLATFORM, Purpose
from serving.access import decision
from serving.access.callers import Caller, Role
from serving.access.decision import Action, LiveConsent, Resource, Rule, refusal
from serving.consent import service
from serving.consent.live import live_consent, read_live
from serving.consent.notices import notice_on
from serving.consent.states import Wish
from serving.db import Connection

FIRMS = [synthetic_uscc("histories", str(number)) for number in range(4)]
BANKS = [synthetic_uscc("banks", str(number)) for number in range(2)]
GRANTEES = [*BANKS, PLATFORM]
PURPOSES = [Purpose.APPLY, Purpose.PRE_CREDIT]
SCOPES = ["tax", "invoice", "utilities", "raw", "joint_model"]
SEPARATE = {"raw", "joint_model"}
START = datetime(2026, 1, 1, 9)
#: An action that an institution takes under consent; rooms to come have such actions.
LOOK = Action.AUDIT_READ

#: Consents that the model remembers.
MOST_HELD = 120

Seen = tuple[object, ...]
REFUSED: Seen = ("refused",)
Done = TypeVar("Done")


@dataclass
class Held:
    """One consent, in the model."""

    key: tuple[str, str, Purpose]
    need: str
    scopes: set[str]
    first: date
    last: date
    left: int | None
    is_open: bool = True

    def is_live(self, day: date) -> bool:
        return self.is_open and self.first <= day <= self.last


@dataclass
class Model:
    """What may be seen, as a few sets."""

    held: dict[str, Held] = field(default_factory=dict[str, Held])

    def copy(self) -> "Model":
        """A model that can go on by itself."""
        return Model(
            {name: replace(one, scopes=set(one.scopes)) for name, one in self.held.items()}
        )

    def grant(self, label: str, new: Held) -> Seen:
        taken = any(
            h.is_open and h.key == new.key and h.need == new.need for h in self.held.values()
        )
        if taken:
            return REFUSED
        self.held[label] = replace(new, scopes=set(new.scopes))
        return ("granted",)

    def narrow(self, label: str, scopes: frozenset[str]) -> Seen:
        held = self.held[label]
        if not held.is_open or not scopes or not scopes < held.scopes:
            return REFUSED
        held.scopes = set(scopes)
        return ("narrowed",)

    def revoke(self, label: str) -> Seen:
        held = self.held[label]
        if not held.is_open:
            return REFUSED
        held.is_open = False
        return ("revoked",)

    def expire(self, day: date) -> Seen:
        due = [h for h in self.held.values() if h.is_open and h.last < day]
        for held in due:
            held.is_open = False
        return ("expired", len(due))

    def leave(self, grantee: str) -> Seen:
        ending = [h for h in self.held.values() if h.is_open and h.key[1] == grantee]
        for held in ending:
            held.is_open = False
        return ("left", len(ending))

    def look(self, key: tuple[str, str, Purpose], needs: frozenset[str], day: date) -> Seen:
        live = {name: h for name, h in self.held.items() if h.key == key and h.is_live(day)}
        if not live or not _opens(list(live.values()), needs):
            return REFUSED
        for held in live.values():
            if held.left is not None:
                held.left -= 1
                held.is_open = held.left > 0
        return ("seen", frozenset(live))


def _without_old(held: dict[str, Held]) -> dict[str, Held]:
    """What is open, and the latest of what has ended, which must stay closed."""
    ended = [label for label, one in held.items() if not one.is_open]
    gone = set(ended[: -MOST_HELD // 2])
    return {label: one for label, one in held.items() if label not in gone}


def _opens(live: list[Held], needs: frozenset[str]) -> bool:
    kinds = set().union(*(h.scopes for h in live)) - SEPARATE
    return (needs - SEPARATE) <= kinds and all(
        any(scope in h.scopes for h in live)
        and all(any({scope, kind} <= h.scopes for h in live) for kind in kinds)
        for scope in needs & SEPARATE
    )


@dataclass
class Step:
    """One thing that happens: for real, on a connection, and in the model."""

    name: str
    real: Callable[[Connection], Coroutine[Any, Any, Seen]]
    model: Callable[[Model], Seen]


@dataclass
class Tally:
    """What a history was made of."""

    steps: int = 0
    looks: int = 0
    seen: int = 0
    refused: int = 0
    at_once: int = 0
    kinds: dict[str, int] = field(default_factory=dict[str, int])


class LeakError(AssertionError):
    """The ledger and the model do not agree about what may be seen or done."""


@dataclass
class History:
    """A run of random steps.

    Parameters
    ----------
    conninfo : str
        A migrated ledger of its own.
    seed : int
    share_at_once : float
        Of steps that come in pairs.
    """

    conninfo: str
    seed: int
    share_at_once: float = 0.1
    now: datetime = START
    model: Model = field(default_factory=Model)
    ids: dict[str, str] = field(default_factory=dict[str, str])
    labels: dict[str, str] = field(default_factory=dict[str, str])
    tally: Tally = field(default_factory=Tally)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    on_day: Callable[[Connection, date], Coroutine[Any, Any, None]] | None = None

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)  # noqa: S311 - worlds are drawn, not secrets

    async def run(self, steps: int) -> Tally:
        """Take this many steps; the first disagreement ends it."""
        async with AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(
                    await psycopg.AsyncConnection.connect(self.conninfo, autocommit=True)
                )
                for _ in range(2)
            ]
            await _open_banks(one)
            while self.tally.steps < steps:
                await self._clock(one)
                if self.rng.random() < self.share_at_once:
                    await self._two(one, other)
                else:
                    await self._alone(one)
        return self.tally

    async def _alone(self, connection: Connection) -> None:
        step = self._draw()
        self._count(step)
        real, model = self._labelled(await step.real(connection)), step.model(self.model)
        self._note(real)
        if real != model:
            raise LeakError(
                f"seed {self.seed} step {self.tally.steps} {step.name}: {real}, {model}"
            )

    async def _two(self, one: Connection, other: Connection) -> None:
        key = self._key()
        first, second = self._draw(key), self._draw(key)
        self._count(first)
        self._count(second)
        self.tally.at_once += 1
        a, b = map(self._labelled, await asyncio.gather(first.real(one), second.real(other)))
        self._note(a)
        self._note(b)
        found: list[tuple[Seen, Seen]] = []
        for is_forward in (True, False):
            model = self.model.copy()
            order = (first, second) if is_forward else (second, first)
            seen = [step.model(model) for step in order]
            pair = (seen[0], seen[1]) if is_forward else (seen[1], seen[0])
            if pair == (a, b):
                self.model = model
                return
            found.append(pair)
        raise LeakError(
            f"seed {self.seed} step {self.tally.steps} {first.name} with {second.name}: {(a, b)}, not of {found}"
        )

    def _count(self, step: Step) -> None:
        self.tally.steps += 1
        self.tally.kinds[step.name] = self.tally.kinds.get(step.name, 0) + 1
        self.tally.looks += step.name == "look"

    def _note(self, seen: Seen) -> None:
        self.tally.seen += seen[0] == "seen"
        self.tally.refused += seen == REFUSED

    async def _clock(self, connection: Connection) -> None:
        """Seconds pass, seldom hours; nothing is swept of itself."""
        pause = self.rng.choice([1, 1, 1, 30, 600]) if self.rng.random() < 0.97 else 36_000
        if len(self.model.held) > MOST_HELD:
            self.model.held = _without_old(self.model.held)
        later = self.now + timedelta(seconds=pause)
        if later.date() > self.now.date() and self.on_day is not None:
            await self.on_day(connection, self.now.date())
        self.now = later

    def _key(self) -> tuple[str, str, Purpose]:
        return self.rng.choice(FIRMS), self.rng.choice(GRANTEES), self.rng.choice(PURPOSES)

    def _draw(self, key: tuple[str, str, Purpose] | None = None) -> Step:
        kind = self.rng.choices(
            ["look", "grant", "narrow", "revoke", "expire", "leave"], [60, 18, 9, 9, 2, 0.3]
        )[0]
        key = key or self._key()
        chosen = [name for name, held in self.model.held.items() if held.key == key]
        if kind in {"narrow", "revoke"} and chosen:
            label = self.rng.choice(chosen[-4:])
            return self._revoke(label) if kind == "revoke" else self._narrow(label)
        if kind == "grant":
            return self._grant(key)
        if kind == "expire":
            return self._expire()
        if kind == "leave":
            return self._leave(key[1])
        return self._look(key)

    def _look(self, key: tuple[str, str, Purpose]) -> Step:
        needs = frozenset(self.rng.sample(SCOPES[:3], self.rng.choice([1, 1, 2])))
        if self.rng.random() < 0.2:
            needs |= {self.rng.choice(SCOPES[3:])}
        now = self.now

        async def real(connection: Connection) -> Seen:
            seen = await look(connection, key, needs, now)
            return REFUSED if seen is None else ("seen", frozenset(seen.ids))

        return Step("look", real, lambda model: model.look(key, needs, now.date()))

    def _labelled(self, seen: Seen) -> Seen:
        """What was seen, by the model's names.

        Only when both of two steps are over: a look can see a consent before the one who granted
        it has heard its number.
        """
        if seen[0] != "seen":
            return seen
        ids = cast("frozenset[str]", seen[1])
        return ("seen", frozenset(self.labels.get(one, one) for one in ids))

    def _grant(self, key: tuple[str, str, Purpose]) -> Step:
        rng, today = self.rng, self.now.date()
        scopes = set(rng.sample(SCOPES[:3], rng.randint(1, 3)))
        scopes |= set(rng.sample(SCOPES[3:], rng.choice([0, 0, 1, 2])))
        first = today + timedelta(days=rng.choice([0, 0, 0, 1, 2]))
        held = Held(
            key,
            rng.choice(["", "N-1"]),
            scopes,
            first,
            first + timedelta(days=rng.choice([0, 1, 3, 30])),
            rng.choice([None, None, 1, 2, 5]),
        )
        label, wish, now = f"L{next(self.numbers)}", _wish(held, today), self.now
        caller = _owner(key[0])

        async def real(connection: Connection) -> Seen:
            async def act() -> str:
                return (await service.grant(connection, caller, wish, now)).consent_id

            done = await _tried(connection, act)
            if done is None:
                return REFUSED
            self.ids[label], self.labels[done] = done, label
            return ("granted",)

        return Step("grant", real, lambda model: model.grant(label, held))

    def _narrow(self, label: str) -> Step:
        held, now = self.model.held[label], self.now
        of = sorted(held.scopes) if self.rng.random() < 0.9 else SCOPES
        scopes = frozenset(self.rng.sample(of, self.rng.randint(0, len(of))))
        caller = _owner(held.key[0])

        async def real(connection: Connection) -> Seen:
            async def act() -> bool:
                await service.narrow(connection, caller, self.ids[label], scopes, now)
                return True

            return ("narrowed",) if await _tried(connection, act) else REFUSED

        return Step("narrow", real, lambda model: model.narrow(label, scopes))

    def _revoke(self, label: str) -> Step:
        # The clock of another worker may be a little slow.
        now = self.now - timedelta(milliseconds=self.rng.choice([0, 0, 800]))
        caller = _owner(self.model.held[label].key[0])

        async def real(connection: Connection) -> Seen:
            async def act() -> bool:
                await service.revoke(connection, caller, self.ids[label], now)
                return True

            return ("revoked",) if await _tried(connection, act) else REFUSED

        return Step("revoke", real, lambda model: model.revoke(label))

    def _expire(self) -> Step:
        now = self.now

        async def real(connection: Connection) -> Seen:
            async with connection.transaction():
                return ("expired", await service.expire_due(connection, now, subject_of=str))

        return Step("expire", real, lambda model: model.expire(now.date()))

    def _leave(self, grantee: str) -> Step:
        now = self.now

        async def real(connection: Connection) -> Seen:
            async with connection.transaction():
                ended = await service.end_all_for(
                    connection, grantee, now, "institution_exit", subject_of=str
                )
                return ("left", ended)

        return Step("leave", real, lambda model: model.leave(grantee))


async def look(
    connection: Connection, key: tuple[str, str, Purpose], needs: frozenset[str], now: datetime
) -> LiveConsent | None:
    """One look as the door takes it: a transaction, undone when it is refused."""
    uscc, grantee, purpose = key
    caller = Caller(Role.CLIENT, id="client", tenant=grantee, permissions=frozenset({LOOK}))
    resource = Resource(uscc=uscc, institution=grantee, needs=needs, purpose=purpose)
    async with connection.transaction() as transaction:
        consent = await live_consent(connection, uscc, grantee, purpose, now)
        if refusal(caller, LOOK, resource, consent) is None:
            return consent
        raise psycopg.Rollback(transaction)
    return None


def looks_need_consent(monkeypatch_setattr: Callable[[object, str, object], None]) -> None:
    """Let institutions take the action `LOOK` about any enterprise that consents."""
    rules = {
        **decision.load_policy(),
        LOOK: Rule(consent=True, roles={Role.CLIENT: "own_institution"}),
    }
    monkeypatch_setattr(decision, "load_policy", lambda: rules)


async def open_at(
    connection: Connection, now: datetime
) -> dict[tuple[str, str, Purpose], dict[str, frozenset[str]]]:
    """What every firm opens to everyone now, consent by consent, by the ledger; nothing is spent."""
    return {
        (uscc, grantee, purpose): {
            row.consent_id: frozenset(row.scopes)
            for row in await read_live(connection, uscc, grantee, purpose, now)
        }
        for uscc in FIRMS
        for grantee in GRANTEES
        for purpose in PURPOSES
    }


async def _tried(
    connection: Connection, act: Callable[[], Coroutine[Any, Any, Done]]
) -> Done | None:
    try:
        async with connection.transaction():
            return await act()
    except XinqiaoError:
        return None


def _owner(uscc: str) -> Caller:
    return Caller(Role.OWNER, id="P-1", tenant=uscc, real_name_level=2)


def _wish(held: Held, today: date) -> Wish:
    _, grantee, purpose = held.key
    return Wish(
        grantee=grantee,
        purpose=purpose,
        scopes=frozenset(held.scopes),
        separately=frozenset(held.scopes & SEPARATE),
        valid_from=held.first,
        valid_to=held.last,
        notice_version=notice_on(today).version,
        need_id=held.need,
        max_queries=held.left,
    )


async def _open_banks(connection: Connection) -> None:
    for uscc in BANKS:
        await connection.execute(
            "INSERT INTO institution (uscc, name_zh, kind, state, state_since) "
            "VALUES (%(uscc)s, %(name)s, 'bank', 'active', %(at)s) ON CONFLICT DO NOTHING",
            {"uscc": uscc, "name": f"银行{uscc[-4:]}", "at": START},
        )
