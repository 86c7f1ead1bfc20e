"""Since the loan was granted: what a model says now, held against what it would have said then.

Then is the end of the month before the grant, the latest state a lender could go by. Both are seen through
what is open to the lender today, and without datasets that do not reach back so far: data that began to
arrive meanwhile are no change of the firm.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import numpy as np

from features.contracts import Words
from features.windows import months_before
from models.arrays import FloatArray, IntArray
from models.changes import Changes, ChangeSpeaker, changes_between
from models.record import has_any_record
from models.watching.exposures import Firms
from models.watching.opinions import Judge
from models.watching.watch import Watched

#: Movements named of a fall (domain: W54, top 3).
NAMED = 3
#: A dataset counts if it was held for so long before the day: less would make a sum over a year rise by itself.
REACH_MONTHS = 12
Said = tuple[tuple[str, str], ...]


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


def rows_by_origin(watched: Watched, rows: IntArray) -> dict[date, list[int]]:
    """Exposures whose day of grant is known, by the month end that they are held against."""
    found: dict[date, list[int]] = {}
    for row in rows.tolist():
        granted = watched.exposures.granted_on(row)
        if granted is not None:
            found.setdefault(origin_of(granted), []).append(row)
    return found


def usccs_of(watched: Watched, rows: Sequence[int]) -> list[str]:
    """Codes of the firms of some exposures."""
    return [watched.firms.usccs[int(watched.exposures.firm[row])] for row in rows]


@dataclass(frozen=True)
class OriginTeller:
    """Says what changed by one model's words.

    Parameters
    ----------
    score : tuple of (zh, en)
        What the model's score is called.
    """

    judge: Judge
    watched: Watched
    past: Past
    score: tuple[str, str]

    def says(self, rows: IntArray, seen: FloatArray, withheld: Collection[str]) -> dict[int, Said]:
        """Sentences of exposures of one view, by row; nothing of one without a day of grant.

        Parameters
        ----------
        seen : ndarray of shape (n, k)
            What the model sees now, row by row.
        withheld : collection of str
            Datasets that the view closes.
        """
        place = {row: at for at, row in enumerate(rows.tolist())}
        found: dict[int, Said] = {}
        for day, mine in rows_by_origin(self.watched, rows).items():
            now = seen[[place[row] for row in mine]]
            found |= zip(mine, self._said(day, mine, now, withheld), strict=True)
        return found

    def _said(
        self, day: date, rows: Sequence[int], seen: FloatArray, withheld: Collection[str]
    ) -> list[Said]:
        bundle, features = self.judge.bundle, self.judge.bundle.manifest.features
        young = self._young(day, withheld)
        hidden = self.judge.hidden(young.union(withheld))
        then = self.past.firms(day, usccs_of(self.watched, rows)).matrix(self.judge.names)
        now = np.where(hidden, np.nan, seen)
        then[:, hidden] = np.nan
        known = has_any_record(features, then) & has_any_record(features, now)
        if not known.any():
            return [self._nothing(row, young) for row in rows]
        changes = changes_between(bundle, then, now, hidden)
        speaker = ChangeSpeaker(bundle, self.watched.watch.registry)
        return [
            (
                self._total(row, day, changes, at),
                *lost(speaker, changes, at, then[at], now[at]),
                *self._left_out(young),
            )
            if known[at]
            else self._nothing(row, young)
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
        granted = self.watched.exposures.granted_on(row)
        (zh, en), before, now = self.score, int(changes.before[at]), int(changes.now[at])
        return (
            f"自 {granted} 放款以来（对比 {day} 的数据）{zh}由 {before} 变为 {now}",
            f"{en} since the loan was granted on {granted} (data of {day}): from {before} to {now}",
        )

    def _left_out(self, young: Collection[str]) -> Said:
        if not young:
            return ()
        titles = [self.past.title(name) for name in sorted(young)]
        return (
            (
                f"未计入此项对比的数据（放款时尚无满 {REACH_MONTHS} 个月记录）：{'、'.join(one.zh for one in titles)}",
                f"Left out of this, held for less than {REACH_MONTHS} months when the loan was granted: "
                + ", ".join(one.en for one in titles),
            ),
        )

    def _nothing(self, row: int, young: Collection[str]) -> Said:
        granted = self.watched.exposures.granted_on(row)
        if young:
            begins = min(self.past.begins[name] for name in young)
            why = (
                f"可供查看的数据自 {begins} 起才有，不足 {REACH_MONTHS} 个月",
                f"the data open to you begin on {begins}, less than {REACH_MONTHS} months before",
            )
        else:
            why = ("当时没有可供查看的记录", "nothing open to you was on record then")
        return (
            (
                f"无法与放款时（{granted}）对比：{why[0]}",
                f"No comparison with the grant of the loan on {granted}: {why[1]}",
            ),
        )


def lost(
    speaker: ChangeSpeaker, changes: Changes, at: int, before: FloatArray, now: FloatArray
) -> Said:
    """The groups that lost most points, a sentence each."""
    named = speaker.groups(changes, at, before, now, most=NAMED)
    return tuple((one.words.zh, one.words.en) for one in named)
