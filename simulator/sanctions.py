"""Adverse records of the administration: penalties, coercion, lists, spot checks; and their repair."""

import numpy as np

from simulator.arrays import Column, Days, Ints, Text, always, picked, serials, yuan
from simulator.firms import INDIVIDUAL, Firms
from simulator.happenings import adverse, days_of, ends, in_inspection_season, neutral
from simulator.latent import Fate
from simulator.rows import Rows, closed, lagged
from simulator.streams import Streams, choose
from simulator.world import World

_DOMAINS = ("safety", "env", "market", "labour", "fire", "construction", "food_drug", "tax")
_SPOT = ("normal", "problem_fixed", "not_found", "refuse")
#: How long a penalty is public, by severity (Order 36) [months].
_PUBLIC_MONTHS = {"minor": 3, "general": 12, "serious": 36}
_REPAIR_LAG_DAYS = (3, 10)


def sanction_rows(world: World, streams: Streams, firms: Firms, fate: Fate) -> list[Rows]:
    """Every adverse record of a block but the courts' and the tax office's."""
    rng = streams.named("sanctions")
    return [
        *penalties(world, rng, firms, fate),
        *_coercions(world, rng, fate),
        *_abnormal(world, rng, firms, fate),
        *_serious(world, rng, fate),
        _spot_checks(world, rng, firms, fate),
    ]


def penalties(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    """Penalties by size and industry; a repaired one is delivered again with the day of its repair."""
    e = world.parameters.events
    yearly = np.array(e.penalty)[firms.size] * firms.by_industry(e.penalty_industry, 1.0)
    rate = in_inspection_season(world, adverse(world, fate, yearly, before_default=1.5))
    firm, day = days_of(world, rng, rate)
    kinds = list(e.penalty_severity)
    severity = choose(rng, e.penalty_severity, len(firm))
    repaired = np.full(len(firm), np.datetime64("NaT"), dtype="datetime64[D]")
    for place, kind in enumerate(kinds):
        probability, months = e.repair[kind]
        later = ends(rng, day, probability, 0) + int(30.5 * months)
        later = later + rng.integers(5, 60, len(firm))
        repaired = np.where(severity == place, later, repaired)
    return penalty_rows(world, rng, firms, firm, day, Text(severity, kinds), repaired)


def penalty_rows(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    firm: Ints,
    day: Days,
    severity: Text,
    repaired: Days,
) -> list[Rows]:
    """Penalties with documents, fines and their publicity; then the repaired ones again."""
    e, n = world.parameters.events, len(firm)
    scale = np.array([1.0, 2.5, 12.0])[severity.codes]
    fine = e.penalty_fine_median_cny * scale * np.exp(e.penalty_fine_sigma * rng.normal(size=n))
    months = np.array([_PUBLIC_MONTHS[kind] for kind in severity.values])[severity.codes]
    columns: dict[str, Column] = {
        "doc_no": serials(rng, "PD", n),
        "counterpart_type": Text(
            (firms.entity[firm] == INDIVIDUAL).astype(np.int64),
            ["legal_person", "individual_business"],
        ),
        "doc_name": always("行政处罚决定书", n),
        "violation_type": picked(rng, ["违反安全生产规定", "违反市场监管规定", "违反环保规定"], n),
        "penalty_kinds": Text(severity.codes, ["2a", "1a;2a", "2a;4b"]),
        "fine_amount": yuan(np.round(fine, -2) + 100),
        "decided_on": day,
        "publicity_end": (day.astype("datetime64[M]") + months).astype("datetime64[D]") + 27,
        "authority": picked(rng, world.words.authorities, n),
        "domain": picked(rng, _DOMAINS, n),
        "severity": severity,
        "summary_procedure": np.zeros(n, np.bool_),
    }
    rows = Rows("admin_penalty", firm, day, lagged(rng, day, 3, 20), columns)
    return [*repairable(rng, rows, repaired), *_repairs(world, rng, rows, "doc_no", repaired)]


def repairable(rng: np.random.Generator, rows: Rows, repaired: Days) -> list[Rows]:
    """A record, and its later version that knows of the repair."""
    return closed(rng, rows, "repaired_at", repaired.astype("datetime64[s]"), lag_days=5)


def _repairs(
    world: World, rng: np.random.Generator, rows: Rows, key: str, repaired: Days
) -> list[Rows]:
    """The credit repair notices that go with repairs."""
    over = np.flatnonzero(~np.isnat(repaired))
    done = rows.take(over)
    columns: dict[str, Column] = {
        "dataset": always(rows.dataset, len(over)),
        "record_no": done.columns[key],
        "repaired_at": repaired[over].astype("datetime64[s]"),
        "decided_by": picked(rng, world.words.authorities, len(over)),
    }
    told = lagged(rng, repaired[over], *_REPAIR_LAG_DAYS)
    return [Rows("credit_repair", done.firm, repaired[over], told, columns)]


def _coercions(world: World, rng: np.random.Generator, fate: Fate) -> list[Rows]:
    rate = adverse(world, fate, world.parameters.events.coercion, before_default=3.0)
    firm, day = days_of(world, rng, rate)
    columns: dict[str, Column] = {
        "doc_no": serials(rng, "AC", len(firm)),
        "doc_name": always("行政强制执行决定书", len(firm)),
        "method": picked(rng, ["a", "b", "c"], len(firm)),
        "executed_on": day,
        "authority": picked(rng, world.words.authorities, len(firm)),
    }
    return [Rows("admin_coercion", firm, day, lagged(rng, day, 3, 10), columns)]


def _abnormal(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> list[Rows]:
    """The third of listings that has other reasons than a missing report."""
    e = world.parameters.events
    yearly = np.array(e.abnormal)[(firms.entity == INDIVIDUAL).astype(np.int64)] / 3
    firm, day = days_of(world, rng, adverse(world, fate, yearly, before_default=2.0))
    columns: dict[str, Column] = {
        "record_id": serials(rng, "AB", len(firm)),
        "reason": picked(rng, ["unreachable_address", "no_disclosure", "false_info"], len(firm)),
        "listed_on": day,
        "authority": always(world.words.authorities[0], len(firm)),
    }
    rows = Rows("abnormal_list", firm, day, lagged(rng, day, 1, 3), columns)
    return closed(rng, rows, "removed_on", ends(rng, day, e.abnormal_removed, 120))


def _serious(world: World, rng: np.random.Generator, fate: Fate) -> list[Rows]:
    rate = adverse(world, fate, world.parameters.events.serious_list, before_default=4.0)
    firm, day = days_of(world, rng, rate)
    columns: dict[str, Column] = {
        "record_id": serials(rng, "SD", len(firm)),
        "list_name": picked(rng, ["market", "tax", "wages", "safety"], len(firm)),
        "reason": always("严重违法失信行为", len(firm)),
        "listed_on": day,
        "authority": picked(rng, world.words.authorities, len(firm)),
        "severity": always("serious", len(firm)),
    }
    rows = Rows("serious_dishonest_list", firm, day, lagged(rng, day, 1, 4), columns)
    return closed(rng, rows, "removed_on", ends(rng, day, 0.3, 700))


def _spot_checks(world: World, rng: np.random.Generator, firms: Firms, fate: Fate) -> Rows:
    rate = in_inspection_season(world, neutral(fate, world.parameters.events.spot_check))
    firm, day = days_of(world, rng, np.broadcast_to(rate, fate.alive.shape))
    bad = 0.12 * np.exp(-0.3 * firms.quality[firm])
    result = np.where(
        rng.random(len(firm)) < bad, 2 + rng.integers(0, 2, len(firm)),
        (rng.random(len(firm)) < world.parameters.details.spot_check_fixed).astype(np.int64),
    )  # fmt: skip
    columns: dict[str, Column] = {
        "record_id": serials(rng, "SC", len(firm)),
        "checked_on": day,
        "result": Text(result, _SPOT),
    }
    return Rows("spot_check", firm, day, lagged(rng, day, 10, 20), columns)
