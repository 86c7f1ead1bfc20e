"""Social insurance and housing fund, month by month, from the heads."""

import numpy as np

from simulator.activity import Activity, in_months
from simulator.arrays import Bools, Column, Floats, Ints, Money, yuan
from simulator.consents import Consents
from simulator.firms import Firms
from simulator.latent import Fate
from simulator.rows import Rows, lagged
from simulator.streams import Streams
from simulator.world import World

#: Contribution against the employer's pension contribution, K.
_MEDICAL, _HOUSING = 0.5, 0.55


def payroll_rows(
    world: World,
    streams: Streams,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    consents: Consents,
) -> list[Rows]:
    """Pension, medical insurance and housing fund of firms with heads that open them."""
    p = world.parameters.activity
    rng = streams.named("payroll")
    has_heads = firms.heads > 0
    wage = np.exp(0.25 * rng.normal(size=len(firms)) + 0.05 * firms.quality)
    fund = has_heads & consents.opens["housing_fund"] & (rng.random(len(firms)) < p.housing_fund)
    insured = has_heads & consents.opens["social_insurance"]
    rows: list[Rows] = []
    for dataset, chosen, scope, people, part in (
        ("pension_month", insured, "social_insurance", "insured", 1.0),
        ("medical_month", insured, "social_insurance", "insured", _MEDICAL),
        ("housing_fund_month", fund, "housing_fund", "depositors", _HOUSING),
    ):
        firm, month = in_months(chosen, fate.alive & (activity.heads > 0))
        heads = np.maximum(1, np.round(activity.heads[firm, month] * p.insured_share))
        amount = yuan(heads * p.contribution_cny * part * wage[firm])
        # Nothing is paid for a month, and the row then does not exist: a gap is the sign.
        pays = rng.random(len(firm)) >= p.payroll_gap * np.exp(
            world.parameters.signals.payroll_gap * fate.risk[firm, month]
        )
        rows.append(
            _month(world, rng, dataset, scope, people, firm[pays], month[pays],
                   heads=heads[pays], amount=Money(amount.fen[pays]))
        )  # fmt: skip
        filing = dataset.replace("_month", "_filing")
        rows.append(_filing(world, rng, filing, scope, firm, month, pays=pays, amount=amount))
    return rows


def _month(
    world: World,
    rng: np.random.Generator,
    dataset: str,
    scope: str,
    people: str,
    firm: Ints,
    month: Ints,
    *,
    heads: Floats,
    amount: Money,
) -> Rows:
    end = world.calendar.end(month)
    code = world.calendar.code(month)
    columns: dict[str, Column] = {"month": code, people: heads.astype(np.int64)}
    if dataset == "pension_month":
        columns |= {"employer_amount": amount, "paid_on": end + rng.integers(1, 8, len(firm))}
    elif dataset == "medical_month":
        columns |= {"amount": amount, "period": code}
    else:
        columns |= {"amount": amount}
    return Rows(dataset, firm, end, lagged(rng, end, 8, 20), columns, scope)


def _filing(
    world: World,
    rng: np.random.Generator,
    dataset: str,
    scope: str,
    firm: Ints,
    month: Ints,
    *,
    pays: Bools,
    amount: Money,
) -> Rows:
    """What the fund states at a month's end: whether that month, or the one before, is still owed."""
    end = world.calendar.end(month)
    follows = np.append(False, firm[1:] == firm[:-1])[: len(firm)]
    missed = np.append(False, ~pays[:-1])[: len(firm)] & follows
    owes_last = missed & (rng.random(len(firm)) < world.parameters.activity.arrears_stay)
    months_owed = (~pays).astype(np.int64) + owes_last
    columns: dict[str, Column] = {
        "stat_date": end,
        "in_arrears": months_owed > 0,
        "arrears_amount": Money(amount.fen * months_owed),
    }
    return Rows(dataset, firm, end, lagged(rng, end, 8, 20), columns, scope)
