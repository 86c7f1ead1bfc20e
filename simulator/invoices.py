"""Single invoices of firms that open them, and the monthly table as their aggregate."""

from dataclasses import dataclass

import numpy as np

from simulator.activity import Activity
from simulator.arrays import Bools, Column, Floats, Ints, Text, serials, yuan
from simulator.consents import Consents
from simulator.firms import INDIVIDUAL, Firms
from simulator.latent import Fate
from simulator.rows import Rows, lagged
from simulator.streams import Streams
from simulator.world import World

#: Buyers and suppliers outside the city, known by a code only; a pool for each block.
_OUTSIDE = 4_000
_OUTSIDE_FROM = 20_000_000
_POOL = 60
_RED, _VOID = 0.02, 0.015
_TOP = 5
_DIRECTIONS, _STATUS = ("sales", "purchase"), ("valid", "void")


@dataclass(frozen=True)
class Lines:
    """Invoices; arrays of shape (n,). Red notes are negative; amounts are whole fen."""

    firm: Ints
    month: Ints
    day: Ints
    party: Ints
    amount: Floats
    is_void: Bools


def invoice_rows(
    world: World,
    streams: Streams,
    firms: Firms,
    fate: Fate,
    activity: Activity,
    consents: Consents,
) -> list[Rows]:
    """Lines of both directions and the table by month."""
    rng = streams.named("invoices")
    p = world.parameters.activity
    shared = consents.opens["invoice"]
    numbers = _OUTSIDE_FROM + streams.block * _OUTSIDE + np.arange(_OUTSIDE)
    parties = [code.decode() for code in world.codes(numbers, np.full(_OUTSIDE, b"91"))]
    lines = [
        _draw(world, rng, firms, fate, activity.revenue * part, shared)
        for part in (1.0, 0.72 * np.exp(0.1 * rng.normal(size=(len(firms), 1))))
    ]
    is_shown = shared & (rng.random(len(firms)) < p.line_share)
    rate = np.where(firms.entity == INDIVIDUAL, 0.01, np.where(firms.size == 0, 0.03, 0.13))
    rows = [
        _line_rows(world, rng, side, direction, parties, rate, is_shown)
        for direction, side in enumerate(lines)
    ]
    return [*rows, _month_rows(world, rng, fate, shared, *lines)]


def _draw(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    revenue: Floats,
    shared: Bools,
) -> Lines:
    """Split the sales of every month into invoices to a pool of parties, one of them the largest."""
    p = world.parameters.activity
    cell_firm, cell_month = np.nonzero((revenue > 0) & shared[:, None])
    scale = (firms.revenue / np.median(firms.revenue)) ** 0.35
    mean = np.minimum(p.max_lines_per_month, p.lines_per_month * scale)
    decline = fate.decline[cell_firm, cell_month]
    count = 1 + rng.poisson(np.maximum(0, mean[cell_firm] * 0.97**decline - 1))
    cell = np.repeat(np.arange(len(cell_firm)), count)
    weight = rng.standard_gamma(1.3, len(cell)) + 0.02
    total = np.bincount(cell, weight, len(cell_firm))
    amount = revenue[cell_firm, cell_month][cell] * weight / total[cell]
    amount = np.maximum(1, np.round(amount.astype(np.float64) * 100))
    firm, month = cell_firm[cell], cell_month[cell]
    is_red = rng.random(len(cell)) < _RED * (1 + 0.1 * fate.decline[firm, month])
    return Lines(
        firm=firm,
        month=month,
        day=rng.integers(0, 28, len(cell)),
        party=_parties(world, rng, firms, fate, firm, month),
        amount=np.where(is_red, -np.round(0.4 * amount), amount),
        is_void=rng.random(len(cell)) < _VOID,
    )


def _parties(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    fate: Fate,
    firm: Ints,
    month: Ints,
) -> Ints:
    """The largest party with its share, the others evenly; fewer of them in a decline."""
    a, b = world.parameters.activity.top_buyer_beta
    top = rng.beta(a, b, len(firms))
    known = 1 + rng.poisson(np.minimum(_POOL, np.exp(0.35 * np.log(firms.revenue / 10_000))))
    reach = np.maximum(1, known[firm] * (1 - 0.03 * fate.decline[firm, month]))
    place = 1 + (rng.random(len(firm)) * reach).astype(np.int64)
    place = np.where(rng.random(len(firm)) < top[firm], 0, place)
    start = rng.integers(0, _OUTSIDE, len(firms))
    # A step per firm, so that two firms share single parties, not whole circles.
    step = 1 + rng.integers(0, _OUTSIDE - 1, len(firms))
    return (start[firm] + place * step[firm]) % _OUTSIDE


def _line_rows(
    world: World,
    rng: np.random.Generator,
    lines: Lines,
    direction: int,
    parties: list[str],
    rate: Floats,
    is_shown: Bools,
) -> Rows:
    chosen = np.flatnonzero(is_shown[lines.firm])
    firm, n = lines.firm[chosen], len(chosen)
    amount = lines.amount[chosen]
    tax = np.round(amount * rate[firm])
    day = world.calendar.start(lines.month[chosen]) + lines.day[chosen]
    columns: dict[str, Column] = {
        "direction": Text(np.full(n, direction), _DIRECTIONS),
        "invoice_no": serials(rng, "", n),
        "issued_on": day,
        "counterparty": Text(lines.party[chosen], parties),
        "amount": yuan(amount / 100),
        "tax": yuan(tax / 100),
        "total": yuan((amount + tax) / 100),
        "status": Text(lines.is_void[chosen].astype(np.int64), _STATUS),
    }
    return Rows("invoice_line", firm, day, lagged(rng, day, 1, 1), columns, "invoice")


def _month_rows(
    world: World,
    rng: np.random.Generator,
    fate: Fate,
    shared: Bools,
    sales: Lines,
    purchases: Lines,
) -> Rows:
    """Every month of a firm that is alive, zeros included: a zero is a fact."""
    firm, month = np.nonzero(fate.alive & shared[:, None])
    width = fate.alive.shape[1]
    cell_of = np.full(fate.alive.size, -1)
    cell_of[firm * width + month] = np.arange(len(firm))
    out, into = (_totals(side, cell_of, width, len(firm)) for side in (sales, purchases))
    end = world.calendar.end(month)
    columns: dict[str, Column] = {
        "month": world.calendar.code(month),
        "out_amount": yuan(out["net"] / 100),
        "out_count": out["count"],
        "red_amount": yuan(out["red"] / 100),
        "in_amount": yuan(into["net"] / 100),
        "in_count": into["count"],
        "buyer_count": out["parties"],
        "top1_buyer_share": out["top1"],
        "top5_buyer_share": out["top5"],
        "supplier_count": into["parties"],
        "void_count": out["void"],
    }
    return Rows("invoice_month", firm, end, lagged(rng, end, 3, 8), columns, "invoice")


def _totals(lines: Lines, cell_of: Ints, width: int, cells: int) -> dict[str, Floats | Ints]:
    """Sums by cell over invoices that are not void; shares are of what was billed."""
    cell = cell_of[lines.firm * width + lines.month]
    valid = ~lines.is_void
    billed = valid & (lines.amount > 0)
    red = valid & (lines.amount < 0)
    gross: Floats = np.bincount(cell[billed], lines.amount[billed], cells).astype(np.float64)
    taken = np.bincount(cell[red], -lines.amount[red], cells)
    parties, top1, top5 = _shares(cell[billed], lines.party[billed], lines.amount[billed], gross)
    return {
        "net": gross - taken,
        "red": taken,
        "count": np.bincount(cell[billed], minlength=cells),
        "void": np.bincount(cell[lines.is_void], minlength=cells),
        "parties": parties,
        "top1": top1,
        "top5": top5,
    }


def _shares(cell: Ints, party: Ints, amount: Floats, gross: Floats) -> tuple[Ints, Floats, Floats]:
    """Parties of each cell, and the shares of the largest and the five largest."""
    cells = len(gross)
    pairs, inverse = np.unique(cell * _OUTSIDE + party, return_inverse=True)
    summed = np.bincount(inverse, amount, len(pairs))
    owner = pairs // _OUTSIDE
    order = np.lexsort((-summed, owner))
    owner, summed = owner[order], summed[order]
    count = np.bincount(owner, minlength=cells)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    shares: list[Floats] = []
    for top in (1, _TOP):
        best = rank < top
        part = np.bincount(owner[best], summed[best], cells)
        known = np.where(gross > 0, gross, np.nan)
        shares.append(np.round(part / known, 4))
    return count, shares[0], shares[1]
