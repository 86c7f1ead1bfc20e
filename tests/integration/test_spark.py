"""The whole registry gives the same table on both engines, and says so where it could not."""

import math
import os
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.definitions import REGISTRY
from features.errors import FeatureDefinitionError, SparkError
from features.registry import Aggregate, Registry
from features.scope import Purpose
from features.snapshot import snapshot_sql
from features.spark import SparkPlan, plan_features
from tests.any_worlds import land_any, land_consents, land_firms
from tests.builders import CATALOGUE, NOW, TinyLake, features_of, seeded, whole_scope
from tests.negative import PENALTIES, PENALTY, WHOLE
from xinqiao.settings import CHECKOUT
from xinqiao.spark import read_settings, run_plan

AS_OF = date(2025, 5, 31)
FIRMS = range(1, 301)
PYTHON = CHECKOUT / ".venv-spark" / "bin" / "python"
#: One short job: no optimising compiler, no parallel collector, one partition.
SHORT = {
    "spark.sql.shuffle.partitions": "1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}
needs_spark = pytest.mark.skipif(
    not os.environ.get("CI") and not (PYTHON.exists() and shutil.which("java")),
    reason="needs Java and `make spark`",
)


def plan(lake: TinyLake, registry: Registry = WHOLE) -> SparkPlan:
    statements = snapshot_sql(lake.view, CATALOGUE, AS_OF, SCOPE, now=NOW)
    return plan_features(statements, registry, AS_OF)


SCOPE = replace(whole_scope(Purpose.PRE_CREDIT), grantee="bank")


def agree(a: float | None, b: float | None) -> bool:
    """Whole numbers and NULL are the same, other numbers to 1e-9 of themselves."""
    if a is None or b is None or a.is_integer():
        return a == b
    return math.isclose(a, b, rel_tol=1e-9)


def disagreements(ours: pa.Table, theirs: pa.Table) -> tuple[list[str], Counter[str]]:
    """What differs, in words, and how many values were compared how."""
    found: list[str] = []
    counts: Counter[str] = Counter()
    for name in ours.column_names[2:]:
        for key, a, b in zip(
            ours["enterprise_key"].to_pylist(),
            ours[name].to_pylist(),
            theirs[name].to_pylist(),
            strict=True,
        ):
            counts["null" if a is None else "exact" if a == b else "near"] += 1
            if not agree(a, b):
                found.append(f"{name} of firm {key}: {a} here, {b} on Spark")
    return found, counts


#: Time goes with the size of the query, not with the firms: `make test` takes a share of the features.
SHARE = Registry((*REGISTRY.features[::8], *WHOLE.features[-2:]))


@needs_spark
@pytest.mark.parametrize(
    "registry", [SHARE, pytest.param(WHOLE, marks=pytest.mark.soak)], ids=["share", "whole"]
)
def test_every_value_is_the_same_on_spark(registry: Registry, tmp_path: Path):
    rng, lake = seeded(14), TinyLake(tmp_path / "lake [1]")
    read = {name for feature in registry for name in feature.datasets}
    land_firms(lake, FIRMS)
    land_any(lake, rng, read | {"credit_repair"}, FIRMS, AS_OF)
    land_consents(lake, rng, FIRMS, AS_OF, Purpose.PRE_CREDIT)
    out = tmp_path / "features"
    run_plan(plan(lake, registry), out, python=PYTHON, master="local[2]", settings=SHORT)
    theirs = pq.read_table(out).sort_by("enterprise_key")
    ours = features_of(lake, AS_OF, SCOPE, registry=registry).table
    assert theirs.column_names == ours.column_names
    assert theirs["uscc"].to_pylist() == ours["uscc"].to_pylist()
    found, counts = disagreements(ours, theirs)
    assert found == []
    silent = [name for name in ours.column_names[2:] if ours[name].null_count == ours.num_rows]
    assert len(silent) <= len(registry) // 5, "a feature without a value proves nothing"
    print(f"{ours.num_rows} firms × {len(registry)} features, {len(silent)} silent: {dict(counts)}")


def test_a_plan_reads_only_what_its_features_read(tmp_path: Path):
    lake = TinyLake(tmp_path)
    land_firms(lake, [1])
    made = plan(lake, REGISTRY.select(["sales_amount_sum_12m_cny"]))
    assert [relation.name for relation in made.relations] == [
        "enterprise",
        "live_consent",
        "visibility",
        "visible_invoice_line",
        "known",
    ]
    assert made.settings["spark.sql.ansi.enabled"] == "true"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("sum(list_sum(list_transform([fine_fen], x -> x + 1)))", "LAMBDA"),
        ("jaro_of(case_no)", "JARO_OF"),
        ("sum(fine_fen::HUGEINT)", "HUGEINT|INT128"),
        ("sum(fine_fen", "Expecting"),
    ],
)
def test_a_feature_that_spark_cannot_say_is_named(sql: str, what: str, tmp_path: Path):
    lake = TinyLake(tmp_path)
    land_firms(lake, [1])
    odd = replace(PENALTIES, of={"n": Aggregate(PENALTY, sql)})
    with pytest.raises(FeatureDefinitionError, match=f"'penalties_count_36m'.*{what}"):
        plan(lake, Registry((odd,)))


def test_without_its_environment_the_user_is_told_what_to_run(tmp_path: Path):
    lake = TinyLake(tmp_path / "lake")
    land_firms(lake, [1])
    with pytest.raises(SparkError, match="make spark"):
        run_plan(plan(lake), tmp_path / "out", python=tmp_path / "python", master="local[1]")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", ["spark.driver.memory", "spark.sql.ansi.enabled=false"])
def test_a_setting_may_not_change_what_a_value_means(given: str):
    with pytest.raises(SparkError, match=f"'{given.partition('=')[0]}' cannot be set"):
        read_settings([given])
