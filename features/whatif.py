"""What if 假如: one firm's rows with changes, months ahead, and its features computed from them anew.

A change is made to facts, never to a feature. Every combination of changes becomes a firm of its own under the
registry's own queries, so what several changes do together is computed and not added up. A query sees only
the changes of the datasets it reads: combinations that differ elsewhere share its answer, and what no change
touches is asked once for all the days that are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt

from features.changes import Change
from features.days import on_each_day
from features.errors import RequestError
from features.held import BoolArray, HeldFirm
from features.pipeline import families, render, render_nothing
from features.registry import Registry
from features.snapshot import Snapshot
from features.usual import Usual, load_usual

FloatArray = npt.NDArray[np.float64]


@dataclass
class WhatIf(HeldFirm):
    """One firm held in memory, ready to be changed and looked at later.

    Made by `hold_firm`. It keeps the snapshot's connection to itself: nothing else may be asked there.
    """

    _still: dict[tuple[str, int], float] = field(default_factory=dict[tuple[str, int], float])

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
            if not any(change.dataset in part.datasets for step in steps for change in step):
                still.append(part)
                continue
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
        self.show({d.name for d in self.datasets}, steps, kind, [self.key], months)
        found: dict[str, float] = {}
        changed = {change.dataset for step in steps for change in step}
        for part in families(registry):
            if part.datasets <= self.empty - changed:
                values = self._nothing(part)
            else:
                query = render(part, self.day_after(months))
                if _looks_at_others(query):
                    self.show_others(query, part.datasets, months)
                values = self._asked(query, [self.key])
            found |= dict(zip(part.names, values[0].tolist(), strict=True))
        return np.array([found[name] for name in registry.names])

    def _stand(self, parts: Sequence[Registry], months: int) -> None:
        """See to it that what these features are on a day without any change is known."""
        new = [p for p in parts if any((name, months) not in self._still for name in p.names)]
        nothing = [part for part in new if part.datasets <= self.empty]
        if nothing:
            joined = Registry(tuple(feature for part in nothing for feature in part))
            every = np.repeat(self._nothing(joined), len(self.months), axis=0)
            self._keep(joined, self.months, every)
        for part in (part for part in new if not part.datasets <= self.empty):
            queries = [render(part, self.day_after(one)) for one in self.months]
            query = None if _looks_at_others(queries[0]) else on_each_day(queries)
            every = None if query is None else self._each_day(part, query)
            if every is not None:
                self._keep(part, self.months, every)
                continue
            own, kind = queries[self.months.index(months)], np.zeros((1, 0), dtype=bool)
            self._keep(part, [months], self._part(part, own, [], kind, months))

    def _keep(self, part: Registry, months: Sequence[int], values: FloatArray) -> None:
        for one, row in zip(months, values.tolist(), strict=True):
            known = zip(part.names, row, strict=True)
            self._still |= {(name, one): value for name, value in known}

    def _nothing(self, part: Registry) -> FloatArray:
        """Features of a firm without a row: an aggregate of nothing is the same on every day."""
        self.show_under([self.key])
        return self._asked(render_nothing(part), [self.key])

    def _part(
        self, part: Registry, query: str, steps: Sequence[Sequence[Change]], kinds: BoolArray, months: int
    ) -> FloatArray:  # fmt: skip
        """Features of some variants of the firm, a row each."""
        if not _looks_at_others(query):
            keys = range(1, len(kinds) + 1)
            self.show(part.datasets, steps, kinds, keys, months)
            return self._asked(query, keys)
        found: list[FloatArray] = []
        for kind in kinds:
            # Variants of one firm are no neighbours of each other.
            self.show(part.datasets, steps, kind[np.newaxis], [self.key], months)
            self.show_others(query, part.datasets, months)
            found.append(self._asked(query, [self.key]))
        return np.vstack(found)

    def _asked(self, query: str, keys: Sequence[int]) -> FloatArray:
        """Answers to a query of features for these of the keys, a handful of rows."""
        rows = {row[0]: row[2:] for row in self.rows(query)}
        return np.array([rows[key] for key in keys], dtype=np.float64)

    def _each_day(self, part: Registry, query: str) -> FloatArray | None:
        """Features of the firm without any change, a row a day; None if a join hides whose key is meant."""
        days = self.show_days(part.datasets)
        try:
            return self._asked(query, days)
        except duckdb.BinderException:
            return None


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
        if name in snapshot.without:
            run(f"ALTER VIEW visible_{name} RENAME TO held_{name}")
            empty.add(name)
        else:
            own = f"SELECT * FROM visible_{name} WHERE enterprise_key = {key}"
            if run(f"CREATE TABLE held_{name} AS {own}").fetchall() == [(0,)]:
                empty.add(name)
        if f"everyone_{name}" in views:
            run(f"ALTER VIEW everyone_{name} RENAME TO every_{name}")
    return WhatIf(snapshot, key, datasets, usual or load_usual(), frozenset(empty))


def _looks_at_others(query: str) -> bool:
    return "everyone_" in query
