"""Who holds and runs a company, as entered on the register."""

import numpy as np

from simulator.arrays import Codes, Column, Days, Text, always, picked, serials, yuan
from simulator.firms import COMPANY, Firms
from simulator.people import person_names
from simulator.rows import Rows, lagged
from simulator.ties import Ties
from simulator.world import World


def opening(world: World, size: int) -> Days:
    """First delivery of what there was before the city began, years back for lending before it."""
    start = world.calendar.start(np.array([-30]))[0]
    return np.full(size, start, dtype="datetime64[D]").astype("datetime64[s]")


def shareholders(
    world: World,
    rng: np.random.Generator,
    firms: Firms,
    ties: Ties,
    people: tuple[Text, Codes],
) -> Rows:
    """The largest holder, whom the register knows by number, and up to three known by name alone."""
    companies = np.flatnonzero(firms.entity == COMPANY)
    count = np.minimum(4, 1 + rng.poisson(0.8, len(companies)))
    firm = np.repeat(companies, count)
    weight = rng.gamma(1.2, size=len(firm)) + 0.05
    total = np.bincount(firm, weight, len(firms))
    weight = weight[np.lexsort((-weight, firm))]
    is_largest = np.append(True, firm[1:] != firm[:-1])[: len(firm)]
    person = ties.holds[firm]
    holder = person_names(rng, world.words, len(firm))
    ratio = np.round(weight / total[firm], 4)
    first = world.calendar.start(firms.born[firm])
    columns: dict[str, Column] = {
        "record_id": serials(rng, "SH", len(firm)),
        "holder_name": Text(
            np.where(is_largest, people[0].codes[person], holder.codes), holder.values
        ),
        "holder_id_no": np.where(is_largest, people[1][person], b""),
        "holder_kind": always("person", len(firm)),
        "subscribed": yuan(firms.capital[firm] * ratio),
        "paid_in": yuan(firms.capital[firm] * ratio * firms.paid_in[firm]),
        "share_ratio": ratio,
        "from_date": first,
    }
    told = np.maximum(lagged(rng, first, 10, 20), opening(world, len(firm)))
    return Rows("reg_shareholder", firm, first, told, columns)


def key_persons(world: World, rng: np.random.Generator, firms: Firms) -> Rows:
    """Officers, as far as a company names any."""
    firm = np.flatnonzero(
        (firms.entity == COMPANY) & (rng.random(len(firms)) < world.parameters.details.key_persons)
    )
    first = world.calendar.start(firms.born[firm])
    columns: dict[str, Column] = {
        "record_id": serials(rng, "KP", len(firm)),
        "person_name": person_names(rng, world.words, len(firm)),
        "position": picked(rng, ["supervisor", "gm", "finance_lead"], len(firm)),
        "from_date": first,
    }
    told = np.maximum(lagged(rng, first, 2, 6), opening(world, len(firm)))
    return Rows("reg_key_person", firm, first, told, columns)
