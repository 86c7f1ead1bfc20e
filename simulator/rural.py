"""Farms and villages: entities, insurance, subsidies, households on file, credit areas."""

import numpy as np

from simulator.activity import in_months
from simulator.arrays import Column, Text, always, picked, serials, yuan
from simulator.consents import Consents
from simulator.firms import COOP, INDIVIDUAL, Firms
from simulator.latent import Fate
from simulator.people import person_names
from simulator.rows import Rows, lagged
from simulator.streams import Streams
from simulator.world import World

_MARCH, _DECEMBER = 2, 11


def rural_rows(
    world: World, streams: Streams, firms: Firms, fate: Fate, consents: Consents
) -> list[Rows]:
    """Few rows, one kind of each."""
    rng = streams.named("rural")
    farms = firms.of("A")
    firm = np.flatnonzero(farms)
    first = world.calendar.start(np.maximum(0, firms.born[firm] + 2))
    n = len(firm)
    kind = np.where(firms.entity[firm] == COOP, 2, np.where(firms.entity[firm] == INDIVIDUAL, 0, 1))
    entity: dict[str, Column] = {
        "record_id": serials(rng, "AE", n),
        "kind": Text(kind, ["family_farm", "leading_firm", "coop"]),
        "leader": person_names(rng, world.words, n),
        "cert_type": always("uscc", n),
        "registered_on": first,
        "business": always("种植", n),
        "crop_or_livestock": picked(rng, ["小麦", "花生", "生姜", "肉鸡"], n),
        "scale": picked(rng, ["50亩", "120亩", "300亩"], n),
    }
    rows = [Rows("agri_entity", firm, first, lagged(rng, first, 20, 60), entity, "agri")]
    rows += [
        _insurance(world, rng, firms, fate, consents),
        _subsidies(world, rng, firms, fate, consents),
    ]
    return [*rows, *_villages(world, rng, firms)]


def _insurance(
    world: World, rng: np.random.Generator, firms: Firms, fate: Fate, consents: Consents
) -> Rows:
    chosen = firms.of("A") & (rng.random(len(firms)) < world.parameters.details.farm_insured)
    spring = world.calendar.month_of_year() == _MARCH
    firm, month = in_months(chosen & consents.opens["agri"], fate.alive & spring)
    day = world.calendar.day_in(rng, month)
    columns: dict[str, Column] = {
        "policy_no": serials(rng, "AI", len(firm)),
        "insured": np.ones(len(firm), np.bool_),
        "kind": always("farming", len(firm)),
        "sum_insured": yuan(np.round(firms.revenue[firm] * 0.3, -2)),
        "from_date": day,
        "to_date": day + 364,
    }
    return Rows("agri_insurance", firm, day, lagged(rng, day, 10, 20), columns, "agri")


def _subsidies(
    world: World, rng: np.random.Generator, firms: Firms, fate: Fate, consents: Consents
) -> Rows:
    chosen = (
        firms.of("A")
        & consents.opens["agri"]
        & (rng.random(len(firms)) < world.parameters.details.farm_subsidised)
    )
    winter = world.calendar.month_of_year() == _DECEMBER
    firm, month = in_months(chosen, fate.alive & winter)
    day = world.calendar.end(month)
    columns: dict[str, Column] = {
        "kind": always("耕地地力保护补贴", len(firm)),
        "amount": yuan(rng.gamma(2, 4_000, len(firm))),
        "stat_date": day,
    }
    return Rows("agri_subsidy", firm, day, lagged(rng, day, 15, 30), columns, "agri")


def _villages(world: World, rng: np.random.Generator, firms: Firms) -> list[Rows]:
    """A household's file, and areas named after the firm that stands for them in this city."""
    farms = firms.of("A") & (firms.entity == INDIVIDUAL)
    firm = np.flatnonzero(farms & (rng.random(len(firms)) < world.parameters.details.households))
    n = len(firm)
    day = world.calendar.start(np.maximum(2, firms.born[firm] + 6))
    grade = np.clip(np.round(2 - firms.quality[firm] + rng.normal(size=n)), 0, 4).astype(np.int64)
    household: dict[str, Column] = {
        "household_id": serials(rng, "HH", n),
        "village_code": picked(rng, ["371302001001", "371321002003", "371323004005"], n),
        "members": rng.integers(1, 7, n),
        "labour": rng.integers(1, 4, n),
        "land_mu": np.round(rng.gamma(2, 8, n), 1),
        "subsidy": yuan(rng.gamma(2, 900, n)),
        "grade": Text(grade, ["AAA", "AA", "A", "B", "none"]),
        "rated_on": day,
    }
    areas = np.flatnonzero(
        (firms.entity == COOP) & (rng.random(len(firms)) < world.parameters.details.credit_areas)
    )
    on = world.calendar.start(np.maximum(1, firms.born[areas] + 3))
    area: dict[str, Column] = {
        "area_code": serials(rng, "CR", len(areas)),
        "kind": picked(rng, ["village", "town", "community"], len(areas)),
        "grade": picked(rng, ["AAA", "AA", "A"], len(areas)),
        "granted_on": on,
    }
    return [
        Rows("rural_household", firm, day, lagged(rng, day, 15, 30), household, "agri"),
        Rows("credit_area", areas, on, lagged(rng, on, 15, 30), area),
    ]
