"""One firm's rows in memory, as they will stand on days ahead and under changes, behind the names that queries read.

`held_<dataset>` is the firm as it is; `then_<dataset>` as it stands on each day if it does nothing; a query of the
registry finds what it asks for in `visible_<dataset>`, which is made to be the one or the other, or changed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt

from features.changes import Change, is_named
from features.contracts import Dataset
from features.engine import identifier
from features.snapshot import NEIGHBOURHOOD, Snapshot
from features.usual import Usual
from features.windows import months_before

BoolArray = npt.NDArray[np.bool_]
#: What we ask of others' rows ourselves.
_ALWAYS = frozenset({"enterprise_key", "publicity_end"})


@dataclass
class HeldFirm:
    """One firm held in memory; it keeps the snapshot's connection to itself.

    Attributes
    ----------
    key : int
        Surrogate key of the firm.
    empty : frozenset of str
        Datasets of which the firm has no row.
    made : dict
        Queries of the views as they are now, by name.
    months : list of int
        How far ahead the days lie that are looked at, in the order of their numbers, from 1.
    """

    snapshot: Snapshot
    key: int
    datasets: tuple[Dataset, ...]
    usual: Usual
    empty: frozenset[str]
    made: dict[str, str] = field(default_factory=dict[str, str])
    months: list[int] = field(default_factory=list[int])
    _keys: set[int] = field(default_factory=set[int])
    _others: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @property
    def as_of_date(self) -> date:
        """The day up to which everything is known."""
        return self.snapshot.as_of_date

    def rows(self, sql: str) -> list[tuple]:  # type: ignore[type-arg]  # a row is whatever the query selects
        """All rows of a query over `held_<dataset>`, the firm's rows as they are."""
        return self.snapshot.connection.execute(sql).fetchall()

    def day_after(self, months: int) -> date:
        """The as-of date so many months ahead."""
        return months_before(self.as_of_date, -months)

    def look_ahead(self, months: Iterable[int]) -> None:
        """Get ready for days that will be looked at: what stands still is then computed for all of them at once."""
        more = [one for one in dict.fromkeys((0, *months)) if one not in self.months]
        if not more:
            return
        self.months += more
        listed = ", ".join(
            f"({number}, {one}, DATE '{self.day_after(one)}')"
            for number, one in enumerate(self.months, start=1)
        )
        self._execute(
            f"CREATE OR REPLACE TABLE days AS FROM (VALUES {listed}) AS d(number_, months_, later_)"
        )
        for dataset in self.datasets:
            if dataset.name not in self.empty:
                self._arrive(dataset)

    def then(self, dataset: str, months: int) -> str:
        """Relation of the firm's rows as they stand months ahead if it does nothing; its key is of the day."""
        self.look_ahead([months])
        if dataset in self.empty:
            return f"held_{dataset}"
        return f"(SELECT * FROM then_{dataset} WHERE enterprise_key = {self._number(months)})"

    def show_days(self, datasets: Iterable[str]) -> range:
        """Let queries see the firm once a day, as it stands then; its keys, in the order of the days."""
        days = range(1, len(self.months) + 1)
        self.show_under(days)
        for name in sorted(datasets):
            held = f"held_{name}" if name in self.empty else f"then_{name}"
            self._make(f"visible_{name}", f"SELECT * FROM {held}")
        return days

    def show(
        self, datasets: Iterable[str], steps: Sequence[Sequence[Change]], kinds: BoolArray, keys: Sequence[int], months: int
    ) -> None:  # fmt: skip
        """Let queries see the firm once a variant, each with its changes, months ahead."""
        self.show_under(keys)
        changes = [
            (change, np.array(keys)[kinds[:, number]].tolist())
            for number, step in enumerate(steps)
            for change in step
        ]
        for name in sorted(datasets):
            own = [(change, whose) for change, whose in changes if change.dataset == name and whose]
            columns = "h.* REPLACE (k.enterprise_key AS enterprise_key)"
            copied = f"SELECT {columns} FROM {self.then(name, months)} AS h, {_listed(keys)} AS k"
            if own:
                self._execute(f"CREATE OR REPLACE TABLE changed_{name} AS {copied}")
            for change, whose in own:
                dataset = self.snapshot.catalogue[name]
                self._execute(change.statement(dataset, f"changed_{name}", whose))
            self._make(f"visible_{name}", f"SELECT * FROM changed_{name}" if own else copied)

    def show_others(self, query: str, datasets: Iterable[str], months: int) -> None:
        """Let a query see everyone months ahead; what it names of others is read from the lake once."""
        for name in NEIGHBOURHOOD.intersection(datasets):
            dataset = self.snapshot.catalogue[name]
            columns = dataset.lake_columns()
            named = {one for one in columns if is_named(one, query)} | _ALWAYS.intersection(columns)
            held = self._others.get(name, frozenset())
            listed = ", ".join(map(identifier, sorted(held | named)))
            if not named <= held:
                self._others[name] = held | named
                own = f"enterprise_key <> {self.key}"
                self._execute(
                    f"CREATE OR REPLACE TABLE others_{name} AS SELECT {listed} FROM every_{name} WHERE {own}"
                )
            public = is_public(dataset, f"DATE '{self.day_after(months)}'")
            both = f"SELECT * FROM others_{name} WHERE {public} UNION ALL SELECT {listed} FROM visible_{name}"
            self._make(f"everyone_{name}", both)

    def show_under(self, keys: Iterable[int]) -> None:
        """The firm under these keys; that it has more of them is no matter to a query of features."""
        if self._keys.issuperset(keys):
            return
        self._keys.update(keys)
        for table in ("enterprise", "visibility"):
            columns = "k.enterprise_key, h.* EXCLUDE (enterprise_key)"
            copied = f"SELECT {columns} FROM {_listed(self._keys)} AS k, held_{table} AS h"
            self._execute(f"CREATE OR REPLACE TABLE {table} AS {copied}")

    def _arrive(self, dataset: Dataset) -> None:
        """Make `then_<dataset>`: the firm's rows as they stand on each day, under the day's number as the key."""
        name = dataset.name
        ahead = self.usual.rows_ahead(dataset, f"held_{name}", self.as_of_date, "days")
        self._execute(
            f"CREATE OR REPLACE TABLE then_{name} AS SELECT h.* REPLACE (CAST(d.number_ AS INTEGER) AS "
            f"enterprise_key) FROM held_{name} AS h, days AS d WHERE {is_public(dataset, 'd.later_')} "
            f"UNION ALL BY NAME {ahead}"
        )

    def _number(self, months: int) -> int:
        return self.months.index(months) + 1

    def _make(self, name: str, sql: str) -> None:
        """Make a view anew, unless it is what it shall be."""
        if self.made.get(name) != sql:
            self._execute(f"CREATE OR REPLACE VIEW {name} AS {sql}")
            self.made[name] = sql

    def _execute(self, sql: str) -> None:
        self.snapshot.connection.execute(sql)


def is_public(dataset: Dataset, later: str) -> str:
    """Predicate of a row whose publicity has not ended by a day, in SQL."""
    if not dataset.document.negative:
        return "true"
    return f"(publicity_end IS NULL OR publicity_end > {later})"


def _listed(keys: Iterable[int]) -> str:
    listed = ", ".join(map(str, sorted(keys)))
    return f"(SELECT unnest(CAST([{listed}] AS INTEGER[])) AS enterprise_key)"
