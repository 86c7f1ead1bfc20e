"""One round of the watch: whoever's inputs changed since the last one is asked about.

What an exposure's signals are depends on a row of numbers and on what is closed to its institution. The
row's digest is remembered; where it is another than before, the exposure is asked about. A process that
has just begun, and the first round of a day, asks about everyone; alerts that are told the same thing
twice do not change.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.contracts import Catalogue, load_catalogue
from features.lake import Lake, LakeView
from models.arrays import FloatArray, IntArray
from models.signals.finding import Assessment, Finding
from models.signals.levels import NONE, Level
from models.watching.assessments import assessments_of
from models.watching.exposures import Exposures, Firms
from models.watching.look import LookBack, mortgages_of
from models.watching.origins import with_origins
from models.watching.setting import Setting, serving, set_watch
from models.watching.watch import Watch, Watched, run_watch
from serving.alerts.kinds import kind_of
from serving.alerts.repository import alerted_pairs, origins_told
from serving.alerts.rows import OriginTold
from serving.alerts.taking import take_assessments
from serving.db import Database
from serving.watching.columns import DUE_EVERY, Builds, Shelves, firms_of
from serving.watching.inputs import Portfolio, exposures_in, read_portfolio, read_queries
from serving.watching.names import registered_names

Pair = tuple[str, str]
Digests = Mapping[Pair, int]
_SEED, _ODD = 20261121, np.uint64(0x9E3779B97F4A7C15)
#: A closed alert may be opened again, or has to hear that it is clear, for at most so long.
REMEMBERED = timedelta(days=400)
#: Assessments taken into alerts in one transaction.
BATCH = 500


@dataclass(frozen=True)
class _Inputs:
    """What a round went by; the same again has nothing new to say."""

    day: date
    models: object
    builds: object
    portfolio: Portfolio

    def asks_everyone(self, last: "_Inputs | None") -> bool:
        """Whether digests of the last round are of no use."""
        return last is None or (last.day, last.models) != (self.day, self.models)


@dataclass(frozen=True)
class _Round:
    """What is to be told, and what to remember when it has been."""

    assessments: Sequence[Assessment]
    names: Mapping[str, str]
    inputs: _Inputs
    digests: Digests
    model: str


@dataclass
class Watcher:
    """The watch of one home.

    Parameters
    ----------
    home : Path
    subject_of : callable
        Pseudonym of an enterprise for the record.
    """

    home: Path
    subject_of: Callable[[str], str]
    catalogue: Catalogue = field(default_factory=load_catalogue)
    _digests: Digests = field(default_factory=dict[Pair, int])
    _inputs: _Inputs | None = None
    _setting: Setting | None = None
    _queries: tuple[datetime, Mapping[str, int]] | None = None

    def __post_init__(self) -> None:
        self._shelves = Shelves(self.home)

    async def work(self, database: Database, now: datetime) -> int:
        """One round; says how many alerts changed."""
        async with database.transaction() as connection:
            if self._queries is None or not timedelta(0) <= now - self._queries[0] < DUE_EVERY:
                self._queries = (now, await read_queries(connection, now))
            portfolio = await read_portfolio(connection, now, self._queries[1])
            alerted = await alerted_pairs(connection, now - REMEMBERED)
            told = await origins_told(connection)
        if not portfolio.pairs:
            return 0
        found = await asyncio.to_thread(self._look, portfolio, alerted, told, now)
        if found is None:
            return 0
        changed = 0
        for start in range(0, len(found.assessments), BATCH):
            some = found.assessments[start : start + BATCH]
            async with database.transaction() as connection:
                changed += await take_assessments(
                    connection,
                    some,
                    now=now,
                    subject_of=self.subject_of,
                    names=found.names,
                    model=found.model,
                )
        self._digests, self._inputs = found.digests, found.inputs
        return changed

    def _look(
        self,
        portfolio: Portfolio,
        alerted: frozenset[tuple[str, str]],
        told_before: Sequence[OriginTold],
        now: datetime,
    ) -> _Round | None:
        """Bring the builds to now, find whose inputs are others than before, and ask about them."""
        setting = self._set(now.date())
        watch = setting.watch
        builds = self._shelves.renew(now, watch.names_before)
        inputs = _Inputs(now.date(), setting.bundles, builds.stamps, portfolio)
        if inputs == self._inputs:
            return None
        lake = Lake(self.home / "lake").view()
        exposures, firms, before = self._arrays(portfolio, watch, builds, lake, now)
        pairs = pairs_of(exposures, firms)
        digests = dict(zip(pairs, digests_of(exposures, firms, before), strict=True))
        last = {} if inputs.asks_everyone(self._inputs) else self._digests
        changed = [row for row, pair in enumerate(pairs) if last.get(pair) != digests[pair]]
        some = exposures.take(np.array(changed, dtype=np.int64))
        watched = run_watch(watch, some, firms, before)
        has_alert = [pair in alerted for pair in pairs_of(some, firms)]
        matters = (watched.worst > NONE) | np.array(has_alert, dtype=np.bool_)
        told = list(assessments_of(watched, np.flatnonzero(matters)))
        past = LookBack(lake, self.catalogue, watch.registry.select(watch.names_before), now)
        told = _told_origins(watched, told, np.flatnonzero(matters), past, told_before)
        names = registered_names(lake, self.catalogue, {one.uscc for one in told}, now)
        return _Round(told, names, inputs, digests, setting.version)

    def _set(self, day: date) -> Setting:
        """The signals and models of the day, opened again when others serve."""
        bundles = self.home / "bundles"
        if self._setting is None or (self._setting.day, self._setting.bundles) != (
            day,
            serving(bundles),
        ):
            self._setting = set_watch(bundles, self.home / "tables", day)
        return self._setting

    def _arrays(
        self, portfolio: Portfolio, watch: Watch, builds: Builds, lake: LakeView, now: datetime
    ) -> tuple[Exposures, Firms, Firms]:
        usccs = [uscc for uscc in portfolio.usccs if builds.today.find(uscc) is not None]
        firms, before = firms_of(builds, usccs, watch.names, watch.names_before)
        exposures = exposures_in(
            portfolio,
            watch,
            firms,
            self.catalogue,
            now.date(),
            lambda some: mortgages_of(lake, self.catalogue, some, now.date(), now),
        )
        return exposures, firms, before


def _told_origins(
    watched: Watched,
    told: Sequence[Assessment],
    rows: IntArray,
    past: LookBack,
    before: Sequence[OriginTold],
) -> list[Assessment]:
    """Say what changed since the grant where a model's warning is new, got worse or rests on other data."""
    known = {(one.institution, one.uscc, one.signal): one for one in before}

    def is_news(one: Assessment, finding: Finding) -> bool:
        last = known.get((one.institution, one.uscc, finding.signal))
        is_told = (
            last is not None
            and frozenset(last.datasets) == finding.datasets
            and Level(last.level).rank >= finding.level.rank
        )
        return kind_of(finding.signal).is_model and not is_told

    news = [at for at, one in enumerate(told) if any(is_news(one, each) for each in one.findings)]
    found = with_origins(watched, [told[at] for at in news], rows[news], past)
    by_place = dict(zip(news, found, strict=True))
    return [by_place.get(at, one) for at, one in enumerate(told)]


def pairs_of(exposures: Exposures, firms: Firms) -> list[Pair]:
    """Institution and firm of each exposure."""
    rows: list[int] = exposures.firm.tolist()
    usccs = [firms.usccs[row] for row in rows]
    return list(zip(exposures.institutions, usccs, strict=True))


def digests_of(exposures: Exposures, firms: Firms, before: Firms) -> list[int]:
    """A number for everything an exposure's signals depend on, n of them.

    Two rows that differ share one about once in 2^64 times; a bit of a number moves half the bits of it.
    """
    rng = np.random.default_rng(_SEED)
    by_firm = _digest([*firms.columns.values(), *before.columns.values()], rng)[exposures.firm]
    closed = np.array([_number(view) for view in exposures.views], dtype=np.uint64)[exposures.view]
    of_loans = _digest([exposures.facts[name] for name in sorted(exposures.facts)], rng)
    mixed = (by_firm * _ODD) ^ (of_loans + closed)
    return mixed.tolist()


def _digest(columns: Sequence[FloatArray], rng: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Multilinear hash of rows; NaN is one value however it came about."""
    found = np.zeros(len(columns[0]) if columns else 0, dtype=np.uint64)
    for column in columns:
        known = np.where(np.isnan(column), np.nan, column + 0.0)
        bits = known.view(np.uint64)
        low, high = rng.integers(1, 2**63, 2, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        found += (bits ^ (bits >> np.uint64(29))) * low ^ (bits >> np.uint64(32)) * high
    return found


def _number(view: frozenset[str]) -> int:
    """A number for a set of closed datasets that is the same in every process."""
    text = "\x1f".join(sorted(view)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little")
