"""Records of borrowers that land one at a time, and when and by whom each was heard of."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import psycopg

from benchmarks.our_notices import Heard, House, await_notices, heard_from
from features.clock import SHANGHAI
from features.contracts import load_catalogue
from features.delivery import catalogue_mapping
from features.engine import connect
from features.ingest import ingest_files
from features.lake import Lake
from features.vault import Vault

DATASET, SIGNAL = "dishonest_debtor", "W01"
#: A notice that takes longer has failed.
PATIENCE_S = 60.0
#: Landings fall anywhere between two rounds of the watch [s].
_PAUSE_S = 1.5
#: After the last one, for what nobody should have heard [s].
_SILENCE_S = 3.0

_BORROWERS = """
SELECT uscc, array_agg(DISTINCT institution) FROM (
    SELECT uscc, institution FROM loan WHERE status IN ('running', 'overdue')
    UNION SELECT uscc, guarantor FROM loan WHERE status IN ('running', 'overdue') AND guarantor <> ''
) AS interest GROUP BY uscc ORDER BY uscc
"""
_TIMES = """
SELECT n.posted_at, a.began_at FROM notice n JOIN webhook_attempt a USING (notice_id) WHERE n.notice_id = %(notice)s
"""


@dataclass(frozen=True)
class Landed:
    """One record and its notices.

    Attributes
    ----------
    seconds : sequence of float
        From the commit to each notice of the record's signal, in the order of arrival.
    steps : mapping of str to float
        The way of the first, step by step [s].
    is_right : bool
        Whether those concerned heard of it once each, and nobody else.
    """

    uscc: str
    seconds: Sequence[float]
    steps: dict[str, float]
    is_right: bool


def land_some(house: House, number: int, rng: random.Random) -> list[Landed]:
    """Land records of borrowers against whom none is held, each when the one before has been heard of."""
    concerned = borrowers(house)
    chosen = rng.sample(sorted(concerned), number)
    start = len(heard_from(0))
    times = [_land_one(house, uscc, concerned[uscc], rng) for uscc in chosen]
    time.sleep(_SILENCE_S)
    heard = [one for one in heard_from(start) if one.signal == SIGNAL or not one.kind]
    return [
        told(heard, uscc, concerned[uscc], at, steps)
        for uscc, (at, steps) in zip(chosen, times, strict=True)
    ]


def told(
    heard: Sequence[Heard], uscc: str, paths: frozenset[str], at: float, steps: dict[str, float]
) -> Landed:
    """What came of one landing, by all that was heard."""
    mine = [one for one in heard if one.uscc == uscc]
    is_right = sorted(one.path for one in mine) == sorted(paths)
    return Landed(uscc, [one.at - at for one in mine if one.path in paths], steps, is_right)


def borrowers(house: House) -> dict[str, frozenset[str]]:
    """Firms with running loans and no such record, with the paths of those concerned."""
    with psycopg.connect(house.owner) as connection:
        rows: list[tuple[str, list[str]]] = connection.execute(_BORROWERS).fetchall()
    lake = Lake(house.home / "lake").view()
    with connect(threads=1) as connection:
        named = connection.execute(
            f"SELECT DISTINCT party_id FROM {lake.rows(load_catalogue()[DATASET])} r "
            f"JOIN {lake.parties_sql()} p ON p.party_key = r.enterprise_key"
        ).fetchall()
    known = {str(uscc) for (uscc,) in named}
    return {
        uscc: frozenset(house.paths[lender] for lender in lenders)
        for uscc, lenders in rows
        if uscc not in known
    }


def _land_one(
    house: House, uscc: str, paths: frozenset[str], rng: random.Random
) -> tuple[float, dict[str, float]]:
    """Moment of the commit, and the way of the first notice."""
    time.sleep(rng.uniform(0, _PAUSE_S))
    start = len(heard_from(0))
    at = _ingested(house, uscc)
    heard = await_notices(start, {(path, uscc, SIGNAL) for path in paths}, PATIENCE_S)
    first = next(one for one in heard if one.uscc == uscc and one.signal == SIGNAL)
    return at, dict(_steps(house, at, first))


def _ingested(house: House, uscc: str) -> float:
    """Land one record as any file is; the moment its commit was written [s]."""
    path = house.home / f"{DATASET}_{uscc}.csv"
    day = house.now.date()
    filed = day - timedelta(days=1)
    path.write_text(
        f"uscc,case_no,filed_on,published_on\n{uscc},B{uscc[-9:]},{filed},{day}\n", encoding="utf-8"
    )
    mapping = catalogue_mapping(load_catalogue(), DATASET, None)
    lake = Lake(house.home / "lake")
    delivery = ingest_files([path], mapping, lake, Vault(house.home / "vault"), now=house.now)[0]
    if delivery.batch.landed != 1:
        raise RuntimeError(f"The record of a borrower did not land: {delivery.batch}.")
    return max((house.home / "lake" / "commits").glob("*.json")).stat().st_mtime


def _steps(house: House, at: float, notice: Heard) -> Iterator[tuple[str, float]]:
    """How long each step took, by what it left behind."""
    with psycopg.connect(house.owner) as connection:
        found = connection.execute(_TIMES, {"notice": notice.notice_id}).fetchone()
    if found is None:
        raise RuntimeError(f"Notice {notice.notice_id} was heard and is not in the ledger.")
    posted, claimed = (_machine_time(house, moment) for moment in found)
    moments = [at, posted, _written(house.home / "online"), claimed, notice.at]
    names = ("noticed", "features and facts", "asked, alert and notice written", "sent")
    yield from zip(names, (b - a for a, b in pairwise(moments)), strict=True)


def _machine_time(house: House, moment: datetime) -> float:
    return (moment - house.clock).replace(tzinfo=SHANGHAI).timestamp()


def _written(folder: Path) -> float:
    """When the current build was finished."""
    return (folder / "current").lstat().st_mtime
