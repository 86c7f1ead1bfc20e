"""Which stored rows a feature's value rests on 来源可溯, told from the declaration alone.

A grain that lets rows of one dataset through as they are is asked for the rows that pass its
aggregates' conditions and windows. Any other grain compares rows with each other, so every row it read
is named. Either way the value follows from the rows named: no other row a look can see changes it.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from features.errors import NoRecordError
from features.pipeline import build_features
from features.registry import Aggregate, Feature, Grain, Registry, lineage_of
from features.snapshot import Snapshot

#: `counted`: the rows that pass the windows and conditions. `read`: every row that was read to find
#: them. `present`: none counts, and one row shows that the firm has records at all.
Reach = Literal["counted", "read", "present"]

_SOURCES = re.compile(r"\bvisible_(\w+)")
_NEIGHBOURS = re.compile(r"\beveryone_(\w+)")
#: Words of a SELECT whose rows are not the dataset's own.
_RESHAPES = re.compile(
    r"\b(GROUP BY|OVER|DISTINCT|UNION|JOIN|UNNEST|LIMIT)\b|\bSELECT\b.*\bSELECT\b", re.I | re.S
)
_ROW = "traced_row"


@dataclass(frozen=True)
class TracedRows:
    """Rows of one dataset.

    Attributes
    ----------
    dataset : str
    reach : Reach
    row_ids : tuple of int
        Ascending.
    """

    dataset: str
    reach: Reach
    row_ids: tuple[int, ...]


@dataclass(frozen=True)
class Trace:
    """A value with the rows it rests on.

    Attributes
    ----------
    feature : Feature
    as_of_date : date
    value : float or None
        In the feature's unit; None where nothing can be said.
    sources : tuple of TracedRows
        One a dataset, by name.
    neighbours : tuple of str
        Public datasets of which the value reads other firms' rows too. Those are never listed.
    """

    feature: Feature
    as_of_date: date
    value: float | None
    sources: tuple[TracedRows, ...]
    neighbours: tuple[str, ...]


@dataclass
class _Found:
    """Rows of one dataset as grains name them."""

    reaches: set[Reach] = field(default_factory=set)
    row_ids: set[int] = field(default_factory=set)

    def of(self, dataset: str) -> TracedRows:
        """All of them; the widest reach speaks for the dataset."""
        reach: Reach = "counted" if "counted" in self.reaches else "present"
        reach = "read" if "read" in self.reaches else reach
        return TracedRows(dataset, reach, tuple(sorted(self.row_ids)))


def trace_feature(snapshot: Snapshot, feature: Feature) -> Trace:
    """Name the rows behind one firm's value.

    Parameters
    ----------
    snapshot : Snapshot
        A look at one enterprise.
    feature : Feature

    Raises
    ------
    NoRecordError
        If the enterprise is not on the register by then.
    """
    table = build_features(snapshot, Registry((feature,))).table
    if table.num_rows != 1:
        raise NoRecordError(
            en=f"The enterprise is not on the register by {snapshot.as_of_date}, so no feature has a value. "
            "Ask for a later date.",
            zh=f"截至 {snapshot.as_of_date}，该企业尚未登记，没有特征取值；请改用更晚的截止日。",
        )
    value = table[feature.name].to_pylist()[0]
    lineage = {grain.name: grain for own in feature.grains for grain in lineage_of(own)}
    found: dict[str, _Found] = defaultdict(_Found)
    for grain in lineage.values():
        _follow(snapshot, feature, grain, found)
    sources = tuple(found[name].of(name) for name in sorted(feature.datasets))
    rendered = " ".join(grain.select(snapshot.as_of_date) for grain in lineage.values())
    neighbours = tuple(sorted(set(_NEIGHBOURS.findall(rendered))))
    return Trace(feature, snapshot.as_of_date, value, sources, neighbours)


def _follow(snapshot: Snapshot, feature: Feature, grain: Grain, found: dict[str, _Found]) -> None:
    """Add what one grain reads itself; its parents are followed in their own turn."""
    own = [aggregate for aggregate in feature.of.values() if aggregate.grain == grain]
    is_only_aggregated = all(
        grain not in lineage_of(other) for other in feature.grains if other != grain
    )
    sql = grain.select(snapshot.as_of_date)
    datasets = set(_SOURCES.findall(sql))
    if grain.parents or len(datasets) != 1 or _RESHAPES.search(sql):
        for dataset in datasets:
            found[dataset].reaches.add("read")
            found[dataset].row_ids |= _ids(
                snapshot, f"SELECT row_id AS {_ROW} FROM visible_{dataset}"
            )
        return
    (dataset,) = datasets
    kept = f"SELECT row_id AS {_ROW}, {sql.removeprefix('SELECT ')}"
    if not is_only_aggregated:
        found[dataset].reaches.add("read")
        found[dataset].row_ids |= _ids(snapshot, kept)
        return
    counted = _ids(
        snapshot, f"SELECT {_ROW} FROM ({kept}) AS kept WHERE {_any(own, snapshot.as_of_date)}"
    )
    present = set() if counted else _ids(snapshot, f"SELECT max({_ROW}) FROM ({kept}) AS kept")
    found[dataset].reaches.add("counted" if counted else "present")
    found[dataset].row_ids |= counted | present


def _any(aggregates: list[Aggregate], as_of_date: date) -> str:
    """Rows that count in at least one of the aggregates."""
    return " OR ".join(f"({one.condition(as_of_date) or 'true'})" for one in aggregates)


def _ids(snapshot: Snapshot, query: str) -> set[int]:
    return {row[0] for row in snapshot.connection.sql(query).fetchall() if row[0] is not None}
