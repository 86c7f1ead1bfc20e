"""Rows as a provider would deliver them, before what goes wrong with a delivery."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from simulator.arrays import Bools, Column, Days, Ints, take

_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Rows:
    """Rows of one dataset.

    Attributes
    ----------
    dataset : str
    firm : ndarray of int64, shape (n,)
        Place of the firm in its block.
    event : ndarray of datetime64[D], shape (n,)
        Day of the fact; for a month its last day.
    delivered : ndarray of datetime64[s], shape (n,)
        When the platform gets the row.
    columns : mapping of str to Column
        Contract columns but the envelope.
    scope : str, optional
        Consent scope under which the platform collects it.
    version : int
        Deliveries of the same record go to files of their own: 0 first, then its corrections.
    """

    dataset: str
    firm: Ints
    event: Days
    delivered: Days
    columns: Mapping[str, Column] = field(repr=False)
    scope: str | None = None
    version: int = 0

    def __len__(self) -> int:
        """Rows."""
        return len(self.firm)

    def take(self, rows: Ints | Bools) -> "Rows":
        """Some of the rows."""
        places = np.arange(len(self))[rows]
        return replace(
            self,
            firm=self.firm[places],
            event=self.event[places],
            delivered=self.delivered[places],
            columns={name: take(column, places) for name, column in self.columns.items()},
        )

    def with_columns(self, **columns: Column) -> "Rows":
        """The rows with some columns added or replaced."""
        return replace(self, columns={**self.columns, **columns})


def lagged(rng: np.random.Generator, day: Days, lowest: int, highest: int) -> Days:
    """Instants in working hours, so many days later."""
    later = day.astype("datetime64[D]") + rng.integers(lowest, highest + 1, len(day))
    seconds = rng.integers(8 * 3600, 20 * 3600, len(day))
    moment: Days = (later.astype("datetime64[s]") + seconds).astype("datetime64[s]")
    return moment


def closed(
    rng: np.random.Generator, rows: Rows, column: str, ends: Days, *, lag_days: int = 3
) -> list[Rows]:
    """A record without its end, and again with it once that is known.

    `ends` is a day per row, NaT where there is no end.
    """
    nothing = np.full(len(rows), np.datetime64("NaT"), dtype=ends.dtype)
    opened = rows.with_columns(**{column: nothing})
    over = np.flatnonzero(~np.isnat(ends))
    final = rows.with_columns(**{column: ends}).take(over)
    told = np.maximum(lagged(rng, ends[over], 0, lag_days), final.delivered + _SECONDS_A_DAY)
    return [opened, replace(final, delivered=told, version=rows.version + 1)]
