"""Who is in the city: kind, size, industry, region, birth and planned death of every firm of a block."""

from dataclasses import dataclass, replace

import numpy as np

from simulator.arrays import Bools, Codes, Floats, Ints
from simulator.parameters import Population
from simulator.streams import Streams, choose
from simulator.world import World

COMPANY, INDIVIDUAL, COOP, OTHER = range(4)
MICRO, SMALL, MEDIUM = range(3)
NEVER = 10_000
#: An individual business becomes a company after so many months of the city.
_OLD_ENOUGH = 6


@dataclass(frozen=True)
class Firms:
    """One block; every array has shape (n,).

    Attributes
    ----------
    number : ndarray of int64
        Number in the city, from which the code follows; known to nobody else.
    entity, size : ndarray of int64
        `COMPANY` … and `MICRO` …
    industry : ndarray of int64
        Place in `industry_keys`.
    born, dies : ndarray of int64
        Month relative to the city's first; `NEVER` where no end is planned.
    quality : ndarray of float64
        Standard normal; higher = safer.
    came_from : ndarray of int64
        Place of the individual business that became this company, -1 for all others.
    """

    number: Ints
    uscc: Codes
    entity: Ints
    size: Ints
    industry: Ints
    industry_keys: list[str]
    industry_code: Ints
    region: Ints
    born: Ints
    dies: Ints
    quality: Floats
    revenue: Floats
    heads: Ints
    capital: Floats
    paid_in: Floats
    came_from: Ints

    def __len__(self) -> int:
        """Firms of the block."""
        return len(self.number)

    def of(self, *keys: str) -> Bools:
        """Firms of some groups of industries."""
        return np.isin(self.industry, [self.industry_keys.index(key) for key in keys])

    def by_industry(self, values: dict[str, float], default: float) -> Floats:
        """A number per firm that depends on its industry."""
        table = np.array([values.get(key, default) for key in self.industry_keys])
        return table[self.industry]


def draw_firms(world: World, streams: Streams, numbers: Ints) -> Firms:
    """Draw the firms of one block."""
    rng = streams.named("firms")
    population = world.parameters.population
    size = len(numbers)
    keys = list(world.words.industries)
    entity = choose(rng, population.entity, size)
    size_class = np.where(entity == COMPANY, choose(rng, population.size, size), MICRO)
    industry = _industry(rng, population, entity, keys)
    quality = rng.normal(size=size)
    born = _births(rng, population, world.calendar.months, size)
    kind = np.array([b"91", b"92", b"93", b"91"])[entity]
    row = np.where(entity == INDIVIDUAL, 3, size_class)
    revenue = np.array(population.revenue_median_cny)[row] * np.exp(
        np.array(population.revenue_sigma)[row] * rng.normal(size=size)
    )
    paid_in = rng.beta(population.paid_in_beta[0], population.paid_in_beta[1], size)
    paid_in *= rng.random(size) >= population.paid_in_none
    drawn = Firms(
        number=numbers,
        uscc=world.codes(numbers, kind),
        entity=entity,
        size=size_class,
        industry=industry,
        industry_keys=keys,
        industry_code=rng.integers(0, 60, size),
        region=rng.integers(0, len(world.words.regions), size),
        born=born,
        dies=_deaths(rng, population, born, quality),
        quality=quality,
        revenue=revenue,
        heads=_heads(rng, population, entity, row),
        capital=_capital(rng, population, size),
        paid_in=paid_in,
        came_from=np.full(size, -1),
    )
    return _convert(rng, drawn, world.parameters.traps.converted)


def _convert(rng: np.random.Generator, firms: Firms, share: float) -> Firms:
    """Some companies were individual businesses before: new code, same people, same quality."""
    companies = np.flatnonzero((firms.entity == COMPANY) & (firms.born > _OLD_ENOUGH))
    after = companies[rng.random(len(companies)) < share]
    sole = np.flatnonzero((firms.entity == INDIVIDUAL) & (firms.born < 0))
    before = rng.permutation(sole)[: len(after)]
    after = after[: len(before)]
    lives = firms.dies[before] > firms.born[after]
    after, before = after[lives], before[lives]
    quality, dies, industry = firms.quality.copy(), firms.dies.copy(), firms.industry.copy()
    origin = firms.came_from.copy()
    quality[after], industry[after] = quality[before], industry[before]
    dies[before], origin[after] = firms.born[after], before
    return replace(firms, quality=quality, dies=dies, industry=industry, came_from=origin)


def _industry(
    rng: np.random.Generator, population: Population, entity: Ints, keys: list[str]
) -> Ints:
    """Groups of industries by kind; cooperatives farm."""
    chosen = np.full(len(entity), keys.index("A"))
    for shares, members in (
        (population.industry_company, np.isin(entity, [COMPANY, OTHER])),
        (population.industry_individual, entity == INDIVIDUAL),
    ):
        places = np.array([keys.index(key) for key in shares])
        chosen[members] = places[choose(rng, shares, int(members.sum()))]
    return chosen


def _hazard(population: Population) -> Floats:
    """Planned exits: cumulative hazard at each month of age, from 0 to beyond any age."""
    yearly = np.array(population.exit_by_year) * population.exit_own
    years = np.append(yearly, np.full(60 - len(yearly), yearly[-1]))
    return np.append(0.0, np.cumsum(np.repeat(-np.log1p(-years) / 12, 12)))


def _births(rng: np.random.Generator, population: Population, months: int, size: int) -> Ints:
    """Births grow by the month; of those before the city's first month, the survivors count."""
    month = np.arange(-12 * population.oldest_years, months)
    age_at_start = np.maximum(0, -month)
    weight = np.exp(population.births_per_month * month - _hazard(population)[age_at_start])
    weight = np.cumsum(weight)
    return month[np.searchsorted(weight, rng.random(size) * weight[-1], side="right")]


def _deaths(rng: np.random.Generator, population: Population, born: Ints, quality: Floats) -> Ints:
    """Exits by age and quality, of firms that are there in the first month or born later."""
    hazard = _hazard(population)
    spread = population.exit_by_quality
    factor = np.exp(-spread * quality - spread**2 / 2)
    reached = hazard[np.maximum(0, -born)] + rng.exponential(size=len(born)) / factor
    age = np.searchsorted(hazard, reached)
    return np.where(age >= len(hazard), NEVER, born + age)


def _heads(rng: np.random.Generator, population: Population, entity: Ints, row: Ints) -> Ints:
    mean = np.array(population.heads_mean)[row]
    k = np.array(population.heads_dispersion)[row]
    heads = 1 + rng.negative_binomial(k, k / (k + mean))
    none = (entity == INDIVIDUAL) & (rng.random(len(row)) < population.individual_without_heads)
    return np.where(none, 0, heads)


def _capital(rng: np.random.Generator, population: Population, size: int) -> Floats:
    """Round figures, as founders register them [yuan]."""
    drawn = np.log(population.capital_median_cny) + population.capital_sigma * rng.normal(size=size)
    steps = np.log(population.capital_steps_cny)
    nearest = np.abs(drawn[:, None] - steps).argmin(axis=1)
    return np.array(population.capital_steps_cny, dtype=np.float64)[nearest]
