"""The rows of a run as assessments: findings with their evidence, and what the models say in sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.changes import ChangeSpeaker, changes_between
from models.explain import explain
from models.signals.book import Way
from models.signals.finding import Assessment, Evidence, Finding
from models.signals.levels import NONE, Level
from models.watching.opinions import Judge
from models.watching.origins import NAMED, OriginTeller, Past, Said, lost, rows_by_origin, usccs_of
from models.watching.watch import (
    IS_GRAVE,
    MIGRATION_MONTHS,
    OVER_CUT_OFF,
    STEPS,
    Watched,
)


def assessments_of(
    watched: Watched, rows: IntArray | None = None, past: Past | None = None
) -> Iterator[Assessment]:
    """Everything the run says, exposure by exposure.

    Parameters
    ----------
    rows : ndarray of int64, optional
        Of the exposures wanted; all of them when left out.
    past : Past, optional
        Where the firms that a model warns of are looked up as they were when their loans were granted;
        nothing is said about then when left out.

    Yields
    ------
    Assessment
        Findings by severity, then by code; a signal in neither list is unknown.
    """
    wanted = np.arange(len(watched.exposures)) if rows is None else rows
    teller = _Teller(watched, wanted, past)
    for row in wanted.tolist():
        yield teller.assessment(row)


@dataclass(frozen=True)
class _Teller:
    watched: Watched
    wanted: IntArray
    past: Past | None

    def assessment(self, row: int) -> Assessment:
        watched = self.watched
        found = np.flatnonzero(watched.levels[row] > NONE).tolist()
        order = sorted(found, key=lambda place: (-int(watched.levels[row, place]), place))
        return Assessment(
            institution=watched.exposures.institutions[row],
            uscc=watched.firms.usccs[int(watched.exposures.firm[row])],
            as_of=watched.firms.as_of_date,
            findings=tuple(self._finding(row, place) for place in order),
            clear=self._clear(row),
        )

    def _clear(self, row: int) -> frozenset[str]:
        is_clear = self.watched.levels[row] == NONE
        key = is_clear.tobytes()
        if key not in self._lists:
            named = np.flatnonzero(is_clear).tolist()
            self._lists[key] = frozenset(self.watched.watch.signals[place].code for place in named)
        return self._lists[key]

    @cached_property
    def _lists(self) -> dict[bytes, frozenset[str]]:
        return {}

    def _finding(self, row: int, place: int) -> Finding:
        watched = self.watched
        signal, number = watched.watch.signals[place], int(watched.ways[row, place])
        way, level = signal.ways[number], list(Level)[int(watched.levels[row, place]) - 1]
        voices = [voice for name, voice in self._voices.items() if name in way.names]
        withheld = watched.exposures.views[int(watched.exposures.view[row])]
        return Finding(
            signal=signal.code,
            level=level,
            way=number,
            datasets=way.datasets.union(*(voice.judge.datasets(withheld) for voice in voices)),
            evidence=self._evidence(row, way, withheld),
            says=tuple(said for voice in dict.fromkeys(voices) for said in voice.says(row)),
        )

    def _evidence(self, row: int, way: Way, withheld: frozenset[str]) -> tuple[Evidence, ...]:
        """Values of what the way shows, as far as they are known and open."""
        watched, found = self.watched, list[Evidence]()
        for name in way.shows:
            term = watched.watch.vocabulary.term(name, "evidence")
            column = watched.facts.get(name)
            value = (
                watched.firms.columns[name][watched.exposures.firm[row]]
                if column is None
                else column[row]
            )
            if withheld.isdisjoint(term.datasets) and not np.isnan(value):
                found.append(Evidence(name, float(value), term.unit, term.datasets))
        return tuple(found)

    @cached_property
    def _voices(self) -> "dict[str, _Voice]":
        watch, found = self.watched.watch, dict[str, _Voice]()
        if watch.warning is not None:
            mine = self._holding({OVER_CUT_OFF})
            found[OVER_CUT_OFF] = _Voice(watch.warning, self.watched, mine, self.past, why=True)
        if watch.rating is not None:
            mine = self._holding({STEPS, IS_GRAVE})
            fell = _Voice(watch.rating, self.watched, mine, self.past, why=False)
            found |= {STEPS: fell, IS_GRAVE: fell}
        self._look_back(list(found.values()))
        return found

    def _holding(self, facts: set[str]) -> IntArray:
        """Wanted exposures for which a signal holds that asks about one of these facts."""
        asks = [
            not facts.isdisjoint(name for way in signal.ways for name in way.names)
            for signal in self.watched.watch.signals
        ]
        holds = (self.watched.levels[self.wanted][:, asks] > NONE).any(axis=1)
        return self.wanted[holds]

    def _look_back(self, voices: "Sequence[_Voice]") -> None:
        """Look up everybody of one month of grant together, whatever model warns and whoever is told."""
        if self.past is not None and voices:
            rows = np.unique(np.concatenate([voice.rows for voice in voices]))
            for day, mine in rows_by_origin(self.watched, rows).items():
                self.past.firms(day, usccs_of(self.watched, mine))


@dataclass(frozen=True, eq=False)
class _Voice:
    """A model explaining itself; firms of one view at a time, when the first of them is asked about."""

    judge: Judge
    watched: Watched
    rows: IntArray
    past: Past | None
    why: bool

    def says(self, row: int) -> Said:
        view = int(self.watched.exposures.view[row])
        if view not in self._told:
            mine = self.rows[self.watched.exposures.view[self.rows] == view]
            self._told[view] = dict(zip(mine.tolist(), self._tell(mine, view), strict=True))
        return self._told[view].get(row, ())

    @cached_property
    def _told(self) -> dict[int, dict[int, Said]]:
        return {}

    def _tell(self, rows: IntArray, view: int) -> Iterator[Said]:
        exposures = self.watched.exposures
        hidden = self.judge.hidden(exposures.views[view])
        now = self.judge.ask(self.watched.firms, exposures, rows)
        reasons = self._reasons(now.seen, hidden) if self.why else [()] * len(rows)
        moved = self._movements(rows, now.seen, hidden)
        since = self._since_grant(rows, now.seen, exposures.views[view])
        return (why + what + was for why, what, was in zip(reasons, moved, since, strict=True))

    @property
    def _score(self) -> tuple[str, str]:
        return ("预警模型评分", "Score of the warning model") if self.why else ("评分", "Score")

    def _since_grant(
        self, rows: IntArray, seen: FloatArray, withheld: frozenset[str]
    ) -> list[Said]:
        if self.past is None:
            return [()] * len(rows)
        teller = OriginTeller(self.judge, self.watched, self.past, self._score)
        found = teller.says(rows, seen, withheld)
        return [found.get(row, ()) for row in rows.tolist()]

    def _reasons(self, seen: FloatArray, hidden: BoolArray) -> list[Said]:
        bundle, names = self.judge.bundle, self.judge.names
        points = bundle.points(seen, hidden).group_points
        found: list[Said] = []
        for values, groups in zip(seen.tolist(), points.tolist(), strict=True):
            given = dict(zip(bundle.layout.groups, groups, strict=True))
            why = explain(bundle.reasons, given, dict(zip(names, values, strict=True)))
            found.append(
                tuple(
                    (
                        f"{one.title.zh}（{one.points:+d} 分）：{one.facts[0].zh}",
                        f"{one.title.en} ({one.points:+d} points): {one.facts[0].en}",
                    )
                    for one in islice(why.negative, NAMED)
                )
            )
        return found

    def _movements(self, rows: IntArray, seen: FloatArray, hidden: BoolArray) -> list[Said]:
        """What changed since the earlier date, of firms that had a record then."""
        if self.watched.before is None:
            return [()] * len(rows)
        then = self.judge.ask(self.watched.before, self.watched.exposures, rows)
        changes = changes_between(self.judge.bundle, then.seen, seen, hidden)
        speaker = ChangeSpeaker(self.judge.bundle, self.watched.watch.registry)
        zh, en = self._score
        return [
            (
                (
                    f"{MIGRATION_MONTHS} 个月来{zh}由 {before} 变为 {now}",
                    f"{en} over {MIGRATION_MONTHS} months: from {before} to {now}",
                ),
                *lost(speaker, changes, row, then.seen[row], seen[row]),
            )
            if known
            else ()
            for row, (known, before, now) in enumerate(
                zip(
                    then.is_known.tolist(),
                    changes.before.tolist(),
                    changes.now.tolist(),
                    strict=True,
                )
            )
        ]
