"""The traps: rows that mislead a careless reader, and the list of who they are on."""

from dataclasses import dataclass

import numpy as np

from simulator.activity import Activity
from simulator.arrays import Bools, Column, Ints, Text, always, serials
from simulator.consents import Consents
from simulator.firms import NEVER, Firms
from simulator.latent import Fate
from simulator.lending import Loans
from simulator.rows import Rows, lagged
from simulator.sanctions import penalty_rows
from simulator.streams import Streams
from simulator.world import World

#: The county whose fund delivers nothing for some months, and when (place, share of the months).
_GAP_REGION, _GAP_AT = 5, 0.55
_PARK_MOVES_AT = 0.6
_GOOD = 1.0

TRAPS = (
    "seasonal",
    "new_without_tax",
    "park_moved",
    "repaired_serious_penalty",
    "consent_revoked_in_loan",
    "fabricated_sales",
    "fund_gap",
    "converted_to_company",
    "double_account",
    "judgment_after_default",
)


@dataclass(frozen=True)
class Trap:
    """Firms of one trap, with the month in which it is sprung."""

    name: str
    firm: Ints
    month: Ints


def fund_gap(world: World) -> tuple[int, int]:
    """First month of the gap and the first one after it."""
    first = int(_GAP_AT * world.calendar.months)
    return first, first + world.parameters.traps.fund_gap_months


def without_trapped(
    world: World, streams: Streams, firms: Firms, rows: list[Rows]
) -> tuple[list[Rows], list[Trap]]:
    """Leave out what a fund failed to deliver and what new firms did not file."""
    rng = streams.named("gaps")
    p = world.parameters.traps
    silent = (firms.born >= 0) & (rng.random(len(firms)) < p.new_without_tax)
    first, after = fund_gap(world)
    gap = world.calendar.start(np.array([first, after]))
    starts = world.calendar.start(firms.born + p.new_without_tax_months)
    hit: dict[str, Ints] = {
        "tax_filing_month": np.array([], int),
        "pension_month": np.array([], int),
    }
    kept: list[Rows] = []
    for part in rows:
        lost = np.zeros(len(part), np.bool_)
        if part.dataset == "tax_filing_month":
            lost = silent[part.firm] & (part.event < starts[part.firm])
        if part.dataset in {"pension_month", "pension_filing"}:
            lost = (firms.region[part.firm] == _GAP_REGION) & (part.event >= gap[0])
            lost &= part.event < gap[1]
        if lost.any():
            hit[part.dataset] = np.unique(part.firm[lost])
        kept.append(part.take(~lost) if lost.any() else part)
    quiet, cut = hit["tax_filing_month"], hit["pension_month"]
    return kept, [
        Trap("new_without_tax", quiet, firms.born[quiet]),
        Trap("fund_gap", cut, np.full(len(cut), first)),
    ]


def extra_rows(
    world: World, streams: Streams, firms: Firms, fate: Fate
) -> tuple[list[Rows], list[Trap]]:
    """Rows that exist for a trap alone."""
    rng = streams.named("traps")
    park, moved = _park(world, rng, firms, fate)
    clean, repaired = _repaired(world, rng, firms, fate)
    linked = np.flatnonzero(firms.came_from >= 0)
    return [*park, *clean, _links(world, rng, firms, linked)], [
        moved,
        repaired,
        Trap("converted_to_company", linked, firms.born[linked]),
    ]


def _park(
    world: World, rng: np.random.Generator, firms: Firms, fate: Fate
) -> tuple[list[Rows], Trap]:
    """All firms of a park move on one day: no sign of anything about one of them."""
    month = int(_PARK_MOVES_AT * world.calendar.months)
    chosen = fate.alive[:, month] & (rng.random(len(firms)) < world.parameters.traps.park)
    firm = np.flatnonzero(chosen)
    day = world.calendar.start(np.full(len(firm), month)) + 9
    columns: dict[str, Column] = {
        "record_id": serials(rng, "RC", len(firm)),
        "change_item": always("address", len(firm)),
        "before": always("老工业园", len(firm)),
        "after": always("新工业园", len(firm)),
        "changed_on": day,
    }
    rows = Rows("reg_change", firm, day, lagged(rng, day, 1, 3), columns)
    return [rows], Trap("park_moved", firm, np.full(len(firm), month))


def _repaired(
    world: World, rng: np.random.Generator, firms: Firms, fate: Fate
) -> tuple[list[Rows], Trap]:
    """One serious penalty on a good firm, repaired since: gone for every purpose but replay."""
    at = world.calendar.months // 2
    good = (firms.quality > _GOOD) & (fate.defaults == NEVER) & fate.alive[:, at]
    scale = world.parameters.traps.repaired_serious / max(1e-9, float(np.mean(good)))
    firm = np.flatnonzero(good & (rng.random(len(firms)) < scale))
    month = rng.integers(max(0, at - 12), at + 1, len(firm))
    day = world.calendar.day_in(rng, month)
    rows = penalty_rows(
        world, rng, firms, firm, day, Text(np.full(len(firm), 2), ["minor", "general", "serious"]),
        day + rng.integers(430, 500, len(firm)),
    )  # fmt: skip
    return rows, Trap("repaired_serious_penalty", firm, month)


def _links(world: World, rng: np.random.Generator, firms: Firms, linked: Ints) -> Rows:
    """The register's change of type: the code before and the code after."""
    codes = [code.decode() for code in firms.uscc]
    day = world.calendar.start(firms.born[linked]) + 27
    columns: dict[str, Column] = {
        "record_id": serials(rng, "RC", len(linked)),
        "change_item": always("type", len(linked)),
        "before": Text(firms.came_from[linked], codes),
        "after": Text(linked, codes),
        "changed_on": day,
    }
    return Rows("reg_change", linked, day, lagged(rng, day, 1, 3), columns)


def listed(
    world: World,
    firms: Firms,
    activity: Activity,
    consents: Consents,
    loans: Loans,
    rows: list[Rows],
) -> list[Trap]:
    """Traps that arose on the way."""
    months = world.calendar.months
    seasonal = np.flatnonzero(activity.is_seasonal)
    invented = np.flatnonzero(activity.is_invented)
    since = world.calendar.first
    ends = np.where(
        np.isnat(consents.ends), NEVER, (consents.ends.astype("datetime64[M]") - since).astype(int)
    )
    live = (ends[loans.firm] > loans.granted) & (ends[loans.firm] < np.minimum(loans.ends, months))
    revoked = np.unique(loans.firm[live])
    bad = np.flatnonzero(loans.defaults < months)
    later = _sued_after(world, rows, loans.firm[bad], loans.defaults[bad], len(firms))
    return [
        Trap("seasonal", seasonal, np.zeros(len(seasonal), int)),
        Trap("fabricated_sales", invented, np.full(len(invented), -1)),
        Trap("consent_revoked_in_loan", revoked, ends[revoked]),
        Trap("judgment_after_default", later, np.full(len(later), -1)),
        _doubled(rows),
    ]


def _doubled(rows: list[Rows]) -> Trap:
    """Firms with two bills for one month."""
    bills = [part.firm for part in rows if part.dataset == "electricity_month"]
    firm = np.unique(bills[1])
    return Trap("double_account", firm, np.full(len(firm), -1))


def _sued_after(world: World, rows: list[Rows], firm: Ints, month: Ints, size: int) -> Ints:
    """Firms whose judgment comes after the default it follows from."""
    default = np.full(size, NEVER)
    np.minimum.at(default, firm, month)
    is_bad: Bools = default < NEVER
    found: list[Ints] = []
    for part in rows:
        if part.dataset == "judgment_debtor" and part.version == 0:
            after = is_bad[part.firm] & (part.event > world.calendar.end(default[part.firm]))
            found.append(part.firm[after])
    return np.unique(np.concatenate(found)) if found else np.array([], int)
