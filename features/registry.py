"""How a feature is declared: named aggregates over a grain, one expression, and what it means.

A feature is written once, as SQL that DuckDB runs and Spark can run after transpiling. The
datasets it reads follow from its grains, its column name from `features.windows.column_name`, and
its hash from everything that decides its value, so a model can refuse features that have changed.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Literal

from features.contracts import Words
from features.documents import suggestion
from features.errors import FeatureDefinitionError
from features.windows import Window

#: `flag` is 0 or 1; `level` counts the steps of a published scale, 1 the best.
Unit = Literal["cny", "count", "ratio", "days", "months", "kwh", "usd", "mu", "flag", "level"]
#: Shape constraint on the probability of default: +1 rises with the feature, -1 falls, 0 free.
Direction = Literal[-1, 0, 1]
SAFER: Direction = -1
RISKIER: Direction = 1
FREE: Direction = 0
#: What a firm without a record has once the datasets are visible: `unknown` stays NULL, `zero` becomes
#: 0, `stated` has the value its words say; NULL then means that a record does not say.
Missing = Literal["unknown", "zero", "stated"]

#: Any fixed day; hashes must not move with the calendar.
_HASH_DATE = date(2020, 2, 29)


@dataclass(frozen=True)
class Grain:
    """A relation that features aggregate: one SELECT over visible datasets and coarser grains.

    Parameters
    ----------
    name : str
        Name of the common table expression.
    datasets : frozenset of str
        Catalogue datasets the relation reads, through its parents too.
    select : callable
        `as_of_date -> SQL`; reads `visible_<dataset>` and the parents by name and yields
        `enterprise_key` with the grain's columns. Dates appear as literals only.
    event_date : str or None
        The date column that windows cut; None where the grain has its own time axis.
    parents : tuple of Grain
        Grains the SELECT reads.
    """

    name: str
    datasets: frozenset[str]
    select: Callable[[date], str]
    event_date: str | None = None
    parents: tuple["Grain", ...] = ()


@dataclass(frozen=True)
class Aggregate:
    """One aggregate over a grain, cut by a condition and a window.

    Parameters
    ----------
    grain : Grain
    sql : str
        An aggregate function call, e.g. `sum(total_fen)`.
    where : str
        Condition on the grain's columns; empty for all rows.
    window : Window or None
        Applied to the grain's event date.
    empty : str or None
        Value when no row of a firm that has records passes the filter, e.g. `"0"` for a sum. A firm
        without any record keeps NULL.
    """

    grain: Grain
    sql: str
    where: str = ""
    window: Window | None = None
    empty: str | None = None

    def render(self, as_of_date: date) -> str:
        """The aggregate as SQL with literal window bounds."""
        condition = self.condition(as_of_date)
        filtered = f"{self.sql} FILTER (WHERE {condition})" if condition else self.sql
        return f"coalesce({filtered}, {self.empty})" if self.empty is not None else filtered

    def condition(self, as_of_date: date) -> str:
        """What a row of the grain must meet to count; empty for all rows.

        Raises
        ------
        FeatureDefinitionError
            If there is a window, but the grain has no event date.
        """
        conditions = [self.where] if self.where else []
        if self.window is not None:
            if self.grain.event_date is None:
                raise FeatureDefinitionError(
                    en=f"Grain '{self.grain.name}' has no event date, so it cannot be windowed.",
                    zh=f"特征粒度“{self.grain.name}”没有事件日期，不能使用时间窗口。",
                )
            conditions.append(self.window.covers(self.grain.event_date, as_of_date))
        return " AND ".join(conditions)


@dataclass(frozen=True)
class Feature:
    """One column of the feature table and all there is to say about it.

    Parameters
    ----------
    name : str
        From `column_name`, never typed freely.
    expression : str
        SQL over the named aggregates, e.g. `{now} / nullif({before}, 0) - 1`.
    of : mapping of str to Aggregate
    unit : Unit
    direction : Direction
        On the probability of default.
    missing : Missing
    group : str
        Reason code under which points and sentences are given.
    words : Words
    is_recency : bool
        Carries how long ago the last record was, or counts only the last three months. Where a label
        has no date, such features may owe their power to the label's timing; evaluation reports what
        they carry.
    """

    name: str
    expression: str
    of: Mapping[str, Aggregate]
    unit: Unit
    direction: Direction
    missing: Missing
    group: str
    words: Words
    is_recency: bool = False

    @cached_property
    def grains(self) -> frozenset[Grain]:
        """Grains the aggregates stand on, parents excluded."""
        return frozenset(aggregate.grain for aggregate in self.of.values())

    @cached_property
    def datasets(self) -> frozenset[str]:
        """Every dataset the value depends on; NULL if a scope withholds one."""
        return frozenset(name for grain in self.grains for name in grain.datasets)

    @cached_property
    def definition_hash(self) -> str:
        """SHA-256 over everything that decides the value [hex, 64 characters]."""
        digest = hashlib.sha256()
        parts = [self.name, self.expression, self.missing]
        for key in sorted(self.of):
            aggregate = self.of[key]
            parts += [key, aggregate.grain.name, aggregate.render(_HASH_DATE)]
            parts += [grain.select(_HASH_DATE) for grain in lineage_of(aggregate.grain)]
        digest.update("\x1f".join(parts).encode())
        return digest.hexdigest()


def lineage_of(grain: Grain) -> Iterator[Grain]:
    """The grain's ancestors, furthest first, then the grain itself."""
    seen: dict[str, Grain] = {}

    def walk(node: Grain) -> None:
        for parent in node.parents:
            walk(parent)
        seen.setdefault(node.name, node)

    walk(grain)
    yield from seen.values()


@dataclass(frozen=True)
class Registry:
    """Features in a fixed order, by name.

    Raises
    ------
    FeatureDefinitionError
        If two features or two different grains share a name, or an expression names an unknown
        aggregate.
    """

    features: tuple[Feature, ...]
    _by_name: dict[str, Feature] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check names and expressions once, when the registry is made."""
        by_name: dict[str, Feature] = {}
        grains: dict[str, Grain] = {}
        for feature in self.features:
            for grain in (g for own in feature.grains for g in lineage_of(own)):
                if grains.setdefault(grain.name, grain) != grain:
                    raise FeatureDefinitionError(
                        en=f"Feature '{feature.name}' stands on a grain '{grain.name}', but another "
                        "grain has that name already. Rename one of them.",
                        zh=f"特征“{feature.name}”使用的粒度“{grain.name}”与另一粒度重名，请改名。",
                    )
            if feature.name in by_name:
                raise FeatureDefinitionError(
                    en=f"Feature '{feature.name}' is declared twice.",
                    zh=f"特征“{feature.name}”重复声明。",
                )
            try:
                feature.expression.format(**dict.fromkeys(feature.of, ""))
            except (KeyError, IndexError) as unknown:
                raise FeatureDefinitionError(
                    en=f"Feature '{feature.name}' uses {unknown}, which is no aggregate of it.",
                    zh=f"特征“{feature.name}”引用了未定义的聚合 {unknown}。",
                ) from unknown
            by_name[feature.name] = feature
        object.__setattr__(self, "_by_name", by_name)

    def __getitem__(self, name: str) -> Feature:
        """Return the feature of that name, or say which are near."""
        try:
            return self._by_name[name]
        except KeyError:
            hint = suggestion(name, list(self._by_name))
            raise FeatureDefinitionError(
                en=f"There is no feature '{name}'.{hint}", zh=f"没有名为“{name}”的特征。"
            ) from None

    def __iter__(self) -> Iterator[Feature]:
        """Features in their declared order."""
        return iter(self.features)

    def __len__(self) -> int:
        """Number of features."""
        return len(self.features)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def datasets(self) -> frozenset[str]:
        """Every dataset a feature of the registry reads."""
        return frozenset(name for feature in self.features for name in feature.datasets)

    def select(self, names: Iterable[str]) -> "Registry":
        """The registry cut to some features, in the order given."""
        return Registry(tuple(self[name] for name in names))

    def reading_only(self, datasets: Iterable[str]) -> "Registry":
        """The features whose every dataset is among those given."""
        allowed = frozenset(datasets)
        return Registry(tuple(f for f in self.features if f.datasets <= allowed))
