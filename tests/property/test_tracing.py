"""A value follows from the rows its trace names, and from no other row."""

import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from features.clock import end_of
from features.definitions import (
    REGISTRY,
    agri,
    green,
    innovation,
    invoice,
    loans,
    social_insurance,
)
from features.errors import NoRecordError
from features.registry import Registry
from features.snapshot import open_snapshot
from features.tracing import Trace, trace_feature
from tests.builders import (
    CATALOGUE,
    FIRST_PARTY,
    NOW,
    TinyLake,
    by_enterprise,
    features_of,
    record,
    registered,
    seeded,
    whole_scope,
)
from tests.builders import (
    invoice as invoice_row,
)

AS_OF = date(2024, 5, 31)
FIRM = 1
SEEDS = range(3)
#: Windows of these families end here, or a day before.
EDGES = [date(2021, 5, 31), date(2021, 6, 1), date(2023, 5, 31), date(2023, 6, 1), AS_OF]

Row = dict[str, object]
World = Mapping[str, list[Row]]
#: Features over single invoices: plain sums, months, days and parties.
INVOICES = [
    "sales_amount_sum_3m_cny",
    "sales_active_months_count_12m",
    "sales_gap_max_12m_days",
    "buyer_churn_12m",
    "sales_red_count_share_12m",
]
FAMILIES = Registry(
    (
        *(f for f in social_insurance.FEATURES if "housing_fund" not in f.name),
        *loans.FEATURES,
        *innovation.FEATURES,
        *green.FEATURES,
        *(f for f in agri.FEATURES if "household" not in f.name),
        *(f for f in invoice.FEATURES if f.name in INVOICES),
    )
)


def day(rng: random.Random) -> str:
    drawn = rng.choice(EDGES) if rng.random() < 0.3 else AS_OF - timedelta(rng.randrange(-40, 1300))
    return drawn.isoformat()


def month(rng: random.Random) -> str:
    number = 2024 * 12 + 4 - rng.randrange(-1, 30)
    return f"{number // 12}{number % 12 + 1:02d}"


def flagged(rng: random.Random) -> str:
    return rng.choice(["true", "false", "-"])


def number(rng: random.Random) -> str:
    return str(rng.randrange(4))


#: How a row of each dataset is drawn; what makes it unique comes first.
DRAWN: Mapping[str, Mapping[str, Callable[[random.Random], str]]] = {
    "patent": {
        "patent_no": number,
        "kind": lambda rng: rng.choice(["invention", "utility"]),
        "granted_on": day,
        "status": lambda rng: rng.choice(["valid", "lapsed", "invalid"]),
    },
    "trademark": {"reg_no": number, "registered_on": day, "expires_on": day, "status": lambda _: "valid"},
    "ip_pledge": {"reg_no": number, "registered_on": day, "cancelled_on": day},
    "tech_rnd": {
        "stat_date": day,
        "is_hnte": flagged,
        "is_tech_sme": flagged,
        "gov_funds": lambda rng: rng.choice(["-", "500/2023/a;70/2020/b", "9/2024/a"]),
    },
    "financing_need": {"need_id": number, "submitted_at": day, "status": lambda _: "new"},
    "loan_account": {
        "loan_id": number,
        "granted_at": day,
        "lender_name": number,
        "amount": number,
        "rate": number,
        "loan_status": lambda rng: rng.choice("123"),
    },
    "repayment_snapshot": {"loan_id": number, "month": month, "balance": number, "dpd": number},
    "pension_month": {"month": month, "insured": number, "employer_amount": number},
    "pension_filing": {"stat_date": day, "in_arrears": flagged},
    "medical_month": {"month": month, "insured": number, "amount": number, "deferred_amount": number},
    "medical_filing": {"stat_date": day, "in_arrears": flagged},
    "carbon_account": {
        "period_end": day,
        "intensity": number,
        "industry_benchmark": number,
        "grade": lambda rng: rng.choice(["deep_green", "red"]),
    },
    "agri_entity": {"record_id": number, "registered_on": day, "plots": lambda _: "1.5/a;2/b"},
    "agri_insurance": {"policy_no": number, "from_date": day, "to_date": day, "insured": flagged},
    "agri_subsidy": {"kind": number, "amount": number, "stat_date": day},
}  # fmt: skip
#: What may not occur twice in a dataset.
UNIQUE = {name: CATALOGUE[name].lake_key() for name in DRAWN}


def world_of(rng: random.Random) -> World:
    world: dict[str, list[Row]] = {}
    for dataset, drawn in DRAWN.items():
        rows: dict[tuple[object, ...], Row] = {}
        for _ in range(rng.choice([4, 12, 25])):
            cells = {name: draw(rng) for name, draw in drawn.items()}
            if rng.random() < 0.2:
                cells["known"] = rng.choice([AS_OF, AS_OF + timedelta(1)]).isoformat()
            row = record(FIRM, dataset, cells)
            rows[tuple(row.get(column) for column in UNIQUE[dataset])] = row
        world[dataset] = list(rows.values())
    world["invoice_line"] = [
        invoice_row(
            FIRM,
            date.fromisoformat(day(rng)),
            rng.randrange(-2, 9) * 100,
            party=FIRST_PARTY + rng.randrange(2),
            direction=rng.choice(["sales", "sales", "purchase"]),
            available_at=rng.choice([None, end_of(AS_OF), end_of(AS_OF + timedelta(1))]),
        )
        for _ in range(rng.choice([3, 20]))
    ]
    return world


def traced(lake: TinyLake, registry: Registry = FAMILIES, as_of: date = AS_OF) -> list[Trace]:
    with open_snapshot(
        lake.view, CATALOGUE, as_of, whole_scope(), now=NOW, enterprises=[FIRM], threads=1
    ) as snapshot:
        return [trace_feature(snapshot, feature) for feature in registry]


@pytest.mark.parametrize("seed", SEEDS)
def test_named_rows_give_the_value_and_other_rows_change_nothing(seed: int, tmp_path: Path):
    """Each feature gets a firm with its named rows only, and one that lost some of the others."""
    rng = seeded(seed)
    world = world_of(rng)
    lake = TinyLake(tmp_path / "whole")
    lake.land("reg_basic", [registered(FIRM)])
    ids = {name: lake.land(name, rows) for name, rows in world.items()}
    traces = traced(lake)
    copies: dict[str, list[Row]] = {name: [] for name in world}
    spared = 0
    for place, one in enumerate(traces):
        for source in one.sources:
            for row_id, row in zip(ids[source.dataset], world[source.dataset], strict=True):
                is_named = row_id in source.row_ids
                spared += not is_named
                if is_named:
                    copies[source.dataset].append({**row, "enterprise_key": 2 * place + 2})
                if is_named or rng.random() < 0.5:
                    copies[source.dataset].append({**row, "enterprise_key": 2 * place + 3})
    again = TinyLake(tmp_path / "again")
    again.land(
        "reg_basic",
        [registered(2 * place + both) for place in range(len(traces)) for both in (2, 3)],
    )
    for name, rows in copies.items():
        again.land(name, rows)
    values = by_enterprise(features_of(again, AS_OF, registry=FAMILIES))
    for place, one in enumerate(traces):
        name = one.feature.name
        assert values[2 * place + 2][name] == one.value, name
        assert values[2 * place + 3][name] == one.value, name
    # The trial says something: most values are known, and many rows are not named.
    assert sum(one.value is not None for one in traces) > len(traces) / 3
    assert spared > 10


def test_exactly_the_rows_that_count_are_named(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(FIRM)])
    days = ["2021-05-31", "2021-06-01", "2024-05-31", "2024-06-01", "2024-05-30"]
    known = ["2021-06-30", "2021-06-30", "2024-05-31", "2024-05-31", "2024-06-01"]
    ids = lake.land(
        "patent",
        [
            record(FIRM, "patent", {"patent_no": f"{n}", "granted_on": day, "status": "valid", "known": seen})
            for n, (day, seen) in enumerate(zip(days, known, strict=True))
        ],
    )  # fmt: skip
    (one,) = traced(lake, REGISTRY.select(["patents_count_36m"]))
    (source,) = one.sources
    # The first is a day too old, the fourth not yet granted, the last not yet known.
    assert (one.value, source.reach, source.row_ids) == (2.0, "counted", (ids[1], ids[2]))
    (none,) = traced(lake, REGISTRY.select(["invention_patents_count"]))
    assert (none.value, none.sources[0].reach, none.sources[0].row_ids) == (
        0.0,
        "present",
        (ids[2],),
    )


def test_a_firm_without_rows_and_one_not_yet_registered(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(FIRM, end_of(AS_OF))])
    for one in traced(lake):
        assert one.value in (None, 0.0)
        assert [source.row_ids for source in one.sources] == [()] * len(one.sources)
    with pytest.raises(NoRecordError, match="not on the register by 2024-05-30"):
        _ = traced(lake, as_of=date(2024, 5, 30))


def test_every_feature_can_be_traced(tmp_path: Path):
    lake = TinyLake(tmp_path)
    lake.land("reg_basic", [registered(FIRM)])
    for one in traced(lake, REGISTRY):
        assert {source.dataset for source in one.sources} == one.feature.datasets
