"""A firm matched for the first time, and firms looked for: `python -m benchmarks.our_first_match HOME LAKE DAY`.

Both are asked from the online build and at the lake, in turns, and must say the same in every bit. The model is
fitted to drawn rows: what is measured is the work, not what it says.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TypeVar

import numpy as np

from benchmarks.our_nightly import prepare
from benchmarks.peers.meter import Meter
from features.facts import COLUMNS
from features.renewal import Shelf, rebuilt
from features.stale import Stale
from models.products.book import load_products
from serving.matching.admitting import names_of
from serving.matching.judging import Claims
from serving.matching.looking import Firm, look_at
from serving.matching.repository import OpenFirm
from serving.matching.reverse import Search, count_others, fits_of
from serving.products.shelves import shelf_of
from serving.ratings.desk import Desk
from serving.ratings.desks import Desks
from serving.ratings.sight import Opened
from serving.reading import Stop

SEED, FIRMS, OPEN, TURNS = 20261124, 20, 500, 3
SCOPES = frozenset({"tax", "invoice", "utilities"})
T = TypeVar("T")


def main(home: Path, lake: Path, day: date) -> None:
    """First matches of drawn firms, then one product looked for among everybody."""
    settings = prepare(home, lake, day)
    now = datetime.combine(day, time(9)) + timedelta(days=1)
    online = rebuilt(Shelf(settings.lake, settings.online, COLUMNS), day, now=now)
    desk = asyncio.run(Desks(settings.home).desk(now))
    whole = Stale(frozenset(), is_everyone=True, lake_version=desk.lake.version)
    at_lake, names = replace(desk, unsure=whole), names_of(shelf_of(load_products(), now.date()))
    drawn = np.random.default_rng(SEED).permutation(online.usccs)[: max(FIRMS, OPEN)]
    codes = [code.decode() for code in drawn.tolist()]
    meter, first = Meter(), list[tuple[float, float]]()
    for opened in (Opened("self"), Opened("grantee", SCOPES)):
        look_at(desk, codes[0], opened, names, now, Stop())
        for code in codes[:FIRMS]:
            mine, build = _timed(lambda: look_at(desk, code, opened, names, now, Stop()))  # noqa: B023
            theirs, lake_s = _timed(lambda: look_at(at_lake, code, opened, names, now, Stop()))  # noqa: B023
            _require(_same(mine, theirs), code)
            first.append((build, lake_s))
    meter.report(
        firms=len(online.usccs), first=FIRMS, open=OPEN, asked=len(names),
        match_ms=1000 * median(build for build, _ in first),
        match_lake_ms=1000 * median(lake_s for _, lake_s in first),
        **_reverse(desk, at_lake, codes[:OPEN], now),
    )  # fmt: skip


def _reverse(desk: Desk, at_lake: Desk, codes: list[str], now: datetime) -> dict[str, float]:
    """One product among firms that opened themselves, and counted among the rest."""
    entry = next(one for one in load_products() if one.code == "P24")
    shelf = shelf_of([entry], now.date())
    said = {"need_amount_cny": 500_000.0, "need_term_months": 12.0, "need_purpose": "operation"}
    search = Search(desk, shelf, said, Claims(), now)
    beside = replace(search, desk=at_lake)
    opened = [OpenFirm(code, ["C-1"], sorted(SCOPES)) for code in codes]
    took: dict[str, list[float]] = {"look": [], "look_lake": [], "count": [], "count_lake": []}
    for _ in range(TURNS):
        mine, build = _timed(lambda: fits_of(search, opened, Stop()))
        theirs, lake_s = _timed(lambda: fits_of(beside, opened, Stop()))
        _require([one.is_fit for one in mine] == [one.is_fit for one in theirs], entry.code)
        _require([one.terms for one in mine] == [one.terms for one in theirs], entry.code)
        took["look"].append(build)
        took["look_lake"].append(lake_s)
        count, build = _timed(lambda: count_others(search, set(codes), Stop()))
        other, lake_s = _timed(lambda: count_others(beside, set(codes), Stop()))
        _require(count == other, entry.code)
        took["count"].append(build)
        took["count_lake"].append(lake_s)
    return {f"{name}_s": median(seconds) for name, seconds in took.items()}


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = perf_counter()
    return work(), perf_counter() - started


def _same(mine: Firm | None, theirs: Firm | None) -> bool:
    """Whether two looks say the same, bit for bit."""
    if mine is None or theirs is None or mine.columns.keys() != theirs.columns.keys():
        return False
    return (mine.grade, mine.score, mine.withheld, mine.rating_scopes) == (
        theirs.grade, theirs.score, theirs.withheld, theirs.rating_scopes,
    ) and all(
        str(column[0]) == str(theirs.columns[name][0]) for name, column in mine.columns.items()
    )  # fmt: skip


def _require(holds: bool, code: str) -> None:  # noqa: FBT001 - the statement itself
    if not holds:
        raise SystemExit(f"The build and the lake say different things of {code}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), date.fromisoformat(sys.argv[3]))
