"""What if 假如: one firm's rows with changes, months ahead, and its features computed from them anew.

A change is made to facts, never to a feature. Every combination of changes becomes a firm of its own under the
registry's own queries, so what several changes do together is computed and not added up. A query sees only
the changes of the datasets it reads: combinations that differ elsewhere share its answer, and what no change
touches is asked once for all the days that are looked at.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

import duckdb
import numpy as np
import numpy.typing as npt

from features.changes import Change, is_named
from features.contracts import Dataset
from features.days import on_each_day
from features.engine import identifier
from features.errors import RequestError
from features.pipeline import families, render, render_nothing
from features.registry import Registry
from features.snapshot import NEIGHBOURHOOD, Snapshot
from features.usual import Usual, load_usual
from features.windows import months_before

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
#: What we ask of others' rows ourselves.
_ALWAYS = frozenset({"enterprise_key", "publicity_end"})


@dataclass
class WhatIf:
    """One firm held in memory, ready to be changed and looked at later.

    Made by `hold_firm`. It keeps the snapshot's connection to itself: nothing else may be asked there.

    Attributes
    ----------
    key : int
        Surrogate key of the firm.
    empty : frozenset of str
        Datasets of which the firm has no row.
    """

    snapshot: Snapshot
    key: int
    datasets: tuple[Dataset, ...]
    usual: Usual
    empty: frozenset[str]
    _made: dict[str, tuple[str, str]]
    _months: list[int] = field(default_factory=list[int])
    _keys: set[int] = field(default_factory=set[int])
    _others: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    _still: dict[tuple[str, int], float] = field(default_factory=dict[tuple[str, int], float])

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
        more = [one for one in dict.fromkeys((0, *months)) if one not in self._months]
        if not more:
            return
        self._months += more
        listed = ", ".join(
            f"({number}, {one}, DATE '{self.day_after(one)}')"
            for number, one in enumerate(self._months, start=1)
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

    def build(
        self, months: int, steps: Sequence[Sequence[Change]], chosen: BoolArray, registry: Registry
    ) -> FloatArray:
        """Features of every combination of steps, months ahead.

        Parameters
        ----------
        months : int
            How far ahead; 0 is the snapshot's own day.
        steps : sequence of sequence of Change, length k
            Applied in this order.
        chosen : ndarray of bool, shape (s, k)
            Which steps each of s combinations takes.

        Returns
        -------
        ndarray of shape (s, width of the registry)
            NaN where there is no value.
        """
        self.look_ahead([months])
        found = np.empty((len(chosen), len(registry)))
        place = {name: column for column, name in enumerate(registry.names)}
        still: list[Registry] = []
        for part in families(registry):
            query = render(part, self.day_after(months))
            touching = [
                number
                for number, changes in enumerate(steps)
                if any(change.is_seen_by(query, part.datasets) for change in changes)
            ]
            kinds, which = np.unique(chosen[:, touching], axis=0, return_inverse=True)
            if not kinds.any():
                still.append(part)
                continue
            taken = [steps[number] for number in touching]
            values = self._part(part, query, taken, kinds, months)
            found[:, [place[name] for name in part.names]] = values[which.ravel()]
        self._stand(still, months)
        for name in (name for part in still for name in part.names):
            found[:, place[name]] = self._still[name, months]
        return found

    def would_change(self, months: int, changes: Sequence[Change]) -> bool:
        """Whether any row would be another, months ahead."""
        return any(self.rows(one.would_change(self.then(one.dataset, months))) for one in changes)

    def build_alone(
        self, months: int, steps: Sequence[Sequence[Change]], registry: Registry
    ) -> FloatArray:
        """Features after all of some steps, computed with nothing shared, shape (width,)."""
        kind = np.ones((1, len(steps)), dtype=bool)
        self._copy({d.name for d in self.datasets}, steps, kind, [self.key], months)
        found: dict[str, float] = {}
        changed = {change.dataset for step in steps for change in step}
        for part in families(registry):
            if part.datasets <= self.empty - changed:
                values = self._nothing(part)
            else:
                query = render(part, self.day_after(months))
                self._look_around(query, part.datasets, months)
                values = self._asked(query, [self.key])
            found |= dict(zip(part.names, values[0].tolist(), strict=True))
        return np.array([found[name] for name in registry.names])

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
        return self._months.index(months) + 1

    def _stand(self, parts: Sequence[Registry], months: int) -> None:
        """See to it that what these features are on a day without any change is known."""
        new = [p for p in parts if any((name, months) not in self._still for name in p.names)]
        nothing = [part for part in new if part.datasets <= self.empty]
        if nothing:
            joined = Registry(tuple(feature for part in nothing for feature in part))
            every = np.repeat(self._nothing(joined), len(self._months), axis=0)
            self._keep(joined, self._months, every)
        for part in (part for part in new if not part.datasets <= self.empty):
            queries = [render(part, self.day_after(one)) for one in self._months]
            query = None if _looks_at_others(queries[0]) else on_each_day(queries)
            every = None if query is None else self._each_day(part, query)
            if every is not None:
                self._keep(part, self._months, every)
                continue
            own, kind = queries[self._months.index(months)], np.zeros((1, 0), dtype=bool)
            self._keep(part, [months], self._part(part, own, [], kind, months))

    def _keep(self, part: Registry, months: Sequence[int], values: FloatArray) -> None:
        for one, row in zip(months, values.tolist(), strict=True):
            known = zip(part.names, row, strict=True)
            self._still |= {(name, one): value for name, value in known}

    def _nothing(self, part: Registry) -> FloatArray:
        """Features of a firm without a row: an aggregate of nothing is the same on every day."""
        self._make_firms([self.key])
        return self._asked(render_nothing(part), [self.key])

    def _part(
        self, part: Registry, query: str, steps: Sequence[Sequence[Change]], kinds: BoolArray, months: int
    ) -> FloatArray:  # fmt: skip
        """Features of some variants of the firm, a row each."""
        if not _looks_at_others(query):
            keys = range(1, len(kinds) + 1)
            self._copy(part.datasets, steps, kinds, keys, months)
            return self._asked(query, keys)
        found: list[FloatArray] = []
        for kind in kinds:
            # Variants of one firm are no neighbours of each other.
            self._copy(part.datasets, steps, kind[np.newaxis], [self.key], months)
            self._look_around(query, part.datasets, months)
            found.append(self._asked(query, [self.key]))
        return np.vstack(found)

    def _asked(self, query: str, keys: Sequence[int]) -> FloatArray:
        """Answers to a query of features for these of the keys, a handful of rows."""
        rows = {row[0]: row[2:] for row in self.rows(query)}
        return np.array([rows[key] for key in keys], dtype=np.float64)

    def _each_day(self, part: Registry, query: str) -> FloatArray | None:
        """Features of the firm without any change, a row a day; None if a join hides whose key is meant."""
        days = range(1, len(self._months) + 1)
        self._make_firms(days)
        for name in sorted(part.datasets):
            held = f"held_{name}" if name in self.empty else f"then_{name}"
            self._make(f"visible_{name}", "VIEW", f"SELECT * FROM {held}")
        try:
            return self._asked(query, days)
        except duckdb.BinderException:
            return None

    def _copy(
        self, datasets: Iterable[str], steps: Sequence[Sequence[Change]], kinds: BoolArray, keys: Sequence[int], months: int
    ) -> None:  # fmt: skip
        """Make the views a query reads: the firm once a variant, each with its changes."""
        self._make_firms(keys)
        changes = [
            (change, np.array(keys)[kinds[:, number]].tolist())
            for number, step in enumerate(steps)
            for change in step
        ]
        for name in sorted(datasets):
            own = [(change, whose) for change, whose in changes if change.dataset == name and whose]
            columns = "h.* REPLACE (k.enterprise_key AS enterprise_key)"
            copied = f"SELECT {columns} FROM {self.then(name, months)} AS h, {_listed(keys)} AS k"
            self._make(f"visible_{name}", "TABLE" if own else "VIEW", copied)
            for change, whose in own:
                dataset = self.snapshot.catalogue[name]
                self._execute(change.statement(dataset, f"visible_{name}", whose))

    def _look_around(self, query: str, datasets: Iterable[str], months: int) -> None:
        """Make the views of everyone that a query reads; what it names of others is read from the lake once."""
        for name in NEIGHBOURHOOD.intersection(datasets) if _looks_at_others(query) else ():
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
            self._make(f"everyone_{name}", "VIEW", both)

    def _make_firms(self, keys: Iterable[int]) -> None:
        """The firm under these keys; that it has more of them is no matter to a query of features."""
        if self._keys.issuperset(keys):
            return
        self._keys.update(keys)
        for table in ("enterprise", "visibility"):
            columns = "k.enterprise_key, h.* EXCLUDE (enterprise_key)"
            copied = f"SELECT {columns} FROM {_listed(self._keys)} AS k, held_{table} AS h"
            self._execute(f"CREATE OR REPLACE TABLE {table} AS {copied}")

    def _make(self, name: str, kind: str, sql: str) -> None:
        """Make a relation anew, unless it is what it shall be; the engine replaces only like by like."""
        before = self._made.get(name, ("", ""))
        is_changed = name.startswith("visible_") and kind == "TABLE"
        if before == (kind, sql) and not is_changed:
            return
        if before[0] not in {"", kind}:
            self._execute(f"DROP {before[0]} {name}")
        self._execute(f"CREATE OR REPLACE {kind} {name} AS {sql}")
        self._made[name] = (kind, sql)

    def _execute(self, sql: str) -> None:
        self.snapshot.connection.execute(sql)


def hold_firm(snapshot: Snapshot, key: int, usual: Usual | None = None) -> WhatIf:
    """Take one firm's visible rows into memory and put them in the place of the snapshot's views.

    Parameters
    ----------
    snapshot : Snapshot
        Of this firm alone, under scope kind `self`. It is used up: close it, ask it nothing.
    key : int
        Surrogate key of the firm.
    usual : Usual, optional
        What is taken to arrive if nothing changes; ours when left out.

    Raises
    ------
    RequestError
        If the snapshot is an institution's look: plans are made for the firm itself.
    """
    if snapshot.scope.grantee is not None:
        raise RequestError(
            en="What would change is worked out under the firm's own scope, not an institution's. Open the "
            "snapshot with scope kind `self`.",
            zh="假设推演只能在企业自身的数据范围内进行，不能使用机构的授权范围。",
        )
    run = snapshot.connection.execute
    views = {
        str(name)
        for (name,) in run("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    }
    datasets = tuple(d for d in snapshot.catalogue if f"visible_{d.name}" in views)
    empty: set[str] = set()
    for table in ("enterprise", "visibility"):
        run(f"ALTER TABLE {table} RENAME TO held_{table}")
    for dataset in datasets:
        name = dataset.name
        found = run(
            f"CREATE TABLE held_{name} AS SELECT * FROM visible_{name} WHERE enterprise_key = {key}"
        )
        if found.fetchall() == [(0,)]:
            empty.add(name)
        if f"everyone_{name}" in views:
            run(f"ALTER VIEW everyone_{name} RENAME TO every_{name}")
    made = {f"visible_{dataset.name}": ("VIEW", "") for dataset in datasets}
    return WhatIf(snapshot, key, datasets, usual or load_usual(), frozenset(empty), made)


def is_public(dataset: Dataset, later: str) -> str:
    """Predicate of a row whose publicity has not ended by a day, in SQL."""
    if not dataset.document.negative:
        return "true"
    return f"(publicity_end IS NULL OR publicity_end > {later})"


def _listed(keys: Iterable[int]) -> str:
    listed = ", ".join(map(str, sorted(keys)))
    return f"(SELECT unnest(CAST([{listed}] AS INTEGER[])) AS enterprise_key)"


def _looks_at_others(query: str) -> bool:
    return "everyone_" in query
