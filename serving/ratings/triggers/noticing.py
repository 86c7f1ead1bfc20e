"""Noticing what firms with running loans must be rated again for.

Causes and the mark that says how far was looked are written in one transaction of the ledger; the lake is
only read. Whoever dies before it ends has written neither, and what is found a second time is known by
its key.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from features.contracts import Catalogue
from features.lake import LakeView
from features.landed import Firms, landed_since, repairs_since
from serving.db import Connection
from serving.loans.exposures import live_exposures
from serving.ratings.batches.work import Workbench
from serving.ratings.desk import Desk
from serving.ratings.triggers.repository import (
    LastNumbers,
    Mark,
    Trigger,
    add_triggers,
    consent_triggers,
    correction_triggers,
    forget_settled,
    last_numbers,
    lock_mark,
    move_mark,
)
from serving.ratings.triggers.rules import TriggerRules, rules_on


async def notice_triggers(bench: Workbench, desk: Desk, now: datetime) -> int:
    """Write down for whom something has happened since the last time.

    The first time there is nothing to compare with: only the mark is set.

    Parameters
    ----------
    desk : Desk
        Of whose lake it is told; nothing is noticed that its ratings would not know.

    Returns
    -------
    int
        Causes that are new.
    """
    rules = rules_on(now.date())
    async with bench.database.transaction() as connection:
        mark, last = await lock_mark(connection), await last_numbers(connection)
        new = 0
        if mark.began_at is not None:
            found = await _found(connection, desk, mark, last, rules, now)
            new = await add_triggers(connection, await _of_lenders(connection, found), now)
            await forget_settled(connection, now - rules.kept)
        moved = _moved(mark, desk.lake, last, rules, now)
        if moved != mark:
            await move_mark(connection, moved)
    return new


def _moved(
    mark: Mark, lake: LakeView, last: LastNumbers, rules: TriggerRules, now: datetime
) -> Mark:
    is_due = _is_lake_due(mark, lake, rules, now)
    return replace(
        mark,
        began_at=mark.began_at or now,
        lake_version=lake.version,
        repairs_until=now if is_due else mark.repairs_until,
        consent_event_no=last.consent_event_no,
        case_event_no=last.case_event_no,
        month_end=rules.month_end_by(now),
    )


def _is_lake_due(mark: Mark, lake: LakeView, rules: TriggerRules, now: datetime) -> bool:
    """Whether the lake has to be asked: it has changed, or repairs may have come to hold."""
    until = mark.repairs_until
    return until is None or lake.version != mark.lake_version or now >= until + rules.repairs_every


async def _found(
    connection: Connection,
    desk: Desk,
    mark: Mark,
    last: LastNumbers,
    rules: TriggerRules,
    now: datetime,
) -> list[Trigger]:
    found = [
        *await consent_triggers(connection, mark, last, rules),
        *await correction_triggers(connection, mark, last),
    ]
    if _is_lake_due(mark, desk.lake, rules, now):
        found += await asyncio.to_thread(_in_lake, desk.lake, desk.catalogue, mark, rules, now)
    month_end = rules.month_end_by(now)
    if mark.month_end is not None and month_end > mark.month_end:
        found.append(Trigger("", "", "month_end", month_end.isoformat(), "", month_end))
    return found


def _in_lake(
    lake: LakeView, catalogue: Catalogue, mark: Mark, rules: TriggerRules, now: datetime
) -> list[Trigger]:
    # A lake that was restored from a backup counts anew from where it is.
    known = min(mark.lake_version, lake.version)
    since = mark.repairs_until or now
    records = landed_since(lake, catalogue, known, rules.datasets)
    repairs = repairs_since(lake, catalogue, known, since, now)
    return [
        *_triggers("record", records, f"{lake.version}", now),
        *_triggers("repair", repairs, f"{lake.version}.{now:%Y%m%d%H%M%S}", now),
    ]


def _triggers(
    cause: Literal["record", "repair"], firms: Firms, when: str, now: datetime
) -> list[Trigger]:
    return [
        Trigger("", uscc, cause, f"{dataset}@{when}", dataset, now.date())
        for dataset, usccs in firms.items()
        for uscc in sorted(usccs)
    ]


async def _of_lenders(connection: Connection, found: Sequence[Trigger]) -> list[Trigger]:
    """Each cause for every institution with an exposure; who has none is left alone."""
    if not found:
        return []
    is_everyone = any(not one.uscc for one in found)
    usccs = None if is_everyone else {one.uscc for one in found}
    lenders: dict[str, set[str]] = {}
    for exposure in await live_exposures(connection, usccs):
        lenders.setdefault(exposure.uscc, set()).add(exposure.institution)
    return [
        replace(one, uscc=uscc, institution=institution)
        for one in found
        for uscc in ([one.uscc] if one.uscc else lenders)
        for institution in sorted(lenders.get(uscc, ()))
        if one.institution in {"", institution}
    ]
