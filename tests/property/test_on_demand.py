"""Vectors brought up to date after landings equal a full rebuild, bit for bit."""

import random
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from features.clock import end_of
from features.definitions import REGISTRY
from features.on_demand import needs_rebuild, refreshed, touched_since
from features.online import OnlineVectors, Vectors, write_online, write_vectors
from features.registry import Registry
from tests.any_worlds import land_any, land_firms
from tests.builders import (
    CATALOGUE,
    NOW,
    TinyLake,
    at,
    features_of,
    invoice,
    penalty,
    registered,
    seeded,
    whole_scope,
)
from tests.negative import PENALTIES, WHOLE

AS_OF = date(2025, 5, 31)
FIRMS = range(1, 31)
READ = sorted({name for feature in WHOLE for name in feature.datasets} | {"credit_repair"})
SALES = REGISTRY.select(["sales_amount_sum_12m_cny"])


def rebuilt(
    lake: TinyLake, folder: Path, registry: Registry = WHOLE, now: str = ""
) -> OnlineVectors:
    moment = at(now) if now else NOW
    table = features_of(lake, AS_OF, registry=registry, now=moment)
    return write_online(table, folder, lake_version=lake.view.version, now=moment)


def renewed(
    build: OnlineVectors, lake: TinyLake, registry: Registry = WHOLE, now: str = ""
) -> Vectors:
    assert not needs_rebuild(build, lake.view, registry)
    moment = at(now) if now else NOW
    return refreshed(build, lake.view, CATALOGUE, registry, whole_scope(), now=moment, threads=1)


def same(ours: OnlineVectors, theirs: OnlineVectors) -> bool:
    """Codes and every bit of every value, NaN included."""
    mine, other = (np.asarray(build.vectors).view(np.int64) for build in (ours, theirs))
    return np.array_equal(ours.usccs, theirs.usccs) and np.array_equal(mine, other)


def land_something(lake: TinyLake, rng: random.Random) -> None:
    """New rows and corrections of some datasets for some firms, sometimes a new or a lost firm."""
    land_any(lake, rng, rng.sample(READ, rng.randrange(1, 4)), rng.sample(FIRMS, 4), AS_OF)
    if rng.random() < 0.5:
        lake.land("reg_basic", [registered(rng.choice([7, 31, 32]), end_of(AS_OF))])
    if rng.random() < 0.5:
        lake.land("reg_basic", [], retire={(1 << 32) + rng.randrange(1, 30): end_of(AS_OF)})


@pytest.mark.parametrize("seed", range(3))
def test_after_any_landing_the_vectors_are_those_of_a_rebuild(seed: int, tmp_path: Path):
    rng, lake = seeded(seed), TinyLake(tmp_path / "lake")
    land_firms(lake, FIRMS)
    land_any(lake, rng, READ, FIRMS, AS_OF)
    build = rebuilt(lake, tmp_path / "step")
    changed = 0
    for step in range(3):
        land_something(lake, rng)
        vectors = renewed(build, lake)
        whole = rebuilt(lake, tmp_path / f"whole{step}")
        moment = NOW + timedelta(seconds=step + 1)
        version = lake.view.version
        changed += not same(build, whole)
        build = write_vectors(
            vectors, WHOLE, AS_OF, tmp_path / "step", lake_version=version, now=moment
        )
        assert same(build, whole), f"step {step}"
    assert changed > 0, "landings that change nothing prove nothing"


def test_one_landed_invoice_touches_one_firm_and_the_features_that_read_invoices(tmp_path: Path):
    lake = TinyLake(tmp_path)
    land_firms(lake, [1, 2])
    version = lake.view.version
    lake.land("invoice_line", [invoice(2, AS_OF, 500)])
    touched = touched_since(lake.view, CATALOGUE, version, after=NOW, now=NOW)
    assert (touched.datasets, touched.enterprises) == ({"invoice_line"}, {2})
    names = set(touched.features(REGISTRY).names)
    assert names == {f.name for f in REGISTRY if "invoice_line" in f.datasets}


def test_a_repair_falls_due_without_a_landing(tmp_path: Path):
    lake, only = TinyLake(tmp_path / "lake"), Registry((*SALES, PENALTIES))
    land_firms(lake, [1])
    lake.land("penalty", [penalty(1, "p", date(2025, 1, 5), repaired_at=at("2026-09-01"))])
    build = rebuilt(lake, tmp_path / "online", only)
    assert build.vector("F00001")[1] == 1.0
    assert renewed(build, lake, only, now="2026-08-31 23:59").vectors[0, 1] == 1.0
    assert renewed(build, lake, only, now="2026-09-01 00:00").vectors[0, 1] == 0.0


def test_other_definitions_ask_for_a_rebuild(tmp_path: Path):
    lake = TinyLake(tmp_path / "lake")
    land_firms(lake, [1])
    build = rebuilt(lake, tmp_path / "online", SALES)
    assert not needs_rebuild(build, lake.view, SALES)
    assert needs_rebuild(build, lake.view, Registry((*SALES, PENALTIES)))
