"""What if: a held firm is the firm, and a change computed is the change delivered."""

from collections.abc import Iterator
from datetime import date, datetime

import numpy as np
import pytest

from features.changes import Change
from features.definitions import REGISTRY
from features.errors import RequestError
from features.pipeline import build_features, render_nothing
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.snapshot import Snapshot, open_snapshot
from features.usual import load_usual
from features.whatif import WhatIf, hold_firm
from models.watching.setting import COLUMNS
from tests.builders import (
    CATALOGUE,
    FAR,
    NOW,
    TinyLake,
    features_of,
    registered,
    seeded,
    whole_scope,
)
from tests.whole_worlds import land_whole, whole_world

AS_OF, LATER, MONTHS = date(2025, 5, 31), date(2025, 8, 31), 3
DONE = datetime(2025, 6, 30)
NOTHING = np.zeros((1, 0), dtype=bool)
#: Nothing arrives by itself, so that a delivery is all there is.
SILENT = load_usual().model_copy(update={"datasets": {}})
#: Every third feature or fact.
SOME = Registry(COLUMNS.features[::3])


def reading(*datasets: str) -> Registry:
    """Features and facts that read one of some datasets."""
    return Registry(tuple(f for f in COLUMNS if not f.datasets.isdisjoint(datasets)))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> TinyLake:
    made = TinyLake(tmp_path_factory.mktemp("lake"))
    land_whole(made, whole_world(seeded(4), AS_OF))
    return made


def look(lake: TinyLake, key: int, day: date = AS_OF) -> Snapshot:
    return open_snapshot(
        lake.view, CATALOGUE, day, whole_scope(), now=NOW, enterprises=[key], threads=1
    )


@pytest.fixture(scope="module", params=[3, 8])
def held(lake: TinyLake, request: pytest.FixtureRequest) -> Iterator[WhatIf]:
    key = int(request.param)
    with look(lake, key) as snapshot:
        yield hold_firm(snapshot, key, SILENT)


def test_a_held_firm_is_the_firm(lake: TinyLake, held: WhatIf) -> None:
    with look(lake, held.key) as snapshot:
        expected = build_features(snapshot, SOME).matrix()

    assert held.build(0, [], NOTHING, SOME).tobytes() == expected.tobytes()


def test_days_together_are_each_alone(lake: TinyLake) -> None:
    with look(lake, 5) as snapshot:
        what = hold_firm(snapshot, 5)
        what.look_ahead([1, 3, 12])
        together = {months: what.build(months, [], NOTHING, COLUMNS) for months in (12, 3)}

        for months, row in together.items():
            assert what.build_alone(months, [], COLUMNS).tobytes() == row.tobytes()

    assert not np.array_equal(together[3], together[12], equal_nan=True)


def test_of_nothing_a_feature_is_what_its_query_says(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    bare = TinyLake(tmp_path_factory.mktemp("bare"))
    bare.land("reg_basic", [registered(1)])
    of_nothing = Registry(tuple(f for f in COLUMNS if "reg_basic" not in f.datasets))
    with look(bare, 1) as snapshot:
        expected = build_features(snapshot, of_nothing).matrix()
        said = snapshot.connection.execute(render_nothing(of_nothing)).fetchall()

    assert np.array([row[2:] for row in said], dtype=np.float64).tobytes() == expected.tobytes()


def test_a_change_is_seen_by_queries_that_name_its_column() -> None:
    paid = Change("reg_basic", "set", "", {"paid_in_capital_fen": "7"})
    gone = Change("reg_basic", "remove", "true", {})

    assert paid.is_seen_by("SELECT sum(paid_in_capital_fen) FROM visible_reg_basic", {"reg_basic"})
    assert not paid.is_seen_by("SELECT reg_status FROM visible_reg_basic", {"reg_basic"})
    assert not paid.is_seen_by("SELECT paid_in_capital_fen FROM visible_reg_change", {"reg_change"})
    assert gone.is_seen_by("SELECT reg_status FROM visible_reg_basic", {"reg_basic"})


def test_combinations_together_are_each_alone(held: WhatIf) -> None:
    steps = [
        [Change("dishonest_debtor", "set", "", {"removed_on": "DATE '2025-06-30'"})],
        [Change("reg_basic", "set", "", {"paid_in_capital_fen": "reg_capital_fen"})],
        [Change("tax_arrears_notice", "remove", "arrears_fen > 5", {}),
         Change("reg_basic", "set", "", {"paid_in_capital_fen": "7"})],
    ]  # fmt: skip
    chosen = (np.arange(8)[:, np.newaxis] >> np.arange(3)) % 2 == 1

    features = reading("dishonest_debtor", "reg_basic", "tax_arrears_notice")

    together = held.build(MONTHS, steps, chosen, features)

    for row, taken in zip(together, chosen.tolist(), strict=True):
        own = [step for step, is_taken in zip(steps, taken, strict=True) if is_taken]
        assert held.build_alone(MONTHS, own, features).tobytes() == row.tobytes()
    assert len(np.unique(together, axis=0)) == 8


def test_a_change_computed_is_the_change_delivered(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    real = TinyLake(tmp_path_factory.mktemp("real"))
    world = whole_world(seeded(4), AS_OF)
    land_whole(real, world)
    told = REGISTRY.select(["tax_nonnormal_now", "admin_penalties_count_36m", "farm_insured_flag"])
    before = features_of(real, LATER, registry=told)
    open_cases = (before.matrix()[:, 0] == 1) & (before.matrix()[:, 1] > 0)
    is_bare = open_cases & (before.matrix()[:, 2] != 1)
    key = int(before.enterprise_keys[is_bare][0])
    features = reading("tax_nonnormal", "admin_penalty", "agri_insurance", "reg_shareholder")
    known = f"TIMESTAMP '{DONE}'"
    steps = [
        [Change("tax_nonnormal", "set", "", {"lifted_on": "DATE '2025-06-30'", "available_at": known})],
        [Change("admin_penalty", "remove", "severity = 'general'", {})],
        [Change("agri_insurance", "add", "", {
            "policy_no": "'new'", "insured": "true", "from_date": "DATE '2025-06-30'",
            "to_date": "DATE '2026-06-30'", "available_at": known})],
    ]  # fmt: skip
    with look(real, key) as snapshot:
        what = hold_firm(snapshot, key, SILENT)
        computed = what.build_alone(MONTHS, steps, features)
        untouched = what.build_alone(MONTHS, [], features)

    rows = _rows_of(real, key, "tax_nonnormal")
    real.land(
        "tax_nonnormal",
        [{k: v for k, v in row.items() if k != "row_id"} | {"lifted_on": date(2025, 6, 30), "available_at": DONE} for row in rows],
        retire={int(str(row["row_id"])): DONE for row in rows},
    )  # fmt: skip
    real.land(
        "credit_repair",
        [{"enterprise_key": key, "available_at": DONE, "dataset": "admin_penalty", "record_no": row["doc_no"], "repaired_at": DONE}
         for row in _rows_of(real, key, "admin_penalty") if row["severity"] == "general"],
    )  # fmt: skip
    real.land(
        "agri_insurance",
        [{"enterprise_key": key, "available_at": DONE, "policy_no": "new", "insured": True,
          "from_date": date(2025, 6, 30), "to_date": date(2026, 6, 30)}],
    )  # fmt: skip
    with look(real, key, LATER) as snapshot:
        delivered = build_features(snapshot, features).matrix()[0]

    assert computed.tobytes() == delivered.tobytes()
    moved = {
        n
        for n, a, b in zip(features.names, computed, untouched, strict=True)
        if a != b and not np.isnan([a, b]).all()
    }
    assert set(told.names) <= moved


def test_a_step_that_changes_nothing_is_seen_to(held: WhatIf) -> None:
    same = Change("reg_basic", "set", "", {"reg_capital_fen": "reg_capital_fen"})
    other = Change("reg_basic", "set", "", {"reg_capital_fen": "coalesce(reg_capital_fen, 0) + 1"})
    known = Change("reg_basic", "add", "", {"name": "'x'"}, unless="true")

    assert not held.would_change(1, [same])
    assert held.would_change(1, [same, other])
    assert not held.would_change(1, [known])


def test_an_institutions_look_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    tiny = TinyLake(tmp_path_factory.mktemp("tiny"))
    tiny.land("reg_basic", [registered(1)])
    scope = DataScope(frozenset(CATALOGUE.datasets), Purpose.APPLY, FAR, grantee="bank")
    with (
        open_snapshot(tiny.view, CATALOGUE, AS_OF, scope, now=NOW, enterprises=[1]) as snapshot,
        pytest.raises(RequestError, match="under the firm's own scope"),
    ):
        hold_firm(snapshot, 1)


def _rows_of(lake: TinyLake, key: int, dataset: str) -> list[dict[str, object]]:
    with look(lake, key) as snapshot:
        return (
            snapshot.connection.sql(f"SELECT * FROM visible_{dataset}").to_arrow_table().to_pylist()
        )
