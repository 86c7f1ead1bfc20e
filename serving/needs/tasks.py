"""What goes on with applications without anybody asking: endings, alarms, reminders, and what they teach."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from features.scope import Purpose
from models.matching.approval import Outcomes, fit_chances
from models.matching.chances import FILE_NAME, Belief, Chances, family_of, load_belief
from models.products.book import load_products, standing
from serving.audit.record import Entry, write_entry
from serving.db import Connection, Database
from serving.needs import repository
from serving.needs.machine import take
from serving.needs.rows import Application, ExposureRow, NewEvent, OutcomeRow
from serving.needs.telling import tell
from serving.products.repository import read_published

#: Applications in one transaction.
BATCH = 200
#: Within so long after a match an application counts as come of it [days].
_FROM_MATCH_DAYS = 30


@dataclass(frozen=True)
class Desk:
    """What the tasks work with."""

    database: Database
    subject_of: Callable[[str], str]


async def tend_applications(desk: Desk, now: datetime) -> int:
    """End what nobody answered, and remind lenders that are late with an answer or a revisit; how many of both."""
    done = 0
    for work in (_expire, _remind):
        round_done = BATCH
        while round_done == BATCH:
            async with desk.database.transaction() as connection:
                round_done = await work(desk, connection, now)
            done += round_done
    return done


async def refit(database: Database, home: Path, now: datetime) -> int:
    """Learn chances from all answers so far; how many there were."""
    belief = load_belief(now.date())
    async with database.transaction() as connection:
        answered = await repository.count_outcomes(connection)
        seen = await repository.count_exposures(
            connection, belief.exposure_places, _FROM_MATCH_DAYS
        )
        entries = await read_published(connection, load_products())
    families = {entry.code: family_of(version) for entry, version in standing(entries, now.date())}
    outcomes = outcomes_of(answered, seen, families, belief)
    found = await asyncio.to_thread(fit_chances, outcomes, belief, now.date())
    await asyncio.to_thread(_write, found, home / "matching" / FILE_NAME)
    return int(outcomes.answered.sum())


def outcomes_of(
    answered: list[OutcomeRow], seen: list[ExposureRow], families: dict[str, str], belief: Belief
) -> Outcomes:
    """Counts by product and letter; answers to firms without a letter teach nothing.

    Parameters
    ----------
    families : dict of str to str
        Of the products of today; those answered before keep the one they were applied for under.
    """
    known = {row.product: row.family for row in answered} | families
    codes = sorted(known)
    places = {code: at for at, code in enumerate(codes)}
    letters = {letter: at for at, letter in enumerate(belief.approve)}
    counts = np.zeros((2, len(codes), len(letters)), dtype=np.int64)
    for row in answered:
        if row.grade in letters:
            counts[:, places[row.product], letters[row.grade]] += (row.answered, row.granted)
    looks = np.zeros((2, len(codes)), dtype=np.int64)
    for row in seen:
        if row.product in places:
            looks[:, places[row.product]] += (row.shown, row.applied)
    return Outcomes(codes, [known[code] for code in codes], *counts, *looks)


async def _expire(desk: Desk, connection: Connection, now: datetime) -> int:
    del desk
    found = await repository.expired_applications(connection, now, BATCH)
    for one in found:
        moved = replace(one, standing=take(one.standing, "expire", "system", now=now))
        await repository.move_application(connection, moved)
        await repository.add_event(connection, _event(moved, "expire", now))
    return len(found)


async def _remind(desk: Desk, connection: Connection, now: datetime) -> int:
    """One alarm and one notice for each application that became overdue."""
    late = await repository.late_applications(connection, now, BATCH)
    if not late:
        return 0
    needs = await repository.read_needs(connection, [one.need_id for one in late])
    for one in late:
        await tell(connection, one, needs[one.need_id], now)
        await repository.add_event(connection, _event(one, "remind", now))
        await write_entry(connection, _entry(one, now, desk.subject_of))
    await repository.alarm_late(connection, [one.application_id for one in late], now)
    return len(late)


def _event(one: Application, step: str, now: datetime) -> NewEvent:
    state = one.standing.state
    return NewEvent(one.application_id, step, state, now, "system", "system", {})


def _entry(one: Application, now: datetime, subject_of: Callable[[str], str]) -> Entry:
    return Entry(
        at=now,
        request_id=f"task-{one.application_id}",
        actor_kind="system",
        actor="needs",
        role="system",
        tenant=one.institution,
        action="application:remind:granted",
        subject=subject_of(one.uscc),
        purpose=Purpose.APPLY,
        consents=(),
        fields=("application",),
        result="granted",
        detail={"application_id": one.application_id},
    )


def _write(found: Chances, target: Path) -> None:
    """A reader sees the old file or the new one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(".new")
    beside.write_text(found.model_dump_json(), encoding="utf-8")
    beside.replace(target)
