"""A rating computed again from what was known when it was made: equal, or what is no longer there.

The rows are those the lake held then, in the files it has now; records repaired since are seen, for
this one purpose. The model is the bundle that rated. What can stand in the way is that records were
deleted by their retention rule, or that the bundle is gone or defined otherwise here.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from features.contracts import Words
from features.engine import connect, parquet
from features.errors import BundleError, LakeError, UnknownEnterpriseError
from features.lake import DELETION_COLUMNS, LINE_BITS, Lake, LakeView
from features.repairs import Repaired, repairs_since
from features.retention import rule_words
from models.bundle import load_bundle
from serving.access.callers import Role
from serving.look import Look
from serving.ratings.desk import Desk, Rated, look_up
from serving.ratings.document import About, Document, as_text, rating_document
from serving.ratings.repository import Rating
from serving.ratings.schemas import Erased, RepairedRecord, ReplayAnswer, Wording

Outcome = Literal["equal", "different", "bundle_gone", "bundle_refused"]

#: Members that say when and how a rating was made, not what it says.
_OF_THE_MAKING = frozenset({"online_build", "lake_version"})


@dataclass(frozen=True)
class Replay:
    """What a second computation found."""

    outcome: Outcome
    differs: tuple[str, ...] = ()
    erased: tuple[Erased, ...] = ()
    repaired: tuple[Repaired, ...] = ()


async def replay_rating(look: Look, rating: Rating) -> ReplayAnswer:
    """Compute a rating again; the caller has been allowed to read it."""
    desks = look.house.desks
    desk = await desks.desk(look.now)
    found = await asyncio.get_running_loop().run_in_executor(
        desks.threads, replay, desk, desks.home, rating, look.now
    )
    look.says(replayed=rating.rating_id, outcome=found.outcome)
    return ReplayAnswer(
        rating_id=rating.rating_id,
        outcome=found.outcome,
        differs=list(found.differs),
        erased=list(found.erased),
        repaired=[
            RepairedRecord(
                dataset=one.dataset,
                record_no=one.record_no if look.caller.role is Role.OWNER else None,
                repaired_at=one.repaired_at,
            )
            for one in found.repaired
        ],
        bundle_id=rating.bundle_id,
        lake_version=rating.lake_version,
    )


def replay(desk: Desk, home: Path, rating: Rating, now: datetime) -> Replay:
    """Compute a rating again, from the lake as it was.

    Parameters
    ----------
    desk : Desk
        Of now; its bundle is used where it is the one that rated.
    """
    then = _desk_of_then(desk, home, rating.bundle_id)
    if not isinstance(then, Desk):
        return Replay(then)
    lake = Lake(home / "lake").view().as_at(rating.lake_version)
    try:
        again = _again(then, lake, rating, now)
    except (UnknownEnterpriseError, LakeError):
        again = None
    differs = _differences(json.loads(rating.document), again)
    repaired = tuple(_repaired(then, Lake(home / "lake").view(), rating, now))
    if not differs:
        return Replay("equal", repaired=repaired)
    return Replay("different", differs, tuple(_erased(then, lake)), repaired)


def _desk_of_then(desk: Desk, home: Path, bundle_id: str) -> "Desk | Outcome":
    if desk.bundle.id == bundle_id:
        return desk
    folder = home / "bundles" / bundle_id
    if not folder.is_dir():
        return "bundle_gone"
    try:
        bundle = load_bundle(folder, desk.registry, home / "tables")
    except BundleError:
        return "bundle_refused"
    return replace(desk, bundle=bundle, _sights={})


def _again(desk: Desk, lake: LakeView, rating: Rating, now: datetime) -> Document | None:
    """The document of a second computation; None if nothing is left to rate."""
    sight = desk.sight(rating.view)
    facts = look_up(desk, lake, rating.uscc, rating.as_of, sight, now=now, made_at=rating.rated_at)
    rated: Rated | None = None if facts is None else desk.rate(facts, sight)
    if rated is None:
        return None
    about = About(
        rating_id=rating.rating_id,
        uscc=rating.uscc,
        purpose=rating.purpose,
        need_id=rating.need_id,
        opened=rating.view,
        consents=tuple(rating.consents),
        rated_at=rating.rated_at,
        is_public_only=rating.is_public_only,
    )
    # As it was sent, so that what JSON cannot tell apart counts as equal.
    document: Document = json.loads(as_text(rating_document(desk, sight, rated, about)))
    return document


def _differences(given: Document, again: Document | None) -> tuple[str, ...]:
    """Names of the members that come out otherwise."""
    if again is None:
        return ("rating",)
    members = sorted((given.keys() | again.keys()) - _OF_THE_MAKING)
    return tuple(name for name in members if given.get(name) != again.get(name))


def _erased(desk: Desk, lake: LakeView) -> list[Erased]:
    """Records of before that were deleted since, from datasets the rating reads."""
    read = desk.columns_for(desk.knockouts).datasets
    rows: list[tuple[str, str, datetime, int]] = []
    for dataset in sorted(read):
        files = lake.deletion_files(dataset)
        if not files:
            continue
        query = (
            "SELECT rule, deleted_at, count(*) FROM "
            f"{parquet(files, DELETION_COLUMNS)} WHERE row_id < $bound GROUP BY ALL ORDER BY ALL"
        )
        bound = ((lake.last_batch or 0) + 1) << LINE_BITS
        with connect(threads=1) as connection:
            found = connection.execute(query, {"bound": bound}).fetchall()
        rows += [(dataset, str(rule), at, int(count)) for rule, at, count in found]
    return [
        Erased(
            dataset=dataset,
            rule=rule,
            words=_wording(rule_words(rule)),
            erased_on=at.date(),
            records=count,
        )
        for dataset, rule, at, count in rows
    ]


def _repaired(desk: Desk, lake: LakeView, rating: Rating, now: datetime) -> list[Repaired]:
    """Records the rating may have read that were repaired since."""
    read = desk.columns_for(desk.knockouts).datasets - desk.sight(rating.view).withheld
    try:
        firm = lake.find_enterprise(rating.uscc).key
    except UnknownEnterpriseError:
        return []
    return repairs_since(lake, desk.catalogue, firm, read, rating.rated_at, now)


def _wording(words: Words) -> Wording:
    return Wording(zh=words.zh, en=words.en)
