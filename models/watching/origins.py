"""Since the loan was granted: what a model says now, held against what it would have said then.

Then is the end of the month before the grant, the latest state a lender could go by. Both are seen through
what is open to the lender today, and without datasets that do not reach back so far: data that began to
arrive meanwhile are no change of the firm.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

import numpy as np

from features.contracts import Words
from features.windows import months_before
from models.arrays import FloatArray, IntArray
from models.changes import Changes, ChangeSpeaker, changes_between
from models.record import has_any_record, proving_columns
from models.signals.finding import Assessment
from models.signals.levels import NONE
from models.watching.assessments import NAMED, Said
from models.watching.exposures import Firms
from models.watching.opinions import Judge
from models.watching.watch import IS_GRAVE, OVER_CUT_OFF, STEPS, Watched

#: A dataset counts if it was held for so long before the day: less would make a sum over a year rise by itself.
REACH_MONTHS = 12


class Past(Protocol):
    """Where earlier days are looked up, see `models.watching.look.LookBack`."""

    @property
    def begins(self) -> Mapping[str, date]:
        """The first day on which anything of a dataset was known."""
        ...

    def firms(self, day: date, usccs: Sequence[str]) -> Firms:
        """Some firms at a day, in the order asked."""
        ...

    def title(self, dataset: str) -> Words:
        """What a dataset is called."""
        ...


def origin_of(granted_on: date) -> date:
    """The last month end before the day of the grant.

    Examples
    --------
    >>> origin_of(date(2024, 3, 15)), origin_of(date(2024, 3, 31)), origin_of(date(2024, 3, 1))
    (datetime.date(2024, 2, 29), datetime.date(2024, 2, 29), datetime.date(2024, 2, 29))
    """
    return granted_on.replace(day=1) - timedelta(days=1)


def with_origins(
    watched: Watched, assessments: Sequence[Assessment], rows: IntArray, past: Past
) -> list[Assessment]:
    """Assessments of which the findings of models say what changed since the loan was granted.

    Parameters
    ----------
    assessments : sequence of Assessment, length n
    rows : ndarray of int64, shape (n,)
        Their exposures. A build is made for every month of grant among those a model warns of, so
        whoever asks leaves out what has been told already.
    past : Past
        Where their firms are looked up as they were.
    """
    said = _Origins(watched, rows, past).says()
    return [
        replace(
            one,
            findings=tuple(
                replace(finding, since_grant=said.get((row, finding.signal)))
                for finding in one.findings
            ),
        )
        for one, row in zip(assessments, rows.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class _Origins:
    """Who is looked up: exposures for which a signal of a model holds, and whose day of grant is known."""

    watched: Watched
    rows: IntArray
    past: Past

    def says(self) -> dict[tuple[int, str], Said]:
        """Sentences by exposure and signal."""
        asked = [(teller, code, self._holding(code)) for teller, code in self._asking()]
        everybody = [rows for _, _, rows in asked] or [self.rows[:0]]
        for day, mine in _by_origin(self.watched, np.unique(np.concatenate(everybody))).items():
            # Everybody of a month together, whatever model warns and whoever is told.
            self.past.firms(day, _usccs(self.watched, mine))
        return {
            (row, code): said
            for teller, code, rows in asked
            for row, said in teller.says(rows).items()
        }

    def _asking(self) -> Iterator[tuple["_Teller", str]]:
        watch = self.watched.watch
        for judge, facts, score in (
            (watch.warning, {OVER_CUT_OFF}, ("预警模型评分", "Score of the warning model")),
            (watch.rating, {STEPS, IS_GRAVE}, ("评分", "Score")),
        ):
            if judge is not None:
                teller = _Teller(judge, self.watched, self.past, score)
                for signal in watch.signals:
                    if not facts.isdisjoint(name for way in signal.ways for name in way.names):
                        yield teller, signal.code

    def _holding(self, code: str) -> IntArray:
        place = [signal.code for signal in self.watched.watch.signals].index(code)
        return self.rows[self.watched.levels[self.rows, place] > NONE]


def _by_origin(watched: Watched, rows: IntArray) -> dict[date, list[int]]:
    """Exposures whose day of grant is known, by the month end that they are held against."""
    found: dict[date, list[int]] = {}
    for row in rows.tolist():
        granted = watched.exposures.granted_on(row)
        if granted is not None:
            found.setdefault(origin_of(granted), []).append(row)
    return found


def _usccs(watched: Watched, rows: Sequence[int]) -> list[str]:
    return [watched.firms.usccs[int(watched.exposures.firm[row])] for row in rows]


@dataclass(frozen=True)
class _Teller:
    """Says what changed by one model's words; `score` is what its score is called."""

    judge: Judge
    watched: Watched
    past: Past
    score: tuple[str, str]

    def says(self, rows: IntArray) -> dict[int, Said]:
        """Sentences by exposure; nothing of one without a day of grant."""
        exposures, found = self.watched.exposures, dict[int, Said]()
        for view in np.unique(exposures.view[rows]).tolist():
            mine = rows[exposures.view[rows] == view]
            for day, some in _by_origin(self.watched, mine).items():
                said = self._said(day, some, exposures.views[view])
                found |= zip(some, said, strict=True)
        return found

    def _said(self, day: date, rows: Sequence[int], withheld: Collection[str]) -> list[Said]:
        bundle, features = self.judge.bundle, self.judge.bundle.manifest.features
        young = self._young(day, withheld)
        hidden = self.judge.hidden(young.union(withheld))
        held = self.past.firms(day, _usccs(self.watched, rows)).matrix(self.judge.names)
        own = self.watched.firms.matrix(self.judge.names, self.watched.exposures.firm[list(rows)])
        then, now = np.where(hidden, np.nan, held), np.where(hidden, np.nan, own)
        known = has_any_record(features, then) & has_any_record(features, now)
        if not known.any():
            is_too_early = bool(hidden[proving_columns(features)].all())
            return [self._nothing(row, young if is_too_early else ()) for row in rows]
        changes = changes_between(bundle, then, now, hidden)
        speaker = ChangeSpeaker(bundle, self.watched.watch.registry)
        return [
            (
                self._total(row, day, changes, at),
                *_lost(speaker, changes, at, then[at], now[at]),
                *self._left_out(young),
            )
            if known[at]
            else self._nothing(row, ())
            for at, row in enumerate(rows)
        ]

    def _young(self, day: date, withheld: Collection[str]) -> frozenset[str]:
        """Open datasets that were not held for long enough by then; one that holds nothing is not missed."""
        since, begins = months_before(day, REACH_MONTHS), self.past.begins
        return frozenset(
            name
            for name in self.judge.datasets(withheld)
            if name in begins and begins[name] > since
        )

    def _total(self, row: int, day: date, changes: Changes, at: int) -> tuple[str, str]:
        granted, today = self.watched.exposures.granted_on(row), self.watched.firms.as_of_date
        (zh, en), before, now = self.score, int(changes.before[at]), int(changes.now[at])
        return (
            f"自 {granted} 放款以来，{zh}由 {before}（{day}）变为 {now}（{today}）",
            f"{en} since the loan was granted on {granted}: from {before} ({day}) to {now} ({today})",
        )

    def _left_out(self, young: Collection[str]) -> Said:
        if not young:
            return ()
        titles = [self.past.title(name) for name in sorted(young)]
        zh, en = "、".join(one.zh for one in titles), ", ".join(one.en for one in titles)
        return (
            (
                f"未计入此项对比的数据（放款时积累不足 {REACH_MONTHS} 个月）：{zh}",
                f"Left out of this, held for less than {REACH_MONTHS} months when the loan was granted: {en}",
            ),
        )

    def _nothing(self, row: int, young: Collection[str]) -> Said:
        granted = self.watched.exposures.granted_on(row)
        zh, en = "当时没有可供查看的记录", "nothing open to you was on record then"
        if young:
            begins = min(self.past.begins[name] for name in young)
            zh = f"可供查看的数据始于 {begins}，放款时积累不足 {REACH_MONTHS} 个月"
            en = f"the data open to you begin on {begins}, less than {REACH_MONTHS} months before"
        return (
            (
                f"无法与放款时（{granted}）对比：{zh}",
                f"No comparison with the grant of the loan on {granted}: {en}",
            ),
        )


def _lost(
    speaker: ChangeSpeaker, changes: Changes, at: int, before: FloatArray, now: FloatArray
) -> Said:
    """The groups that lost most points, a sentence each."""
    named = speaker.groups(changes, at, before, now, most=NAMED)
    return tuple((one.words.zh, one.words.en) for one in named)
