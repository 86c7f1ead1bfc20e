"""The city: blocks of firms drawn one after the other, each written before the next."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from features.errors import SimulationError
from simulator.activity import draw_activity
from simulator.arrays import Ints
from simulator.consents import authorise, consent_rows, draw_consents
from simulator.courts import court_rows
from simulator.firms import NEVER, draw_firms
from simulator.invoices import invoice_rows
from simulator.latent import draw_fate
from simulator.lending import Loans, draw_loans
from simulator.loans import loan_rows
from simulator.parameters import PARAMETERS, Parameters, load_parameters
from simulator.payroll import payroll_rows
from simulator.progress import progress_rows
from simulator.registry import firm_names, register_rows
from simulator.rural import rural_rows
from simulator.sanctions import sanction_rows
from simulator.streams import Streams
from simulator.taxes import tax_rows
from simulator.ties import draw_ties
from simulator.traps import extra_rows, listed, without_trapped
from simulator.truth import write_truth
from simulator.utilities import utility_rows
from simulator.world import World, make_world
from simulator.write import Tally, write_block, write_orders

#: Shorter than this no cohort has both a year behind it and a year ahead.
MIN_MONTHS = 24
MAX_MONTHS = 120
MAX_ENTERPRISES = 10_000_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class City:
    """What was written, as `city.json` says.

    Attributes
    ----------
    rows, wrong_codes, repeats : dict of str to int
        Delivered rows by dataset; those among them whose code is wrong, and those that come twice.
    traps : dict of str to int
        Firms on each trap.
    """

    enterprises: int
    months: int
    seed: int
    first_month: str
    last_day: str
    parameters_sha256: str
    rows: dict[str, int]
    wrong_codes: dict[str, int]
    repeats: dict[str, int]
    loans: int
    defaults: int
    defaulted_firms: int
    traps: dict[str, int]


@dataclass(frozen=True)
class CityPlan:
    """What was asked for.

    Attributes
    ----------
    enterprises : int
        Firms that are there in some month.
    months : int
        Length of the city's history; it ends with the month of the parameters.
    seed : int
    """

    enterprises: int
    months: int
    seed: int


def build_city(
    plan: CityPlan,
    folder: Path,
    *,
    parameters: Parameters | None = None,
    on_progress: Progress | None = None,
) -> City:
    """Write a city; the same plan gives the same bytes.

    Returns
    -------
    City
        What `city.json` says.

    Raises
    ------
    SimulationError
        If the folder holds something, or the plan cannot be.
    """
    _check(plan, folder)
    chosen = parameters or load_parameters()
    world = make_world(chosen, enterprises=plan.enterprises, months=plan.months, seed=plan.seed)
    folder.mkdir(parents=True, exist_ok=True)
    tally, counts = Tally(), defaultdict[str, int](int)
    size = chosen.block_firms
    blocks = -(-plan.enterprises // size)
    for block in range(blocks):
        if on_progress is not None:
            on_progress(block, blocks)

        numbers = np.arange(block * size, min(plan.enterprises, (block + 1) * size))
        for name, count in _block(world, folder, block, numbers, tally).items():
            counts[name] += count
    write_orders(folder, chosen.dirt, tally)
    summary = _summary(plan, world, tally, counts)
    text = json.dumps(asdict(summary), ensure_ascii=False, indent=1)
    (folder / "city.json").write_text(text + "\n", encoding="utf-8")
    return summary


def _block(world: World, folder: Path, block: int, numbers: Ints, tally: Tally) -> dict[str, int]:
    streams = Streams(world.seed, block)
    firms = draw_firms(world, streams, numbers)
    ties = draw_ties(world, streams, firms)
    firms, fate = draw_fate(world, streams, firms, ties)
    names = firm_names(world, streams, firms)
    consents = draw_consents(world, streams, firms)
    activity = draw_activity(world, streams, firms, fate)
    applications, loans = draw_loans(world, streams, firms, fate, consents)
    papers, loan_ids = loan_rows(world, streams, firms, fate, consents, applications, loans)
    rows = [
        *register_rows(world, streams, firms, ties, fate, activity, names),
        *consent_rows(world, streams, consents),
        *papers,
        *sanction_rows(world, streams, firms, fate),
        *court_rows(world, streams, firms, fate, _first_default(loans, len(firms))),
        *tax_rows(world, streams, firms, fate, activity, consents),
        *utility_rows(world, streams, firms, fate, activity, consents),
        *payroll_rows(world, streams, firms, fate, activity, consents),
        *invoice_rows(world, streams, firms, fate, activity, consents),
        *progress_rows(world, streams, firms, fate, activity, consents),
        *rural_rows(world, streams, firms, fate, consents),
    ]
    added, laid = extra_rows(world, streams, firms, fate)
    collected = [authorise(part, consents) for part in [*rows, *added]]
    collected, gaps = without_trapped(world, streams, firms, collected)
    traps = [*laid, *gaps, *listed(world, firms, activity, consents, loans, collected)]
    write_block(
        folder, streams, world.parameters.dirt, collected, firms.uscc, names,
        world.calendar.today, tally,
    )  # fmt: skip
    return write_truth(
        folder / "truth", world, block, firms, ties, fate, loans, loan_ids=loan_ids, traps=traps
    )


def _first_default(loans: Loans, size: int) -> Ints:
    """Month of each firm's first default on a loan."""
    month = np.full(size, NEVER)
    np.minimum.at(month, loans.firm, loans.defaults)
    return month


def _check(plan: CityPlan, folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SimulationError(
            en=f"{folder} is not empty. A city is written into a new or empty folder; give another --out.",
            zh=f"{folder} 不是空目录。合成城市只写入新目录或空目录，请换一个 --out。",
        )
    for name, value, low, high in (
        ("enterprises", plan.enterprises, 1, MAX_ENTERPRISES),
        ("months", plan.months, MIN_MONTHS, MAX_MONTHS),
        ("seed", plan.seed, 0, 2**63 - 1),
    ):
        if not low <= value <= high:
            raise SimulationError(
                en=f"--{name} is {value}; it must be from {low} to {high}.",
                zh=f"--{name} 为 {value}，应在 {low} 至 {high} 之间。",
            )


def _summary(plan: CityPlan, world: World, tally: Tally, counts: dict[str, int]) -> City:
    trap = "trap "
    return City(
        enterprises=plan.enterprises,
        months=plan.months,
        seed=plan.seed,
        first_month=str(world.calendar.first),
        last_day=str(world.calendar.today),
        parameters_sha256=hashlib.sha256(PARAMETERS.read_bytes()).hexdigest(),
        rows=dict(sorted(tally.rows.items())),
        wrong_codes={name: n for name, n in sorted(tally.wrong_codes.items()) if n},
        repeats={name: n for name, n in sorted(tally.repeats.items()) if n},
        loans=counts["loans"],
        defaults=counts["defaults"],
        defaulted_firms=counts["defaulted_firms"],
        traps={
            name.removeprefix(trap): n
            for name, n in sorted(counts.items())
            if name.startswith(trap)
        },
    )
