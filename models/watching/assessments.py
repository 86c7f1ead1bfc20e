"""The rows of a run as assessments: findings with their evidence, and what the models say in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.changes import Changes, ChangeSpeaker, changes_between
from models.explain import explain
from models.signals.book import Way
from models.signals.finding import Assessment, Evidence, Finding
from models.signals.levels import NONE, Level
from models.watching.opinions import Judge
from models.watching.watch import (
    IS_GRAVE,
    MIGRATION_MONTHS,
    OVER_CUT_OFF,
    STEPS,
    Watched,
)

#: Reasons named of a warning, and movements named of a fall (domain: W54, top 3).
NAMED = 3
Said = tuple[tuple[str, str], ...]


def assessments_of(watched: Watched, rows: IntArray | None = None) -> Iterator[Assessment]:
    """Everything the run says, exposure by exposure.

    Parameters
    ----------
    rows : ndarray of int64, optional
        Of the exposures wanted; all of them when left out.

    Yields
    ------
    Assessment
        Findings by severity, then by code; a signal in neither list is unknown.
    """
    teller = _Teller(watched)
    wanted = np.arange(len(watched.exposures)) if rows is None else rows
    for row in wanted.tolist():
        yield teller.assessment(row)


@dataclass(frozen=True)
class _Teller:
    watched: Watched

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
            found[OVER_CUT_OFF] = _Voice(watch.warning, self.watched, OVER_CUT_OFF, why=True)
        if watch.rating is not None:
            fell = _Voice(watch.rating, self.watched, STEPS, why=False)
            found |= {STEPS: fell, IS_GRAVE: fell}
        return found


@dataclass(frozen=True, eq=False)
class _Voice:
    """A model explaining itself; firms of one view at a time, when the first of them is asked about."""

    judge: Judge
    watched: Watched
    fact: str
    why: bool

    def says(self, row: int) -> Said:
        view = int(self.watched.exposures.view[row])
        if view not in self._told:
            mine = np.flatnonzero(
                (self.watched.exposures.view == view) & (self.watched.facts[self.fact] > 0)
            )
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
        return (why + what for why, what in zip(reasons, moved, strict=True))

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
        return [
            self._moved(speaker, changes, row, then.seen[row], seen[row]) if known else ()
            for row, known in enumerate(then.is_known.tolist())
        ]

    def _moved(
        self,
        speaker: ChangeSpeaker,
        changes: Changes,
        row: int,
        before: FloatArray,
        now: FloatArray,
    ) -> Said:
        score, since = int(changes.before[row]), int(changes.now[row])
        named = speaker.groups(changes, row, before, now, most=NAMED)
        zh, en = ("预警模型评分", "Score of the warning model") if self.why else ("评分", "Score")
        total = (
            f"{MIGRATION_MONTHS} 个月来{zh}由 {score} 变为 {since}",
            f"{en} over {MIGRATION_MONTHS} months: from {score} to {since}",
        )
        return (total, *((one.words.zh, one.words.en) for one in named))
