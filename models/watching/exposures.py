"""Whose exposures are watched, of which firms, and what each institution may see of its firm."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypeVar

import numpy as np

from features.errors import ModelInputError
from features.scope import PLATFORM
from models.arrays import BoolArray, FloatArray, IntArray

Opened = TypeVar("Opened", bound=Hashable)


@dataclass(frozen=True)
class Firms:
    """What is held about m firms at a date, a column a feature or fact.

    Attributes
    ----------
    usccs : sequence of str
    as_of_date : date
    columns : mapping of str to ndarray of float64, shape (m,)
        NaN where nothing is known.
    """

    usccs: Sequence[str]
    as_of_date: date
    columns: Mapping[str, FloatArray]

    def matrix(self, names: Sequence[str], rows: IntArray | None = None) -> FloatArray:
        """Some columns of some firms or all, shape (n, k).

        Raises
        ------
        ModelInputError
            If a column was not looked up; NaN says that nothing is known, its absence says nothing.
        """
        absent = [name for name in names if name not in self.columns]
        if absent:
            raise ModelInputError(
                en=f"The watch of {self.as_of_date} has no column {', '.join(absent[:3])} "
                f"({len(absent)} in all). Build the features that the model and the signals read.",
                zh=f"{self.as_of_date} 的监测缺少 {'、'.join(absent[:3])} 等 {len(absent)} 列，请先生成模型与信号所需特征。",
            )
        found = np.empty((len(self.usccs) if rows is None else len(rows), len(names)))
        for place, name in enumerate(names):
            found[:, place] = self.columns[name] if rows is None else self.columns[name][rows]
        return found


@dataclass(frozen=True)
class Exposures:
    """n exposures: an institution, a firm, and what is closed to the one about the other.

    Attributes
    ----------
    institutions : list of str
        USCC of each, or `platform` for what the platform sees for itself.
    firm : ndarray of int64, shape (n,)
        Row of the firm among `Firms`.
    views : tuple of frozenset of str
        The distinct sets of datasets that are closed.
    view : ndarray of int64, shape (n,)
        Which of them each exposure has.
    facts : mapping of str to ndarray of float64, shape (n,)
        Of `models.signals.exposure_facts`; one that is left out is unknown.
    granted : sequence of (date or None), length n
        When the first of its running loans was granted; empty where nobody's is known.
    """

    institutions: list[str]
    firm: IntArray
    views: tuple[frozenset[str], ...]
    view: IntArray
    facts: Mapping[str, FloatArray]
    granted: Sequence[date | None] = ()

    def __len__(self) -> int:
        """Count the exposures."""
        return len(self.institutions)

    def take(self, rows: IntArray) -> "Exposures":
        """Some of the exposures."""
        return Exposures(
            [self.institutions[row] for row in rows.tolist()],
            self.firm[rows],
            self.views,
            self.view[rows],
            {name: values[rows] for name, values in self.facts.items()},
            [self.granted[row] for row in rows.tolist()] if self.granted else (),
        )

    def granted_on(self, row: int) -> date | None:
        """When the first running loan of an exposure was granted, None where that is unknown."""
        return self.granted[row] if self.granted else None

    @property
    def is_platform(self) -> BoolArray:
        """Which rows are the platform's own, shape (n,)."""
        return np.array([name == PLATFORM for name in self.institutions], dtype=np.bool_)

    def closes(self, datasets: frozenset[str], rows: IntArray) -> BoolArray:
        """Which of some exposures may not see what reads these datasets."""
        if datasets not in self._closing:
            flags = [not view.isdisjoint(datasets) for view in self.views]
            self._closing[datasets] = np.array(flags, dtype=np.bool_)
        return self._closing[datasets][self.view[rows]]

    @cached_property
    def _closing(self) -> dict[frozenset[str], BoolArray]:
        """By view, for sets of datasets that were asked about."""
        return {}


def exposures_of(
    institutions: list[str],
    firm: IntArray,
    opened: Sequence[Opened],
    closes: Callable[[str, Opened], Collection[str]],
    facts: Mapping[str, FloatArray],
    granted: Sequence[date | None] = (),
) -> Exposures:
    """Group exposures by what is closed to them.

    Parameters
    ----------
    institutions : list of str, length n
    opened : sequence of length n
        What the firm has opened to the institution, in any form that can be compared.
    firm : ndarray of int64, shape (n,)
    closes : callable
        `(institution, opened) -> datasets`; asked once for each pair that occurs.
    facts : mapping of str to ndarray of shape (n,)
    granted : sequence of (date or None), optional
        See `Exposures`.

    Examples
    --------
    >>> found = exposures_of(["a", "b", "a"], np.arange(3), ["tax", "", "tax"],
    ...                      lambda whose, opened: {"loan"} if opened else {"loan", "tax"}, {})
    >>> len(found.views), found.view.tolist()
    (2, [0, 1, 0])
    """
    place: dict[frozenset[str], int] = {}
    known: dict[tuple[str, Opened], int] = {}
    view = np.empty(len(institutions), dtype=np.int64)
    for row, pair in enumerate(zip(institutions, opened, strict=True)):
        if pair not in known:
            known[pair] = place.setdefault(frozenset(closes(*pair)), len(place))
        view[row] = known[pair]
    return Exposures(institutions, firm, tuple(place), view, facts, granted)
