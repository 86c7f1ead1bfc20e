"""Concentration 集中度 (W58): parts of the portfolio in which too many loans are late, or suddenly more."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.portfolio import LateRate
from models.histograms import Limit
from models.signals.levels import Level

CONCENTRATION = Path(__file__).with_name("concentration.yaml")
SIGNAL, LEVEL = "W58", Level.ORANGE


class ConcentrationRules(Document):
    """The limits as they stood for a while."""

    valid_from: date
    over_days: Limit
    compared_months: Limit
    times_mean_over: Limit
    rate_from: Limit
    loans_from: Limit
    late_from: Limit


class ConcentrationBook(Document):
    """Every version of the limits there has been."""

    versions: list[ConcentrationRules] = Field(min_length=1)

    def at(self, as_of_date: date) -> ConcentrationRules:
        """The version in force.

        Raises
        ------
        ModelDocumentError
            If none was yet.
        """
        begun = [one for one in self.versions if one.valid_from <= as_of_date]
        if not begun:
            raise ModelDocumentError(
                en=f"{CONCENTRATION.name} has no limits for {as_of_date}. Add a version that begins by then.",
                zh=f"{CONCENTRATION.name} 在 {as_of_date} 没有生效的界限，请补充版本。",
            )
        return max(begun, key=lambda one: one.valid_from)


@dataclass(frozen=True)
class Concentration:
    """A part of the portfolio that passes a limit.

    Attributes
    ----------
    rate : float
        Late loans among running ones in the last month [0..1].
    mean : float or None
        Of the months before; None where there were none.
    passes : tuple of str
        `level` for a rate at its limit, `rise` for one far over the mean.
    """

    dimension: str
    value: str
    loans: int
    late: int
    rate: float
    mean: float | None
    passes: tuple[str, ...]


@cache
def load_concentration(path: Path = CONCENTRATION) -> ConcentrationBook:
    """Read the limits.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, ConcentrationBook, ModelDocumentError)


def concentrations(rates: Sequence[LateRate], rules: ConcentrationRules) -> list[Concentration]:
    """Parts that pass a limit in the last month of the rates, the highest rate first.

    Examples
    --------
    >>> rules = load_concentration().at(date(2026, 6, 30))
    >>> calm = [LateRate("region", "371302", month, 100, 1) for month in range(12)]
    >>> found = concentrations([*calm, LateRate("region", "371302", 12, 100, 3)], rules)
    >>> [(one.rate, one.mean, one.passes) for one in found]
    [(0.03, 0.01, ('rise',))]
    """
    last = max((rate.month for rate in rates), default=0)
    parts: dict[tuple[str, str], list[LateRate]] = defaultdict(list)
    for rate in rates:
        parts[rate.dimension, rate.value].append(rate)
    judged = (_judge(months, last, rules) for months in parts.values())
    found = [one for one in judged if one is not None]
    return sorted(found, key=lambda one: (-one.rate, one.dimension, one.value))


def _judge(
    months: Sequence[LateRate], last: int, rules: ConcentrationRules
) -> Concentration | None:
    now = next((one for one in months if one.month == last), None)
    if now is None or now.loans < rules.loans_from.value or now.late < rules.late_from.value:
        return None
    oldest = last - int(rules.compared_months.value)
    # Shares are kept exact: twice a mean is no rise, one loan more is.
    before = [Fraction(one.late, one.loans) for one in months if oldest <= one.month < last]
    mean = sum(before, Fraction(0)) / len(before) if before else None
    rate, limit = Fraction(now.late, now.loans), Fraction(rules.times_mean_over.value)
    passes = (
        *(("level",) if float(rate) >= rules.rate_from.value else ()),
        *(("rise",) if mean is not None and rate > limit * mean else ()),
    )
    if not passes:
        return None
    return Concentration(
        dimension=now.dimension,
        value=now.value,
        loans=now.loans,
        late=now.late,
        rate=float(rate),
        mean=None if mean is None else float(mean),
        passes=passes,
    )
