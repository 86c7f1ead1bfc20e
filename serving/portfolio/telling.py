"""From figures to what is told of a portfolio; counts that are too small for the reader are null."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np

from features.codes.industries import load_industries
from features.codes.regions import region_name
from features.windows import months_before
from models.scale import load_scale
from serving.portfolio.counting import LEVELS, Counts, Ints, count_by, migration_of
from serving.portfolio.hiding import hide_small
from serving.portfolio.repository import Borrower
from serving.portfolio.rules import PortfolioRules
from serving.portfolio.schemas import (
    GradeCount,
    Levels,
    Migration,
    MonthCount,
    Part,
    PortfolioAnswer,
    Words,
)

_UNKNOWN = Words(zh="未知", en="unknown")


@dataclass(frozen=True)
class Figures:
    """What was read of a portfolio.

    Attributes
    ----------
    alerts : ndarray of shape (n, 4)
        Open warnings about each borrower, see `serving.portfolio.counting.LEVELS`.
    sections : sequence of str
        Letter of each borrower's industry; empty for unknown.
    then, now : mapping of str to str
        Grades by enterprise, as of `back` and now.
    moved : mapping of date to (int, int)
        Warnings raised and closed by the first day of a month.
    """

    borrowers: Sequence[Borrower]
    alerts: Ints
    sections: Sequence[str]
    guaranteed: int
    then: Mapping[str, str]
    now: Mapping[str, str]
    back: date
    moved: Mapping[date, tuple[int, int]]


@dataclass(frozen=True)
class Telling:
    """Says figures as far as the reader may know them.

    Attributes
    ----------
    least : int
        The smallest count that is told; 1 tells everything.
    """

    institution: str
    today: date
    rules: PortfolioRules
    least: int

    def answer(self, of: Figures) -> PortfolioAnswer:
        """The whole view."""
        rows, codes = of.borrowers, [one.uscc[2:8] for one in of.borrowers]
        many = self._count(len(rows))
        products = [one.product_code for one in rows]
        late = sum(one.days_past_due > self.rules.overdue_days for one in rows)
        grades, ungraded = self._grades(of)
        return PortfolioAnswer(
            institution=self.institution,
            on=self.today,
            borrowers=many,
            loans=None if many is None else sum(one.loans for one in rows),
            balance=None if many is None else _yuan(sum(one.balance_fen for one in rows)),
            overdue=self._count(late),
            guaranteed=self._count(of.guaranteed),
            alerts=_levels([self._count(int(one)) for one in of.alerts.sum(axis=0)]),
            regions=self._parts(count_by(codes, rows, of.alerts), _region),
            industries=self._parts(count_by(of.sections, rows, of.alerts), _industry),
            products=self._parts(count_by(products, rows, of.alerts), _product),
            grades=grades,
            ungraded=ungraded,
            migration=self._migration(of),
            months=self._months(of.moved),
        )

    def _count(self, count: int) -> int | None:
        return None if 0 < count < self.least else count

    def _hidden(self, counts: Ints) -> list[int | None]:
        return hide_small([int(one) for one in counts.tolist()], self.least)

    def _parts(self, counts: Counts, words: Callable[[str], Words]) -> list[Part]:
        many = self._hidden(counts.borrowers)
        levels = zip(*(self._hidden(column) for column in counts.alerts.T), strict=True)
        return [
            Part(
                code=code,
                words=words(code) if code else _UNKNOWN,
                borrowers=borrowers,
                balance=None if borrowers is None else _yuan(fen),
                alerts=_levels(alerts),
            )
            for code, borrowers, fen, alerts in zip(
                counts.codes, many, counts.balance_fen.tolist(), levels, strict=True
            )
        ]

    def _grades(self, of: Figures) -> tuple[list[GradeCount], int | None]:
        names, held = _names(), list(of.now.values())
        counted = [held.count(name) for name in names]
        *told, ungraded = hide_small([*counted, len(of.borrowers) - sum(counted)], self.least)
        pairs = zip(names, told, strict=True)
        return [GradeCount(grade=name, borrowers=many) for name, many in pairs], ungraded

    def _migration(self, of: Figures) -> Migration:
        names = _names()
        found = migration_of(of.then, of.now, names)
        better, worse = int(np.tril(found, -1).sum()), int(np.triu(found, 1).sum())
        told = self._hidden(found.ravel())
        rows = [told[start : start + len(names)] for start in range(0, len(told), len(names))]
        sums = hide_small([better, int(np.trace(found)), worse], self.least)
        return Migration(
            then=of.back,
            grades=names,
            borrowers=rows,
            better=sums[0],
            same=sums[1],
            worse=sums[2],
        )

    def _months(self, moved: Mapping[date, tuple[int, int]]) -> list[MonthCount]:
        first, shown = self.today.replace(day=1), self.rules.months_shown
        months = [months_before(first, back) for back in reversed(range(shown))]
        new, closed = [
            [self._count(moved.get(month, (0, 0))[column]) for month in months] for column in (0, 1)
        ]
        return [
            MonthCount(month=f"{month:%Y-%m}", new=raised, closed=ended)
            for month, raised, ended in zip(months, new, closed, strict=True)
        ]


def _names() -> list[str]:
    """Grades of the scale, the best first."""
    version = load_scale().version
    return [*(grade.code for grade in version.grades), version.default_grade.code]


def _yuan(fen: int) -> Decimal:
    return Decimal(fen).scaleb(-2)


def _levels(counts: Sequence[int | None]) -> Levels:
    return Levels.model_validate(dict(zip(LEVELS, counts, strict=True)))


def _region(code: str) -> Words:
    name = region_name(code) or code
    return Words(zh=name, en=name)


def _industry(letter: str) -> Words:
    section = load_industries().sections.get(letter)
    return _UNKNOWN if section is None else Words(zh=section.zh, en=section.en)


def _product(code: str) -> Words:
    return Words(zh=code, en=code)
