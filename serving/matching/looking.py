"""One look at a firm for matching: what rules ask of its records, and its grade, under one scope.

Features of a firm that nothing has happened to stand ready in the online build; the rest is read through
a snapshot of that firm. What was read is kept for a minute, since only a repair that falls due can change
it while the lake stands still.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from features.errors import UnknownEnterpriseError
from features.rules.evaluate import Column
from features.scope import DataScope, Purpose
from features.snapshot import open_snapshot
from models.matching.inputs import datasets_of, read_columns
from serving.ratings.desk import Desk
from serving.ratings.sight import Opened
from serving.reading import Stop

KEPT_FOR = timedelta(minutes=1)
_KEPT_AT_MOST = 256


@dataclass(frozen=True, eq=False)
class Firm:
    """What a look knows of a firm before anything is said.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (1,)
        Features, facts and attributes of the register; NaN or empty where unknown or closed.
    grade : str or None
        None where nothing that is open gives a rating.
    withheld : frozenset of str
        Datasets the look does not see.
    rating_scopes : tuple of str
        Consent scopes that would show the rating more.
    """

    uscc: str
    as_of_date: date
    columns: Mapping[str, Column]
    grade: str | None
    score: int | None
    withheld: frozenset[str]
    rating_scopes: tuple[str, ...]


@dataclass(frozen=True)
class _Key:
    uscc: str
    opened: Opened
    bundle: str
    build: str
    lake_version: int
    names: int


@dataclass
class Firms:
    """Looks of a worker taken lately."""

    _kept: dict[_Key, tuple[datetime, Firm]] = field(
        default_factory=dict[_Key, tuple[datetime, Firm]]
    )

    def find(
        self, desk: Desk, uscc: str, opened: Opened, names: Sequence[str], now: datetime
    ) -> Firm | None:
        """A look that still holds."""
        at, firm = self._kept.get(_key(desk, uscc, opened, names), (None, None))
        return firm if at is not None and timedelta(0) <= now - at < KEPT_FOR else None

    def keep(
        self, desk: Desk, opened: Opened, names: Sequence[str], firm: Firm, now: datetime
    ) -> None:
        """Remember a look; the oldest is forgotten first."""
        self._kept.pop(_key(desk, firm.uscc, opened, names), None)
        while len(self._kept) >= _KEPT_AT_MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[_key(desk, firm.uscc, opened, names)] = now, firm


def look_at(
    desk: Desk, uscc: str, opened: Opened, names: Sequence[str], now: datetime, stop: Stop
) -> Firm | None:
    """Look at one firm; None if it is on no register.

    Takes a fraction of a second: not for the event loop.

    Parameters
    ----------
    names : sequence of str
        What rules ask about; those no record answers are left out.
    """
    withheld = opened.withheld(desk.catalogue)
    try:
        ready = _ready(desk, uscc, withheld, names)
        wanted = [name for name in names if name not in ready]
        read = _read(desk, [uscc], withheld, wanted, now, stop)
    except UnknownEnterpriseError:
        return None
    if list(read) != [uscc]:
        return None
    grade, score, scopes = _rated(desk, uscc, opened, now)
    return Firm(uscc, desk.as_of_date, ready | read[uscc], grade, score, withheld, scopes)


def look_at_many(
    desk: Desk,
    usccs: Sequence[str],
    opened: Opened,
    names: Sequence[str],
    now: datetime,
    stop: Stop,
) -> list[Firm]:
    """Look at firms that opened the same; those on no register are left out."""
    withheld = opened.withheld(desk.catalogue)
    known = [uscc for uscc in usccs if _is_known(desk, uscc)]
    read = _read(desk, known, withheld, names, now, stop) if known else {}
    found: list[Firm] = []
    for uscc, columns in read.items():
        grade, score, scopes = _rated(desk, uscc, opened, now)
        found.append(Firm(uscc, desk.as_of_date, columns, grade, score, withheld, scopes))
    return found


def look_at_everybody(
    desk: Desk, opened: Opened, names: Sequence[str], now: datetime, stop: Stop
) -> tuple[list[str], Mapping[str, Column]]:
    """Codes and columns of every firm of the register under one scope."""
    return _columns(desk, None, opened.withheld(desk.catalogue), names, now, stop)


def _key(desk: Desk, uscc: str, opened: Opened, names: Sequence[str]) -> _Key:
    build, version = desk.online.folder.name, desk.stale.lake_version
    return _Key(uscc, opened, desk.bundle.id, build, version, hash(tuple(names)))


def _is_known(desk: Desk, uscc: str) -> bool:
    try:
        desk.lake.find_enterprise(uscc)
    except UnknownEnterpriseError:
        return False
    return True


def _ready(
    desk: Desk, uscc: str, withheld: frozenset[str], names: Sequence[str]
) -> dict[str, Column]:
    """Features of a firm from the online build, where it still speaks for the firm."""
    row = desk.online.find(uscc)
    if row is None or desk.stale.holds(uscc):
        return {}
    wanted = [name for name in names if name in set(desk.online.names)]
    found = np.array(desk.online.vectors[row][desk.online.columns(wanted)], dtype=np.float64)
    found[desk.online.hidden(withheld)[desk.online.columns(wanted)]] = np.nan
    return {name: found[place : place + 1] for place, name in enumerate(wanted)}


def _read(
    desk: Desk,
    usccs: Sequence[str],
    withheld: frozenset[str],
    names: Sequence[str],
    now: datetime,
    stop: Stop,
) -> dict[str, dict[str, Column]]:
    """Columns of some firms from the lake, firm by firm."""
    keys = [desk.lake.find_enterprise(uscc).key for uscc in usccs]
    found, columns = _columns(desk, keys, withheld, names, now, stop)
    return {
        uscc: {name: column[row : row + 1] for name, column in columns.items()}
        for row, uscc in enumerate(found)
    }


def _columns(
    desk: Desk,
    keys: Sequence[int] | None,
    withheld: frozenset[str],
    names: Sequence[str],
    now: datetime,
    stop: Stop,
) -> tuple[list[str], Mapping[str, Column]]:
    scope = DataScope(
        frozenset(desk.catalogue.datasets) - withheld, Purpose.SELF_REPORT, until=now.date()
    )
    with (
        open_snapshot(
            desk.lake,
            desk.catalogue,
            desk.as_of_date,
            scope,
            now=now,
            enterprises=keys,
            threads=1,
            datasets=datasets_of(names),
        ) as snapshot,
        stop.watch(snapshot),
    ):
        read = read_columns(snapshot, names)
    return read.usccs, read.columns


def _rated(
    desk: Desk, uscc: str, opened: Opened, now: datetime
) -> tuple[str | None, int | None, tuple[str, ...]]:
    """Grade and score, and the scopes that would show the model more."""
    sight = desk.sight(opened)
    if sight.sees_nothing:
        return None, None, sight.need_authorisation
    day = desk.as_of_date
    facts = desk.at_hand(uscc, day) or desk.look_up(uscc, day, sight, now)
    rated = None if facts is None else desk.rate(facts, sight)
    if rated is None:
        return None, None, sight.need_authorisation
    return rated.grade, int(rated.ratings.score[0]), sight.need_authorisation
