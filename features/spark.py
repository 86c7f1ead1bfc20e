"""The same statements for Spark, when the firms no longer fit one machine.

Nothing is written twice: the statements of `features.snapshot` and the query of `features.pipeline`
are translated by sqlglot into a plan, which is data. `features/spark_job.py` runs a plan and needs
nothing of ours and nothing but PySpark. Files are read in place, the lake stays what it is.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from features.errors import FeatureDefinitionError
from features.pipeline import render
from features.registry import Feature, Registry, lineage_of
from features.snapshot import Statement

#: What keeps Spark's answers those of DuckDB: no zone moves an instant, and overflow or a division
#: by zero stop the run instead of turning into NULL.
SEMANTICS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
}
_NOT_PORTABLE = (exp.Anonymous, exp.AnonymousAggFunc, exp.Lambda, exp.Struct, exp.GenerateSeries)
_NOT_PORTABLE_TYPES = {exp.DataType.Type.INT128, exp.DataType.Type.UINT128}


@dataclass(frozen=True)
class Relation:
    """One view of a plan.

    Attributes
    ----------
    is_kept : bool
        Small, and computed once.
    is_widened : bool
        Whole numbers become DECIMAL(38, 0): DuckDB sums into 128 bits, and so products of sums have
        room there that 64 bits do not give them.
    """

    name: str
    sql: str
    is_kept: bool = False
    is_widened: bool = False


@dataclass(frozen=True)
class SparkPlan:
    """What Spark is asked to do.

    Attributes
    ----------
    sources : dict of str to list of str
        Parquet files by the name statements read them under.
    relations : tuple of Relation
        In the order in which they are made.
    query : str
        The feature table.
    settings : dict of str to str
    """

    sources: dict[str, list[str]]
    relations: tuple[Relation, ...]
    query: str
    settings: dict[str, str]

    def write(self, path: Path) -> None:
        """Write the plan as JSON for `features/spark_job.py`."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1), encoding="utf-8")


def plan_features(
    statements: Iterable[Statement], registry: Registry, as_of_date: date
) -> SparkPlan:
    """The feature table of a cut as a plan; relations that no feature reads are left out.

    Parameters
    ----------
    statements : iterable of Statement
        From `features.snapshot.snapshot_sql`.

    Raises
    ------
    FeatureDefinitionError
        If Spark cannot say what a feature says; the feature is named.
    """
    require_portable(registry, as_of_date)
    query = _parsed(render(registry, as_of_date))
    known = _split_known(query)
    parsed = [(statement, _parsed(statement.sql)) for statement in statements]
    wanted = _read_by(query) | _read_by(known)
    chosen: list[tuple[Statement, exp.Expr]] = []
    for statement, tree in reversed(parsed):
        if statement.name in wanted:
            wanted |= _read_by(tree)
            chosen.insert(0, (statement, tree))
    sources: dict[str, list[str]] = {}
    relations = [
        Relation(statement.name, _in_spark(_placed(tree, sources)), statement.kind == "TABLE")
        for statement, tree in chosen
    ]
    relations.append(Relation("known", _in_spark(known), is_widened=True))
    return SparkPlan(sources, tuple(relations), _in_spark(query), dict(SEMANTICS))


def require_portable(registry: Registry, as_of_date: date) -> None:
    """Make sure that every feature can be said in Spark's SQL.

    Raises
    ------
    FeatureDefinitionError
        With the first feature that cannot, and what stands in its way.
    """
    checked: set[str] = set()
    for feature in registry:
        for fragment in _fragments(feature, as_of_date):
            if fragment in checked:
                continue
            obstacle = _obstacle(fragment)
            if obstacle:
                raise FeatureDefinitionError(
                    en=f"Feature '{feature.name}' cannot run on Spark: {obstacle}. Say it with functions "
                    "both engines have, or leave it out of the registry.",
                    zh=f"特征“{feature.name}”无法在 Spark 上运行：{obstacle}。请改用两种引擎都有的函数，或将其移出特征库。",
                )
            checked.add(fragment)


def _fragments(feature: Feature, as_of_date: date) -> Iterator[str]:
    """Every piece of SQL that decides a feature, each a statement of its own."""
    for aggregate in feature.of.values():
        for grain in lineage_of(aggregate.grain):
            yield grain.select(as_of_date)
        yield f"SELECT {aggregate.render(as_of_date)}"
    yield f"SELECT {feature.expression.format(**dict.fromkeys(feature.of, 'k'))}"


def _obstacle(sql: str) -> str | None:
    try:
        tree = _parsed(sql)
        for node in tree.walk():
            if isinstance(node, _NOT_PORTABLE):
                return f"'{node.sql('duckdb')[:60]}' has no like there"
            if isinstance(node, exp.DataType) and node.this in _NOT_PORTABLE_TYPES:
                return f"type {node.sql('duckdb')} has no like there"
        _in_spark(tree)
    except SqlglotError as refused:
        return str(refused).splitlines()[0]
    return None


def _parsed(sql: str) -> exp.Expr:
    return sqlglot.parse_one(sql, read="duckdb")


def _in_spark(tree: exp.Expr) -> str:
    """The statement in Spark's words; `/` divides doubles, as in DuckDB, whatever its sides are."""
    for division in list(tree.find_all(exp.Div)):
        for side in ("this", "expression"):
            double = exp.DataType.build("DOUBLE")
            division.set(side, exp.Cast(this=division.args[side], to=double))
    return tree.sql("spark", unsupported_level=ErrorLevel.RAISE)


def _split_known(query: exp.Expr) -> exp.Expr:
    """Take the common tables off the query: what is left reads `known`, which is returned.

    Parts of a table on Spark come in the order of nothing, so the query's order goes, too.
    """
    tables = query.args["with_"]
    query.set("with_", None)
    query.set("order", None)
    *others, last = tables.expressions
    known = last.this
    tables.set("expressions", others)
    if others:
        known.set("with_", tables)
    return known


def _read_by(tree: exp.Expr) -> set[str]:
    return {table.name for table in tree.find_all(exp.Table)}


def _placed(tree: exp.Expr, sources: dict[str, list[str]]) -> exp.Expr:
    """The statement with every list of Parquet files replaced by the name of a source."""
    for table in list(tree.find_all(exp.Table)):
        if isinstance(table.this, exp.ReadParquet):
            paths = [_plain(str(path.this)) for path in table.this.find_all(exp.Literal)]
            known = [name for name, files in sources.items() if files == paths]
            name = known[0] if known else f"files_{len(sources)}"
            sources[name] = paths
            table.set("this", exp.to_identifier(name))
    return tree


def _plain(pattern: str) -> str:
    """The path again that `features.engine.readable` guarded against pattern signs."""
    for sign in "*?[":
        pattern = pattern.replace(f"[{sign}]", sign)
    return pattern
