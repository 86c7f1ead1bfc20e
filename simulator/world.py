"""What all blocks share: calendar, macro, words, lenders."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from features.documents import Document, load_document
from features.errors import SimulationError
from features.identifiers import synthetic_codes
from simulator.arrays import Codes, Days, Floats, Ints
from simulator.parameters import Parameters
from simulator.streams import Streams

_WORDS = Path(__file__).parent / "words.yaml"
#: Numbers of synthetic codes at the top of the range, kept for institutions.
_INSTITUTIONS = 31**5 - 1_000


class Industry(Document):
    """Codes of a group of industries, and its word in a firm's name."""

    codes: list[str]
    word: str


class Vocabulary(Document):
    """Words the city is made of."""

    places: list[str]
    stems: list[str]
    surnames: list[str]
    given: list[str]
    regions: dict[str, str]
    industries: dict[str, Industry]
    courts: list[str]
    authorities: list[str]
    causes: list[str]
    lenders: list[str]
    guarantor: str


@cache
def load_words() -> Vocabulary:
    """Read the words once."""
    return load_document(_WORDS, Vocabulary, SimulationError)


@dataclass(frozen=True)
class Calendar:
    """Months counted from the city's first, which is 0.

    Examples
    --------
    >>> calendar = Calendar(np.datetime64("2020-01", "M"), 78)
    >>> calendar.code(np.array([0, 77])).tolist(), calendar.today
    ([202001, 202606], np.datetime64('2026-06-30'))
    """

    first: np.datetime64
    months: int

    @property
    def today(self) -> np.datetime64:
        """Last day of the city; nothing is delivered after it."""
        return self.end(np.array([self.months - 1]))[0]

    def start(self, month: Ints) -> Days:
        """First day of each month."""
        return (self.first + month).astype("datetime64[D]")

    def end(self, month: Ints) -> Days:
        """Last day of each month."""
        return (self.first + month + 1).astype("datetime64[D]") - 1

    def code(self, month: Ints) -> Ints:
        """YYYYMM."""
        number = (self.first + month).astype(np.int64)
        return (1970 + number // 12) * 100 + number % 12 + 1

    def month_of_year(self) -> Ints:
        """0 for January, of every month of the city."""
        return (self.first + np.arange(self.months)).astype(np.int64) % 12

    def year(self, month: Ints) -> Ints:
        """Calendar year of each month."""
        return 1970 + (self.first + month).astype(np.int64) // 12

    def day_in(self, rng: np.random.Generator, month: Ints) -> Days:
        """Return a random day of each month."""
        return self.start(month) + rng.integers(0, 28, len(month))


@dataclass(frozen=True)
class World:
    """One city: its parameters, its seed and what happens to all firms at once."""

    parameters: Parameters
    seed: int
    enterprises: int
    calendar: Calendar
    macro: Floats
    code_step: int
    code_start: int
    lender_usccs: Codes = field(repr=False)
    words: Vocabulary = field(repr=False)

    def codes(self, numbers: Ints, kinds: Codes) -> Codes:
        """Credit codes of firms by their number; their order says nothing about the numbers'."""
        space = _INSTITUTIONS
        return synthetic_codes((numbers * self.code_step + self.code_start) % space, kinds)


def make_world(parameters: Parameters, *, enterprises: int, months: int, seed: int) -> World:
    """Draw what all blocks share."""
    year, month = divmod(parameters.last_month, 100)
    last = np.datetime64(f"{year}-{month:02}", "M")
    rng = Streams(seed, -1).named("world")
    step = int(rng.integers(10**5, 10**6))
    while np.gcd(step, _INSTITUTIONS) != 1:
        step += 1
    words = load_words()
    lenders = _INSTITUTIONS + np.arange(len(words.lenders) + 1)
    return World(
        parameters=parameters,
        seed=seed,
        enterprises=enterprises,
        calendar=Calendar(last - months + 1, months),
        macro=_macro(rng, parameters, months),
        code_step=step,
        code_start=int(rng.integers(0, _INSTITUTIONS)),
        lender_usccs=synthetic_codes(lenders, np.full(len(lenders), b"91")),
        words=words,
    )


def _macro(rng: np.random.Generator, parameters: Parameters, months: int) -> Floats:
    latent = parameters.latent
    state, path = 0.0, np.zeros(months)
    for month, shock in enumerate(rng.normal(0, latent.macro_sigma, months)):
        state = latent.macro_ar * state + shock
        path[month] = state
    return path
