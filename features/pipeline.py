"""Definitions × snapshot → feature table: one query a family, one GROUP BY a grain.

The same rendering serves training panels, the nightly batch and one firm on demand.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.engine import identifier
from features.registry import Aggregate, Feature, Grain, Registry, lineage_of
from features.snapshot import Snapshot


@dataclass(frozen=True)
class FeatureTable:
    """Features of enterprises at one as-of, in key order.

    Attributes
    ----------
    table : pyarrow.Table
        `enterprise_key`, `uscc`, then one float64 column a feature; NULL where there is no value.
    as_of_date : date
    registry : Registry
    """

    table: pa.Table
    as_of_date: date
    registry: Registry

    @property
    def enterprise_keys(self) -> npt.NDArray[np.int64]:
        """Surrogate keys, shape (n,)."""
        return self.table["enterprise_key"].to_numpy().astype(np.int64)

    @property
    def usccs(self) -> list[str]:
        """Codes, length n."""
        return self.table["uscc"].to_pylist()

    def matrix(self, names: Iterable[str] | None = None) -> npt.NDArray[np.float64]:
        """Values as float64 of shape (n, k), NaN where NULL; in registry order by default."""
        wanted = list(names) if names is not None else list(self.registry.names)
        columns = [self.table[name].to_numpy(zero_copy_only=False) for name in wanted]
        if not columns:
            return np.empty((self.table.num_rows, 0))
        return np.column_stack(columns).astype(np.float64)


def build_features(snapshot: Snapshot, registry: Registry) -> FeatureTable:
    """Compute every feature of the registry for every enterprise of the snapshot.

    A feature is NULL for an enterprise if the scope withholds any dataset it reads.
    """
    parts = [
        snapshot.connection.sql(render(family, snapshot.as_of_date)).to_arrow_table()
        for family in families(registry) or [registry]
    ]
    columns = {name: part[name] for part in parts for name in part.column_names}
    ordered = ["enterprise_key", "uscc", *registry.names]
    table = pa.table([columns[name] for name in ordered], names=ordered)
    return FeatureTable(table, snapshot.as_of_date, registry)


def families(registry: Registry) -> list[Registry]:
    """The registry cut into features that stand on the same records; each part is one query.

    One query over everything takes the engine several times as long to plan as all the parts. Features whose
    records are among those of others go with these, so that nothing is read and ordered twice for their sake.
    """
    parts: dict[frozenset[str], list[Feature]] = {}
    for feature in registry:
        sources = {g.name for own in feature.grains for g in lineage_of(own) if not g.parents}
        parts.setdefault(frozenset(sources), []).append(feature)
    for sources in sorted(parts, key=len):
        wider = [other for other in parts if sources < other]
        if wider:
            parts[min(wider, key=len)].extend(parts.pop(sources))
    return [Registry(tuple(features)) for features in parts.values()]


def reads_neighbours(feature: Feature, datasets: frozenset[str], as_of_date: date) -> bool:
    """Whether a feature looks up other firms in one of the datasets (views `everyone_…`)."""
    grains = {grain for own in feature.grains for grain in lineage_of(own)}
    texts = [grain.select(as_of_date) for grain in grains]
    return any(f"everyone_{name}" in text for name in datasets for text in texts)


def render(registry: Registry, as_of_date: date) -> str:
    """Some features as one query over the views of a snapshot, firms in key order.

    Grains, then one GROUP BY a grain, then `known`: one row a firm with every aggregate once. The
    features are expressions over `known`.
    """
    grains: dict[str, Grain] = {}
    aggregates: dict[str, dict[str, str]] = {}
    known: dict[str, str] = {}
    selected: list[str] = []
    for feature in registry:
        names: dict[str, str] = {}
        for key, aggregate in feature.of.items():
            for grain in lineage_of(aggregate.grain):
                grains.setdefault(grain.name, grain)
            placed = _place(aggregate, as_of_date, aggregates)
            names[key] = known.setdefault(placed, f"k{len(known)}")
        selected.append(f"{_masked(feature, names)} AS {identifier(feature.name)}")
    relations = [f"{name} AS ({grain.select(as_of_date)})" for name, grain in grains.items()]
    joins: list[str] = []
    for name, columns in aggregates.items():
        listed = ", ".join(["enterprise_key", *(f"{sql} AS {c}" for sql, c in columns.items())])
        relations.append(f"by_{name} AS (SELECT {listed} FROM {name} GROUP BY enterprise_key)")
        joins.append(f"LEFT JOIN by_{name} ON by_{name}.enterprise_key = e.enterprise_key")
    columns = ", ".join(["e.enterprise_key", "e.uscc", *(f"{s} AS {k}" for s, k in known.items())])
    relations.append(f"known AS (SELECT {columns} FROM enterprise e {' '.join(joins)})")
    return (
        f"WITH {', '.join(relations)} SELECT {', '.join(['enterprise_key', 'uscc', *selected])} "
        "FROM known JOIN visibility v USING (enterprise_key) ORDER BY enterprise_key"
    )


def render_nothing(registry: Registry) -> str:
    """As `render`, for firms without a row in any of the datasets.

    Every aggregate of nothing is NULL, on every day; what a feature makes of that it says itself.
    """
    nothing = [dict.fromkeys(feature.of, "NULL") for feature in registry]
    selected = [
        f"{_masked(feature, names)} AS {identifier(feature.name)}"
        for feature, names in zip(registry, nothing, strict=True)
    ]
    return (
        f"SELECT {', '.join(['enterprise_key', 'uscc', *selected])} "
        "FROM enterprise JOIN visibility v USING (enterprise_key) ORDER BY enterprise_key"
    )


def _place(aggregate: Aggregate, as_of_date: date, aggregates: dict[str, dict[str, str]]) -> str:
    """The aggregate's value; equal aggregates of several features are computed once.

    A firm can have records and yet no row in a coarser grain, for instance no whole month. Whether
    it has records is asked of the grains that read the datasets themselves.
    """
    columns = aggregates.setdefault(aggregate.grain.name, {})
    sql = aggregate.render(as_of_date)
    column = columns.setdefault(sql, f"a{len(columns)}")
    placed = f"by_{aggregate.grain.name}.{column}"
    if aggregate.empty is None or not aggregate.grain.parents:
        return placed
    sources = [grain.name for grain in lineage_of(aggregate.grain) if not grain.parents]
    for name in sources:
        aggregates.setdefault(name, {})
    has_records = " OR ".join(f"by_{name}.enterprise_key IS NOT NULL" for name in sources)
    return f"CASE WHEN {has_records} THEN coalesce({placed}, {aggregate.empty}) END"


def _masked(feature: Feature, names: dict[str, str]) -> str:
    value = f"CAST({feature.expression.format(**names)} AS DOUBLE)"
    if feature.missing == "zero":
        value = f"coalesce({value}, 0)"
    opened = " AND ".join(f"v.{identifier(name)}" for name in sorted(feature.datasets))
    return f"CASE WHEN {opened} THEN {value} END" if opened else value
