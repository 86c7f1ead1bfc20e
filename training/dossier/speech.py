"""Words and numbers of a page in one language; every number is formatted here and nowhere else."""

from dataclasses import dataclass
from math import isfinite

from features.contracts import Words
from features.errors import Language
from training.evaluate import Estimate

#: What could not be measured.
NOTHING = "–"


@dataclass(frozen=True)
class Speech:
    """One language.

    Examples
    --------
    >>> say = Speech("en")
    >>> say("违约", "default"), say.number(0.81249), say.percent(0.0312), say.count(12345)
    ('default', '0.812', '3.12 %', '12,345')
    >>> say.number(float("nan")), say.span(0.7, 0.9, digits=2)
    ('–', '0.70 … 0.90')
    """

    language: Language

    def __call__(self, zh: str, en: str) -> str:
        """The sentence in this language."""
        return zh if self.language == "zh" else en

    def word(self, words: Words) -> str:
        """Words in this language."""
        return self(words.zh, words.en)

    def number(self, value: float | None, digits: int = 3) -> str:
        """A figure, or a dash where there is none."""
        return f"{value:.{digits}f}" if value is not None and isfinite(value) else NOTHING

    def percent(self, share: float | None, digits: int = 2) -> str:
        """A share of 1 as per cent."""
        return f"{100 * share:.{digits}f} %" if share is not None and isfinite(share) else NOTHING

    def count(self, number: float) -> str:
        """A whole number."""
        return f"{round(number):,}"

    def span(self, low: float, high: float, *, digits: int = 3) -> str:
        """The ends of an interval."""
        if not (isfinite(low) and isfinite(high)):
            return NOTHING
        return f"{self.number(low, digits)} … {self.number(high, digits)}"

    def estimate(self, figure: Estimate, digits: int = 3) -> str:
        """A figure with its interval."""
        return f"{self.number(figure.value, digits)} ({self.span(figure.low, figure.high, digits=digits)})"

    def listed(self, names: list[str]) -> str:
        """Names after each other."""
        return self("、", ", ").join(names) or self("无", "none")
