"""Features and facts of watched firms, from builds that are kept at today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from features.definitions import REGISTRY
from features.facts import COLUMNS
from features.lake import Lake
from features.online import OnlineVectors
from features.renewal import Shelf, is_behind, rebuilt, renewed
from features.windows import months_before
from models.arrays import FloatArray
from models.watching.exposures import Firms
from models.watching.watch import MIGRATION_MONTHS

#: How often it is asked which repairs have fallen due.
DUE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Builds:
    """The features and facts of everybody today, and what the models read of three months ago."""

    today: OnlineVectors
    before: OnlineVectors

    @property
    def stamps(self) -> tuple[str, str]:
        """Which builds these are."""
        return (self.today.folder.name, self.before.folder.name)


@dataclass
class Shelves:
    """Where the builds are kept.

    Parameters
    ----------
    home : Path
        `online` is everybody's; `watch` is the watch's own.
    """

    home: Path
    _last: tuple[int, datetime, Builds] | None = None

    def renew(self, now: datetime, names_before: Sequence[str]) -> Builds:
        """Bring everything to today and to the lake as it is.

        What was known three months ago is built once a day; a record that comes later says little of then.
        Where the lake has not moved, only a repair that falls due can matter; that is asked once a minute.
        """
        version = Lake(self.home / "lake").view().version
        if self._last is not None:
            seen, at, builds = self._last
            if seen == version and at.date() == now.date() and timedelta(0) <= now - at < DUE_EVERY:
                return builds
        builds = self._renewed(now, names_before)
        self._last = (version, now, builds)
        return builds

    def _renewed(self, now: datetime, names_before: Sequence[str]) -> Builds:
        today = now.date()
        build = self._kept(Shelf(self.home / "lake", self.home / "online", COLUMNS), today, now)
        earlier = months_before(today, MIGRATION_MONTHS)
        registry = REGISTRY.select(names_before)
        shelf = Shelf(self.home / "lake", self.home / "watch" / "before", registry)
        before = shelf.current()
        if before is None or before.as_of_date != earlier or before.names != shelf.registry.names:
            before = rebuilt(shelf, earlier, now=now)
        return Builds(build, before)

    @staticmethod
    def _kept(shelf: Shelf, today: date, now: datetime) -> OnlineVectors:
        build = shelf.current()
        if build is None or is_behind(shelf, today, now=now):
            return renewed(shelf, today, now=now)[0]
        return build


def firms_of(
    builds: Builds, usccs: Sequence[str], names: Sequence[str], names_before: Sequence[str]
) -> tuple[Firms, Firms]:
    """The firms of some codes today and three months ago, row by row.

    Parameters
    ----------
    usccs : sequence of str
        Firms of which every build of today has a row.
    """
    today = builds.today
    columns = dict(_columns(today, usccs, [name for name in names if name in today.names]))
    earlier = dict(_columns(builds.before, usccs, names_before))
    return (
        Firms(usccs, today.as_of_date, columns),
        Firms(usccs, builds.before.as_of_date, earlier),
    )


def _columns(
    build: OnlineVectors, usccs: Sequence[str], names: Sequence[str]
) -> list[tuple[str, FloatArray]]:
    """Columns of some firms, NaN for one the build has not heard of."""
    codes = np.array([uscc.encode() for uscc in usccs], dtype=build.usccs.dtype)
    rows = np.minimum(np.searchsorted(build.usccs, codes), len(build.usccs) - 1)
    is_there = build.usccs[rows] == codes
    places = build.columns(names)
    found = np.array(build.vectors[rows][:, places])
    found[~is_there] = np.nan
    return [(name, np.ascontiguousarray(found[:, place])) for place, name in enumerate(names)]
