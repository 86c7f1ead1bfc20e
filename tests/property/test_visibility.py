"""What a look may know: two clocks, corrections, repairs, publicity, scope; and nothing else."""

import random
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from features.clock import end_of
from features.contracts import Sensitivity
from features.definitions import REGISTRY
from features.errors import ScopeError
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.snapshot import NEIGHBOURHOOD, open_snapshot
from tests.builders import (
    CATALOGUE,
    FAR,
    LONG_AGO,
    NOW,
    TinyLake,
    at,
    by_enterprise,
    features_of,
    invoice,
    invoice_month,
    penalty,
    registered,
    seeded,
    whole_scope,
)
from tests.negative import PENALTIES, WHOLE
from tests.oracle.invoice_worlds import FIRMS, invoice_row, land_world, world_of

AS_OF = date(2020, 2, 29)
MIDNIGHT = end_of(AS_OF)
SALES = REGISTRY.select(["sales_amount_sum_12m_cny"])


def exact(lake: TinyLake, *, threads: int = 1, enterprises: list[int] | None = None) -> list[str]:
    """Every value of every feature, to the last bit."""
    table = features_of(lake, AS_OF, threads=threads, enterprises=enterprises, registry=WHOLE)
    return [f"{key} {row}" for key, row in by_enterprise(table).items()]


def sales(lake: TinyLake, as_of: date, *, enterprise: int = 1) -> float | None:
    table = by_enterprise(features_of(lake, as_of, registry=SALES))
    return table[enterprise]["sales_amount_sum_12m_cny"]


# --- (a) what comes after as_of ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_facts_that_become_available_after_as_of_change_nothing(seed: int, tmp_path: Path):
    rng = seeded(seed)
    world = world_of(rng, AS_OF)
    lake = TinyLake(tmp_path)
    land_world(lake, world)
    before = exact(lake)
    later = [MIDNIGHT + timedelta(microseconds=1), MIDNIGHT + timedelta(days=rng.randrange(900))]
    lines = [(key, i) for key, (lines, _) in world_of(rng, AS_OF).items() for i in lines]
    row_ids = lake.land(
        "invoice_line",
        [{**invoice_row(key, i), "available_at": rng.choice(later)} for key, i in lines],
    )
    lake.land("penalty", [penalty(key, "p", AS_OF, available_at=later[0]) for key in FIRMS])
    lake.land("reg_basic", [registered(77, later[0])])
    lake.land("invoice_line", [], retire=dict.fromkeys(row_ids[:5], later[0]))
    assert exact(lake) == before


@pytest.mark.parametrize(
    ("available_at", "is_seen"),
    [(MIDNIGHT, True), (MIDNIGHT + timedelta(microseconds=1), False)],
)
def test_a_date_means_its_last_instant(available_at: datetime, is_seen: bool, tmp_path: Path):  # noqa: FBT001
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    lake.land("invoice_line", [invoice(1, AS_OF, 500, available_at=available_at)])
    assert sales(lake, AS_OF) == (5.0 if is_seen else None)


def test_an_invoice_dated_after_as_of_is_not_in_its_window(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    lake.land(
        "invoice_line",
        [
            invoice(1, AS_OF, 500),
            invoice(1, AS_OF + timedelta(days=1), 900, available_at=LONG_AGO),
        ],
    )
    assert sales(lake, AS_OF) == 5.0


def test_a_correction_counts_from_its_own_moment(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    (old,) = lake.land("invoice_line", [invoice(1, date(2020, 1, 10), 500)])
    corrected_at = at("2020-02-10 00:00")  # which is 9 February 24:00
    right = invoice(1, date(2020, 1, 10), 700, available_at=corrected_at)
    (new,) = lake.land("invoice_line", [right], retire={old: corrected_at})
    again_at = at("2020-02-20 15:00")
    third = invoice(1, date(2020, 1, 10), 900, available_at=again_at)
    lake.land("invoice_line", [third], retire={new: again_at})
    days = [date(2020, 1, 31), date(2020, 2, 8), date(2020, 2, 9), date(2020, 2, 19)]
    assert [sales(lake, day) for day in days] == [5.0, 5.0, 7.0, 7.0]
    assert sales(lake, date(2020, 2, 20)) == 9.0


def test_an_invoice_that_arrives_late_is_missing_until_it_does(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    late = invoice(1, date(2020, 1, 10), 300, available_at=at("2020-02-10 09:00"))
    lake.land("invoice_line", [invoice(1, date(2020, 1, 9), 500), late])
    assert [sales(lake, date(2020, 2, day)) for day in (9, 10)] == [5.0, 8.0]


# --- (b) order, files, threads; (f) one firm -----------------------------------------------------


def test_row_order_files_and_threads_change_no_bit(tmp_path: Path):
    rng = seeded(5)
    world = world_of(rng, AS_OF)
    lake = TinyLake(tmp_path / "one")
    land_world(lake, world)
    expected = exact(lake)
    rows = [invoice_row(key, i) for key, (lines, _) in world.items() for i in lines]
    months = [(key, m) for key, (_, months) in world.items() for m in months]
    for attempt in range(2):
        shuffled = TinyLake(tmp_path / f"shuffled {attempt}")
        shuffled.land("reg_basic", [registered(key) for key in rng.sample(FIRMS, len(FIRMS))])
        _land_in_pieces(shuffled, "invoice_line", rng.sample(rows, len(rows)), rng)
        table = [
            invoice_month(key, m.month, m.out, red_fen=m.red, available_at=LONG_AGO)
            for key, m in rng.sample(months, len(months))
        ]
        _land_in_pieces(shuffled, "invoice_month", table, rng)
        assert exact(shuffled) == expected
        assert exact(shuffled, threads=4) == expected


def _land_in_pieces(
    lake: TinyLake, dataset: str, rows: list[dict[str, object]], rng: random.Random
) -> None:
    cuts = sorted(rng.randrange(len(rows)) for _ in range(3))
    for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        lake.land(dataset, rows[start:end])


def test_one_enterprise_on_demand_equals_its_row_in_the_batch(tmp_path: Path):
    lake = TinyLake(tmp_path)
    land_world(lake, world_of(seeded(6), AS_OF))
    batch = exact(lake)
    for place in (0, 7, 19, 33):
        assert exact(lake, enterprises=[FIRMS[place]]) == [batch[place]]
    assert exact(lake, enterprises=[FIRMS[3], FIRMS[1], 4040]) == [batch[1], batch[3]]
    assert exact(lake, enterprises=[]) == []
    # A long list is read as a table; most of these firms are on no register.
    many = [FIRMS[3], FIRMS[1], *range(5_000, 5_200)]
    assert exact(lake, enterprises=many) == [batch[1], batch[3]]


# --- (c) scope -----------------------------------------------------------------------------------


def test_no_scope_no_rows(tmp_path: Path):
    lake = TinyLake(tmp_path)
    land_world(lake, world_of(seeded(7), AS_OF))
    lake.land("penalty", [penalty(1, "p", AS_OF)])
    nothing = DataScope(frozenset(), Purpose.SELF_REPORT, FAR)
    with open_snapshot(lake.view, CATALOGUE, AS_OF, nothing, now=NOW) as snapshot:
        for dataset in CATALOGUE:
            query = f"SELECT count(*) FROM visible_{dataset.name}"
            assert snapshot.connection.sql(query).fetchall() == [(0,)], dataset.name
    table = by_enterprise(features_of(lake, AS_OF, nothing, registry=WHOLE))
    assert len(table) == len(FIRMS)
    assert {value for row in table.values() for value in row.values()} == {None}


def test_a_scope_ends_after_its_last_day(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    last_day = NOW.date()
    scope = DataScope(frozenset({"invoice_line"}), Purpose.SELF_REPORT, last_day)
    assert list(by_enterprise(features_of(lake, AS_OF, scope))) == [1]
    with pytest.raises(ScopeError, match=f"The data scope ended on {last_day}; it cannot be used"):
        features_of(lake, last_day + timedelta(days=1), scope)
    with pytest.raises(ScopeError, match=f"on or for {last_day + timedelta(days=1)}"):
        features_of(lake, AS_OF, scope, now=NOW + timedelta(days=1))


def test_a_scope_without_a_dataset_no_longer_opens_it():
    scope = whole_scope().without("invoice_line")
    assert not scope.opens("invoice_line")
    assert scope.opens("invoice_month")


# --- neighbours ----------------------------------------------------------------------------------


def everyone(lake: TinyLake, scope: DataScope, dataset: str, now: datetime = NOW) -> list[int]:
    """Whose rows are there for facts about firm 1 that lie in its neighbours."""
    with open_snapshot(lake.view, CATALOGUE, AS_OF, scope, now=now, enterprises=[1]) as snapshot:
        query = f"SELECT enterprise_key FROM everyone_{dataset} ORDER BY enterprise_key"
        return [key for (key,) in snapshot.connection.sql(query).fetchall()]


def listed(key: int, available_at: datetime = LONG_AGO, **more: object) -> dict[str, object]:
    """An entry on the list of dishonest debtors."""
    row = {"enterprise_key": key, "available_at": available_at, "case_no": "p"}
    return {**row, "published_on": AS_OF, **more}


def test_everyones_rows_obey_both_clocks_the_scope_and_repairs(tmp_path: Path):
    lake, dataset = TinyLake(tmp_path), "dishonest_debtor"
    lake.land("reg_basic", [registered(1), registered(2)])
    late = listed(4, MIDNIGHT + timedelta(microseconds=1))
    repaired = listed(3, repaired_at=at("2020-03-05"))
    lake.land(dataset, [listed(1), listed(2), repaired, late])
    assert everyone(lake, whole_scope(), dataset) == [1, 2]
    assert everyone(lake, whole_scope(), dataset, now=at("2020-03-01")) == [1, 2, 3]
    assert everyone(lake, whole_scope().without(dataset), dataset) == []


def test_only_public_datasets_have_everyones_rows():
    opened = {CATALOGUE[name].document.sensitivity for name in NEIGHBOURHOOD}
    assert opened == {Sensitivity.PUBLIC}


# --- (e) negative records ------------------------------------------------------------------------


def penalties(
    lake: TinyLake,
    as_of: date,
    *,
    now: datetime = NOW,
    purpose: Purpose = Purpose.SELF_REPORT,
) -> float | None:
    registry = Registry((PENALTIES,))
    table = features_of(lake, as_of, whole_scope(purpose), registry=registry, now=now)
    return by_enterprise(table)[1][PENALTIES.name]


def penalised(tmp_path: Path, **record: datetime | date) -> tuple[TinyLake, int]:
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(1)])
    (row_id,) = lake.land("penalty", [penalty(1, "p", date(2019, 6, 1), **record)])  # pyright: ignore[reportArgumentType] - the names say the types
    return lake, row_id


def test_publicity_ends_on_its_last_day(tmp_path: Path):
    lake, _ = penalised(tmp_path, publicity_end=date(2020, 2, 10))
    assert [penalties(lake, date(2020, 2, day)) for day in (9, 10)] == [1.0, 0.0]


def test_a_record_repaired_by_now_is_gone_from_every_as_of_but_a_replays(tmp_path: Path):
    lake, _ = penalised(tmp_path, repaired_at=at("2020-03-05 10:00"))
    before, after = at("2020-03-05 09:59"), at("2020-03-05 10:00")
    assert penalties(lake, AS_OF, now=before) == 1.0
    assert penalties(lake, AS_OF, now=after) == 0.0
    assert penalties(lake, AS_OF, now=after, purpose=Purpose.REPLAY) == 1.0
    assert penalties(lake, date(2020, 3, 4), now=after, purpose=Purpose.REPLAY) == 1.0
    assert penalties(lake, date(2020, 3, 5), now=after, purpose=Purpose.REPLAY) == 0.0


def test_a_repair_that_arrives_as_a_new_version_takes_the_old_version_along(tmp_path: Path):
    lake, old = penalised(tmp_path)
    known_at, repaired_at = at("2020-03-08 09:00"), at("2020-03-05 10:00")
    repaired = penalty(1, "p", date(2019, 6, 1), available_at=known_at, repaired_at=repaired_at)
    lake.land("penalty", [repaired], retire={old: known_at})
    lake.land("penalty", [penalty(1, "another", date(2019, 7, 1))])
    assert penalties(lake, AS_OF, now=at("2020-03-07 12:00")) == 2.0
    assert penalties(lake, AS_OF, now=at("2020-03-08 12:00")) == 1.0
    # A replay shows what was known then: on 7 March nobody here knew of the repair.
    replay = Purpose.REPLAY
    assert penalties(lake, AS_OF, purpose=replay) == 2.0
    assert penalties(lake, date(2020, 3, 7), purpose=replay) == 2.0
    assert penalties(lake, date(2020, 3, 8), purpose=replay) == 1.0


def test_a_repair_entered_by_mistake_and_taken_back_hides_nothing(tmp_path: Path):
    lake, old = penalised(tmp_path)
    day, mistaken_at, undone_at = date(2019, 6, 1), at("2020-03-05"), at("2020-03-10")
    mistake = penalty(1, "p", day, available_at=mistaken_at, repaired_at=mistaken_at)
    (wrong,) = lake.land("penalty", [mistake], retire={old: mistaken_at})
    lake.land("penalty", [penalty(1, "p", day, available_at=undone_at)], retire={wrong: undone_at})
    assert penalties(lake, AS_OF, now=at("2020-03-07")) == 0.0
    assert penalties(lake, AS_OF, now=at("2020-03-11")) == 1.0


def repair(repaired_at: datetime | None, available_at: datetime) -> dict[str, object]:
    notice = {"enterprise_key": 1, "dataset": "penalty", "record_no": "p"}
    return {**notice, "repaired_at": repaired_at, "available_at": available_at}


def test_a_notice_of_repair_takes_every_version_of_its_record_from_every_as_of(tmp_path: Path):
    lake, old = penalised(tmp_path)
    changed_at = at("2020-02-20")
    changed = penalty(1, "p", date(2019, 6, 1), available_at=changed_at)
    lake.land("penalty", [changed], retire={old: changed_at})
    lake.land("reg_basic", [registered(2)])
    others = [penalty(1, "another", date(2019, 7, 1)), penalty(2, "p", date(2019, 6, 1))]
    lake.land("penalty", others)
    known_at = at("2020-03-08 09:00")
    (notice,) = lake.land("credit_repair", [repair(at("2020-03-05 10:00"), known_at)])
    before, after = known_at - timedelta(microseconds=1), known_at
    days = [date(2020, 1, 31), AS_OF]
    assert [penalties(lake, day, now=before) for day in days] == [2.0, 2.0]
    for purpose in Purpose:
        seen = 2.0 if purpose is Purpose.REPLAY else 1.0
        found = [penalties(lake, day, now=after, purpose=purpose) for day in days]
        assert found == [seen, seen], purpose
    # A replay sees the record until the notice had come, 2020-03-08 09:00.
    replay = [penalties(lake, date(2020, 3, day), purpose=Purpose.REPLAY) for day in (7, 8)]
    assert replay == [2.0, 1.0]
    # The notice is taken back by a correction: the record is seen again.
    undone_at = at("2020-03-10")
    lake.land("credit_repair", [repair(None, undone_at)], retire={notice: undone_at})
    assert penalties(lake, AS_OF, now=undone_at - timedelta(microseconds=1)) == 1.0
    assert penalties(lake, AS_OF, now=undone_at) == 2.0


def test_a_repair_in_the_future_hides_nothing_yet(tmp_path: Path):
    lake, _ = penalised(tmp_path)
    lake.land("credit_repair", [repair(at("2020-03-05 10:00"), LONG_AGO)])
    assert penalties(lake, AS_OF, now=at("2020-03-05 09:59")) == 1.0
    assert penalties(lake, AS_OF, now=at("2020-03-05 10:00")) == 0.0


def test_a_correction_leaves_every_earlier_feature_as_it_was(tmp_path: Path):
    lake = TinyLake(tmp_path)
    land_world(lake, world_of(seeded(8), AS_OF))
    (old,) = lake.land("invoice_line", [invoice(FIRMS[0], AS_OF, 500)])
    before = exact(lake)
    landed_at = MIDNIGHT + timedelta(microseconds=1)
    right = invoice(FIRMS[0], AS_OF, 900, available_at=landed_at)
    lake.land("invoice_line", [right], retire={old: landed_at})
    assert exact(lake) == before


# --- the register --------------------------------------------------------------------------------


def test_a_firm_registered_twice_or_corrected_is_one_row(tmp_path: Path):
    lake = TinyLake(tmp_path)
    (first, _) = lake.land("reg_basic", [registered(1), registered(2)])
    lake.land("reg_basic", [registered(2), registered(2)])
    changed_at = at("2020-02-10 12:00")
    lake.land("reg_basic", [registered(1, changed_at)], retire={first: changed_at})
    lake.land("reg_basic", [registered(3, MIDNIGHT + timedelta(microseconds=1))])
    lake.land("invoice_line", [invoice(key, AS_OF, 500) for key in (1, 2, 3)])
    for as_of in (date(2020, 2, 9), date(2020, 2, 10), AS_OF):
        assert list(by_enterprise(features_of(lake, as_of, registry=SALES))) == [1, 2]
    assert sales(lake, AS_OF, enterprise=2) == 5.0
    assert list(by_enterprise(features_of(lake, date(2020, 3, 1), registry=SALES))) == [1, 2, 3]


def test_an_empty_lake_gives_an_empty_table(tmp_path: Path):
    table = features_of(TinyLake(tmp_path), AS_OF)
    assert table.table.num_rows == 0
    assert table.matrix().shape == (0, len(REGISTRY))
    assert table.matrix([]).shape == (0, 0)
