"""What a firm may file: a record it has, a rating that is about it, a repair that is possible."""

import asyncio
from datetime import datetime
from functools import cache

from features.contracts import Catalogue, load_catalogue
from features.lake import Lake
from serving.access.decision import not_found
from serving.db import Connection
from serving.disputes.clocks import About
from serving.disputes.records import Record, named_record, repairable_record, require_held
from serving.disputes.rows import NewCase
from serving.disputes.schemas import DisputeFiled, RepairApplied, ReviewRequested
from serving.disputes.service import new_id
from serving.look import Look

_RATING = "SELECT 1 FROM rating WHERE rating_id = %(rating_id)s AND uscc = %(uscc)s"


@cache
def shared_catalogue() -> Catalogue:
    """The catalogue of this program, read once a worker."""
    return load_catalogue()


async def held_record(lake: Lake, uscc: str, record: Record, now: datetime) -> Record:
    """The record, if a look of the firm's own shows it.

    Raises
    ------
    NotFoundError
        If not.
    """

    def look() -> None:
        require_held(lake.view(), shared_catalogue(), uscc, record, now)

    await asyncio.to_thread(look)
    return record


async def new_dispute(lake: Lake, uscc: str, filed: DisputeFiled, now: datetime) -> NewCase:
    """A dispute of a record the firm has."""
    record = named_record(shared_catalogue(), filed.dataset, filed.record)
    await held_record(lake, uscc, record, now)
    return NewCase(
        case_id=new_id("dispute"),
        kind="dispute",
        uscc=uscc,
        about=_about(record.dataset),
        text=filed.text,
        dataset=record.dataset,
        record_key=record.text,
    )


async def new_review(connection: Connection, uscc: str, filed: ReviewRequested) -> NewCase:
    """A review of a rating that is about the firm."""
    asked = {"rating_id": filed.rating_id, "uscc": uscc}
    if await (await connection.execute(_RATING, asked)).fetchone() is None:
        raise not_found()
    return NewCase(
        case_id=new_id("review"),
        kind="review",
        uscc=uscc,
        about="own",
        text=filed.text,
        rating_id=filed.rating_id,
    )


async def new_repair(lake: Lake, uscc: str, filed: RepairApplied, now: datetime) -> NewCase:
    """A repair of a bad record the firm has."""
    record = repairable_record(shared_catalogue(), filed.dataset, filed.record_no)
    await held_record(lake, uscc, record, now)
    return NewCase(
        case_id=new_id("repair"),
        kind="repair",
        uscc=uscc,
        about=_about(record.dataset),
        text=filed.text,
        dataset=record.dataset,
        record_key=record.text,
        application_no=filed.application_no,
    )


def _about(dataset: str) -> About:
    is_own = shared_catalogue()[dataset].document.sharing_mode == "platform"
    return "own" if is_own else "others"


def lake_of(look: Look) -> Lake:
    """The lake of this house."""
    return Lake(look.house.settings.home / "lake")
