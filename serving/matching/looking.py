"""One look at a firm for matching: what rules ask of its records, and its grade, under one scope.

What was read (`serving.matching.records`) is kept for a minute, since only a repair that falls due can change
it while the lake stands still.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from features.rules.evaluate import Column
from models.matching.inputs import FirmColumns
from serving.matching.records import Question
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

    May take a fraction of a second: not for the event loop.

    Parameters
    ----------
    names : sequence of str
        What rules ask about; those no record answers are left out.
    """
    found = look_at_many(desk, [uscc], opened, names, now, stop)
    return found[0] if found else None


def look_at_many(
    desk: Desk,
    usccs: Sequence[str],
    opened: Opened,
    names: Sequence[str],
    now: datetime,
    stop: Stop,
) -> list[Firm]:
    """Look at firms that opened the same, in any order; those on no register are left out."""
    withheld = opened.withheld(desk.catalogue)
    read = Question(desk, names, withheld, now, stop).of(usccs)
    found: list[Firm] = []
    for row, uscc in enumerate(read.usccs):
        columns = {name: column[row : row + 1] for name, column in read.columns.items()}
        grade, score, scopes = _rated(desk, uscc, opened, now)
        found.append(Firm(uscc, desk.as_of_date, columns, grade, score, withheld, scopes))
    return found


def look_at_everybody(
    desk: Desk, opened: Opened, names: Sequence[str], now: datetime, stop: Stop
) -> FirmColumns:
    """Every firm of the register under one scope."""
    return Question(desk, names, opened.withheld(desk.catalogue), now, stop).of_everybody()


def _key(desk: Desk, uscc: str, opened: Opened, names: Sequence[str]) -> _Key:
    build, version = desk.online.folder.name, desk.stale.lake_version
    return _Key(uscc, opened, desk.bundle.id, build, version, hash(tuple(names)))


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
