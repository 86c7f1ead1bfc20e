"""From a validation figure to a traffic light, by dated limits.

A light is given to a figure only: what could not be measured has none, and no light is not green.
"""

from collections.abc import Iterable
from datetime import date
from functools import cache
from itertools import pairwise
from math import inf, isnan
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from features.documents import Document, load_document
from features.errors import ModelDocumentError, ModelInputError

Light = Literal["green", "amber", "red"]
LIGHTS: tuple[Light, ...] = ("green", "amber", "red")
LIMITS_PATH = Path(__file__).parent / "validation.yaml"


class Bounds(Document):
    """Values of which a light is given; none by default."""

    below: float = -inf
    at_most: float = -inf
    at_least: float = inf
    above: float = inf

    def is_low(self, value: float) -> bool:
        """Whether the value lies beyond the low end."""
        return value < self.below or value <= self.at_most

    def is_high(self, value: float) -> bool:
        """Whether the value lies beyond the high end."""
        return value >= self.at_least or value > self.above

    def hold(self, value: float) -> bool:
        """Whether one of the conditions holds."""
        return self.is_low(value) or self.is_high(value)

    @property
    def ends(self) -> tuple[float, float]:
        """Highest low end and lowest high end."""
        return max(self.below, self.at_most), min(self.at_least, self.above)


class Limit(Document):
    """When one figure is amber or red, with its unit and where the limit comes from."""

    unit: str
    source: str
    amber: Bounds = Bounds()
    red: Bounds = Bounds()

    @model_validator(mode="after")
    def _is_sound(self) -> "Limit":
        (amber_low, amber_high), (red_low, red_high) = self.amber.ends, self.red.ends
        if max(amber_low, red_low) == -inf and min(amber_high, red_high) == inf:
            raise ValueError(
                "a limit needs a bound of amber or red, or nothing would ever break it"
            )
        if not max(amber_low, red_low) < min(amber_high, red_high):
            raise ValueError("the bounds leave no green")
        if (amber_low != -inf and red_low > amber_low) or (
            amber_high != inf and red_high < amber_high
        ):
            raise ValueError("red must lie further out than amber")
        return self

    def light(self, value: float) -> Light:
        """Light of a figure.

        Raises
        ------
        ModelInputError
            If the figure is NaN: what was not measured is not judged.
        """
        if isnan(value):
            raise ModelInputError(
                en="A light needs a figure, got NaN. Leave out what could not be measured.",
                zh="红绿灯需要数值，现为 NaN。无法计量的项目请不要评判。",
            )
        if self.red.hold(value):
            return "red"
        return "amber" if self.amber.hold(value) else "green"

    def excludes(self, low: float, high: float) -> bool:
        """Whether no value from `low` to `high` is green."""
        lights = (self.amber, self.red)
        return any(light.is_low(high) or light.is_high(low) for light in lights)


class Smallest(Document):
    """The least number of rows something is judged on."""

    value: int = Field(ge=1)
    unit: str
    source: str


class Limits(Document):
    """One version of the limits, a field a figure.

    Examples
    --------
    >>> limits = load_limits(date(2026, 11, 1))
    >>> limits.auc.light(0.72), limits.auc_fall.light(0.04), limits.jeffreys.light(0.01)
    ('green', 'amber', 'red')
    """

    id: str
    valid_from: date
    auc: Limit
    ks: Limit
    auc_fall: Limit
    jeffreys: Limit
    binomial: Limit
    hosmer_lemeshow: Limit
    spiegelhalter: Limit
    calibration_slope: Limit
    calibration_intercept: Limit
    population_stability: Limit
    segment_auc: Limit
    segment_observed_expected: Limit
    explanation_stability: Limit
    segment_rows_from: Smallest
    segment_defaults_from: Smallest


class _LimitBook(Document):
    """Content of `validation.yaml`: every version, by date."""

    versions: list[Limits] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_in_order(self) -> "_LimitBook":
        if any(old.valid_from >= new.valid_from for old, new in pairwise(self.versions)):
            raise ValueError("versions must stand in the order of valid_from, a day only once")
        return self


@cache
def load_limits(on: date, path: Path = LIMITS_PATH) -> Limits:
    """Read the limits in force on a day.

    Raises
    ------
    ModelDocumentError
        If the file is unsound or nothing was in force yet.
    """
    versions = load_document(path, _LimitBook, ModelDocumentError).versions
    in_force = [version for version in versions if version.valid_from <= on]
    if not in_force:
        first = versions[0]
        raise ModelDocumentError(
            en=f"{path.name} has no limits in force on {on}; the first, {first.id}, start on "
            f"{first.valid_from}. Ask for a later day or add a version.",
            zh=f"{path.name} 在 {on} 尚无有效阈值；最早的 {first.id} 自 {first.valid_from} 起生效。"
            "请改用更晚的日期或补充版本。",
        )
    return in_force[-1]


def worst_light(lights: Iterable[Light | None]) -> Light | None:
    """Worst of several lights; None if none of them was judged.

    Examples
    --------
    >>> worst_light(["green", None, "amber"])
    'amber'
    """
    given = set(lights)
    return next((light for light in reversed(LIGHTS) if light in given), None)
