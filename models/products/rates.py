"""Rates that products count from, by the day they were published."""

from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.book import RuleVersion, in_force
from models.products.book import Base, Mark

RATES_PATH = Path(__file__).parent / "rates.yaml"


class RateVersion(RuleVersion):
    """Rates as they stood for a while [percent a year]; `when` is not used."""

    when: object = None
    lpr_1y_percent: float = Field(gt=0, lt=20)
    evidence: Mark


class RateBook(Document):
    """Every rate there has been."""

    versions: list[RateVersion] = Field(min_length=1)

    def base(self, kind: Base, as_of_date: date) -> float:
        """What a rate of a kind is counted from, in percent; NaN where none was published by then.

        Examples
        --------
        >>> load_rates().base("fixed", date(2020, 1, 1)), load_rates().base("lpr_1y", date(2020, 1, 1))
        (0.0, nan)
        """
        if kind == "fixed":
            return 0.0
        version = in_force(self.versions, as_of_date)
        return version.lpr_1y_percent if version else float("nan")


@cache
def load_rates(path: Path = RATES_PATH) -> RateBook:
    """Read the rates.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, RateBook, ModelDocumentError)
