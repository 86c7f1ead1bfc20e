"""Electricity, water and gas bills, from what the firm does."""

from dataclasses import dataclass

import numpy as np

from simulator.activity import Activity, in_months
from simulator.arrays import Bools, Codes, Column, Floats, Ints, Text, Whole, serials, yuan
from simulator.consents import Consents
from simulator.firms import Firms
from simulator.latent import Fate
from simulator.rows import Rows, lagged
from simulator.streams import Streams
from simulator.world import World

_HOURS = 720
#: Price of a cubic metre of water and of gas [yuan], K.
_PRICES = {"water_month": 4.1, "gas_month": 3.6}
_STATUS = ("normal", "in_arrears")


@dataclass(frozen=True)
class Bills:
    """Use of one utility: cells of the month matrix in which there is a bill."""

    firm: Ints
    month: Ints
    usage: Floats


def utility_rows(
    world: World,
    streams: Streams,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    consents: Consents,
) -> list[Rows]:
    """Bills of the three utilities for firms that open them."""
    p = world.parameters.activity
    rng = streams.named("utilities")
    shared = consents.opens["utilities"]
    has_water = shared & (rng.random(len(firms)) < p.water)
    gas = np.where(firms.of("C", "H"), p.gas, p.gas_elsewhere)
    has_gas = shared & (rng.random(len(firms)) < gas)
    power = _electricity(world, rng, firms, fate, activity, shared)
    account = serials(rng, "E", len(firms))
    bills = _electricity_rows(world, rng, fate, power, account)
    rows = [bills, _double(world, rng, bills, len(firms))]
    for dataset, chosen, scale in (
        ("water_month", has_water, 0.02),
        ("gas_month", has_gas, 0.05),
    ):
        bills = _piped(rng, world, firms, fate, activity, chosen, scale)
        rows.append(_piped_rows(world, rng, fate, bills, dataset, serials(rng, "W", len(firms))))
    return rows


def _electricity(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    chosen: Bools,
) -> Bills:
    """KWh follow revenue, heads, industry and season, and fall before a default."""
    p = world.parameters.activity
    firm, month = in_months(chosen, fate.alive)
    constant = firms.by_industry(p.electricity_constant, 0.0) + p.electricity_sigma * rng.normal(
        size=len(firms)
    )
    level = constant + 0.55 * np.log(firms.revenue / 12) + 0.35 * np.log(np.maximum(1, firms.heads))
    log_use = (
        level[firm]
        + np.log(p.electricity_season)[world.calendar.month_of_year()[month]]
        - 0.06 * fate.stress[firm, month]
        + 0.12 * rng.normal(size=len(firm))
        + np.log1p(-world.parameters.latent.drift_electricity) * fate.decline[firm, month]
    )
    usage = np.where(activity.is_open[firm, month], np.exp(log_use), 0.0)
    return Bills(firm, month, np.round(usage, 1))


def _late(world: World, rng: np.random.Generator, fate: Fate, bills: Bills) -> Bools:
    """Bills that are not paid on time."""
    p, shows = world.parameters.activity, world.parameters.signals
    chance = p.late_bill * np.exp(shows.bill * fate.risk[bills.firm, bills.month])
    return rng.random(len(bills.firm)) < chance


def _electricity_rows(
    world: World, rng: np.random.Generator, fate: Fate, bills: Bills, account: Codes
) -> Rows:
    calendar = world.calendar
    late = _late(world, rng, fate, bills)
    billed = bills.usage * world.parameters.activity.electricity_price_cny
    peak = np.zeros(len(account))
    np.maximum.at(peak, bills.firm, bills.usage)
    capacity = np.ceil(peak / (_HOURS * rng.uniform(0.25, 0.7, len(account))) / 5) * 5
    end = calendar.end(bills.month)
    columns: dict[str, Column] = {
        "account_no": account[bills.firm],
        "month": calendar.code(bills.month),
        "usage": bills.usage,
        "billed": yuan(billed),
        "paid": yuan(np.where(late, 0, billed)),
        "arrears": yuan(np.where(late, billed, 0)),
        "contract_capacity": capacity[bills.firm],
        "account_status": Text(late.astype(np.int64), _STATUS),
        "breach_24m": Whole(_breaches(bills, late, fate.stress.shape)),
        "in_arrears": late,
    }
    return Rows("electricity_month", bills.firm, end, lagged(rng, end, 5, 14), columns, "utilities")


def _double(world: World, rng: np.random.Generator, bills: Rows, size: int) -> Rows:
    """Trap: from some month on the same meter is billed under a second number, too."""
    hit = rng.random(size) < world.parameters.traps.double_account
    since = world.calendar.start(rng.integers(0, world.calendar.months, size))
    again = bills.take(hit[bills.firm] & (bills.event >= since[bills.firm]))
    return again.with_columns(account_no=serials(rng, "E", size)[again.firm])


def _breaches(bills: Bills, late: Bools, shape: tuple[int, ...]) -> Floats:
    """Late bills of the last 24 months, this one included."""
    seen = np.zeros((shape[0], shape[1] + 1))
    seen[bills.firm, bills.month + 1] = late
    total = seen.cumsum(axis=1)
    return total[bills.firm, bills.month + 1] - total[bills.firm, np.maximum(0, bills.month - 23)]


def _piped(
    rng: np.random.Generator,
    world: World,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    chosen: Bools,
    scale: float,
) -> Bills:
    firm, month = in_months(chosen, fate.alive)
    level = scale * (firms.revenue / 12) ** 0.6 * np.exp(0.5 * rng.normal(size=len(firms)))
    decline = (1 - world.parameters.latent.drift_electricity) ** fate.decline[firm, month]
    usage = level[firm] * decline * np.exp(0.2 * rng.normal(size=len(firm)))
    return Bills(firm, month, np.round(np.where(activity.is_open[firm, month], usage, 0), 0))


def _piped_rows(
    world: World,
    rng: np.random.Generator,
    fate: Fate,
    bills: Bills,
    dataset: str,
    account: Codes,
) -> Rows:
    late = _late(world, rng, fate, bills)
    billed = bills.usage * _PRICES[dataset]
    end = world.calendar.end(bills.month)
    columns: dict[str, Column] = {
        "account_no": account[bills.firm],
        "month": world.calendar.code(bills.month),
        "usage": bills.usage,
        "billed": yuan(billed),
        "paid": yuan(np.where(late, 0, billed)),
        "arrears": yuan(np.where(late, billed, 0)),
        "in_arrears": late,
    }
    return Rows(dataset, bills.firm, end, lagged(rng, end, 8, 20), columns, "utilities")
