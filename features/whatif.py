"""What if 假如: one firm's rows with changes, months ahead, and its features computed from them anew.

A change is made to facts, never to a feature. Every combination of changes becomes a firm of its own under the
registry's own queries, so what several changes do together is computed and not added up. A query sees only
the changes of the datasets it reads: combinations that differ elsewhere share its answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt

from features.contracts import Dataset
from features.engine import identifier
from features.errors import RequestError
from features.pipeline import build_features, families
from features.registry import Registry, lineage_of
from features.snapshot import NEIGHBOURHOOD, Snapshot
from features.usual import Usual, load_usual
from features.windows import months_before

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Change:
    """One change of a dataset's rows, in SQL over its lake columns.

    Parameters
    ----------
    dataset : str
    action : {"set", "remove", "add"}
        Change rows, take them away, or add one: a copy of each row that meets `where`, or a row of
        nothing but `values` where `where` is empty.
    where : str
        Which rows.
    values : mapping of str to str
        What columns become; none to remove.
    unless : str
        A row is not added where the dataset has one that meets this.
    """

    dataset: str
    action: Literal["set", "remove", "add"]
    where: str
    values: Mapping[str, str]
    unless: str = ""


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
    _later: date | None = None
    _made: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    _of_nothing: dict[tuple[str, ...], FloatArray] = field(
        default_factory=dict[tuple[str, ...], FloatArray]
    )

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
        later = self._advance(months)
        found = np.empty((len(chosen), len(registry)))
        place = {name: column for column, name in enumerate(registry.names)}
        for part in families(registry):
            touching = [
                number
                for number, changes in enumerate(steps)
                if any(change.dataset in part.datasets for change in changes)
            ]
            columns = [place[name] for name in part.names]
            if not touching and part.datasets <= self.empty:
                found[:, columns] = self._nothing(part, later)
                continue
            kinds, which = np.unique(chosen[:, touching], axis=0, return_inverse=True)
            changes = [
                [change for on, number in zip(kind, touching, strict=True) if on for change in steps[number]]
                for kind in kinds.tolist()
            ]  # fmt: skip
            values = self._part(part, changes, later)
            found[:, columns] = values[which.ravel()]
        return found

    def would_change(self, months: int, changes: Sequence[Change]) -> bool:
        """Whether any row would be another, months ahead."""
        self._advance(months)
        return any(self._differs(change) for change in changes)

    def build_alone(
        self, months: int, steps: Sequence[Sequence[Change]], registry: Registry
    ) -> FloatArray:
        """Features after all of some steps, computed with nothing shared, shape (width,)."""
        later = self._advance(months)
        changes = [change for step in steps for change in step]
        self._copy({d.name for d in self.datasets}, [changes], [self.key], later)
        return build_features(self._seen(later), registry).matrix()[0]

    def _advance(self, months: int) -> date:
        """Make `then_<dataset>`: the firm's rows as they stand months ahead if it does nothing."""
        later = self.day_after(months)
        if later != self._later:
            for dataset in self.datasets:
                if dataset.name in self.empty:
                    continue
                held = f"held_{dataset.name}"
                ahead = self.usual.rows_ahead(dataset, held, self.as_of_date, months, later)
                stays = is_public(dataset, later)
                self._execute(
                    f"CREATE OR REPLACE TABLE then_{dataset.name} AS SELECT * FROM {held} WHERE {stays} "
                    f"UNION ALL BY NAME {ahead}"
                )
            self._later = later
        return later

    def _nothing(self, part: Registry, later: date) -> FloatArray:
        """Features of a firm without a row: an aggregate of nothing is the same on every day."""
        if part.names not in self._of_nothing:
            self._of_nothing[part.names] = self._part(part, [[]], later)[0]
        return self._of_nothing[part.names]

    def _part(
        self, part: Registry, variants: Sequence[Sequence[Change]], later: date
    ) -> FloatArray:
        """Features of some variants of the firm, a row each."""
        if len(variants) == 1 or _looks_at_others(part, later):
            # Variants of one firm are no neighbours of each other.
            return np.vstack([self._variants(part, [v], [self.key], later) for v in variants])
        return self._variants(part, variants, range(len(variants)), later)

    def _variants(
        self, part: Registry, variants: Sequence[Sequence[Change]], keys: Sequence[int], later: date
    ) -> FloatArray:
        self._copy(part.datasets, variants, keys, later)
        return build_features(self._seen(later), part).matrix()

    def _seen(self, later: date) -> Snapshot:
        shot = self.snapshot
        return Snapshot(shot.connection, later, shot.scope, shot.catalogue, shot.lake)

    def _copy(
        self, datasets: frozenset[str] | set[str], variants: Sequence[Sequence[Change]], keys: Sequence[int], later: date
    ) -> None:  # fmt: skip
        """Make the views a query reads: the firm once a variant, each with its changes."""
        listed = ", ".join(map(str, keys))
        key = f"(SELECT CAST(unnest([{listed}]) AS INTEGER) AS enterprise_key)"
        for table in ("enterprise", "visibility"):
            columns = "k.enterprise_key, h.* EXCLUDE (enterprise_key)"
            self._make(table, "TABLE", f"SELECT {columns} FROM {key} AS k, held_{table} AS h")
        for name in sorted(datasets):
            changes = [
                (change, number)
                for number, one in zip(keys, variants, strict=True)
                for change in one
                if change.dataset == name
            ]
            columns = "h.* REPLACE (k.enterprise_key AS enterprise_key)"
            copied = f"SELECT {columns} FROM then_{name} AS h, {key} AS k"
            self._make(f"visible_{name}", "TABLE" if changes else "VIEW", copied)
            for change, number in changes:
                self._apply(change, number)
            if name in NEIGHBOURHOOD:
                public = is_public(self.snapshot.catalogue[name], later)
                self._make(
                    f"everyone_{name}",
                    "VIEW",
                    f"SELECT * FROM others_{name} WHERE {public} UNION ALL BY NAME SELECT * FROM visible_{name}",
                )

    def _differs(self, change: Change) -> bool:
        table = f"then_{change.dataset}"
        if change.action == "add" and not change.where:
            asked = f"SELECT 1 FROM {table} WHERE {change.unless or 'false'} LIMIT 1"
            return not self.rows(asked)
        said = [(name, sql) for name, sql in change.values.items() if name != "available_at"]
        differs = [f"{identifier(name)} IS DISTINCT FROM ({sql})" for name, sql in said]
        is_other = " OR ".join(differs) if change.action == "set" else "true"
        where = change.where or "true"
        return bool(self.rows(f"SELECT 1 FROM {table} WHERE ({where}) AND ({is_other}) LIMIT 1"))

    def _apply(self, change: Change, number: int) -> None:
        table = f"visible_{change.dataset}"
        whose = f"enterprise_key = {number}"
        where = f"{whose} AND ({change.where})" if change.where else whose
        kinds = self.snapshot.catalogue[change.dataset].lake_columns()
        values = {n: f"CAST({sql} AS {kinds[n]})" for n, sql in change.values.items()}
        listed = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in values.items())
        if change.action == "remove":
            self._execute(f"DELETE FROM {table} WHERE {where}")
        elif change.action == "set":
            made = ", ".join(f"{identifier(name)} = {sql}" for name, sql in values.items())
            self._execute(f"UPDATE {table} SET {made} WHERE {where}")
        elif change.where:
            self._execute(
                f"INSERT INTO {table} SELECT * REPLACE ({listed}) FROM {table} WHERE {where}"
            )
        else:
            known = f"SELECT 1 FROM {table} WHERE {whose} AND ({change.unless or 'false'})"
            self._execute(
                f"INSERT INTO {table} BY NAME SELECT CAST({number} AS INTEGER) AS enterprise_key, "
                f"{listed} WHERE NOT EXISTS ({known})"
            )

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
        run(
            f"CREATE TABLE held_{name} AS SELECT * FROM visible_{name} WHERE enterprise_key = {key}"
        )
        run(f"CREATE TABLE then_{name} AS SELECT * FROM held_{name}")
        if run(f"SELECT count(*) FROM held_{name}").fetchall() == [(0,)]:
            empty.add(name)
        if f"everyone_{name}" in views:
            run(f"ALTER VIEW everyone_{name} RENAME TO every_{name}")
            run(
                f"CREATE VIEW others_{name} AS SELECT * FROM every_{name} WHERE enterprise_key <> {key}"
            )
        run(f"DROP VIEW visible_{name}")
    return WhatIf(snapshot, key, datasets, usual or load_usual(), frozenset(empty))


def is_public(dataset: Dataset, later: date) -> str:
    """Predicate of a row whose publicity has not ended by then."""
    if not dataset.document.negative:
        return "true"
    return f"(publicity_end IS NULL OR publicity_end > DATE '{later}')"


def _looks_at_others(part: Registry, later: date) -> bool:
    grains = {grain for feature in part for own in feature.grains for grain in lineage_of(own)}
    return any("everyone_" in grain.select(later) for grain in grains)
