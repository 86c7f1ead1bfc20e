"""The numbers of fitting and judging, from `fitting.yaml`."""

from datetime import date
from functools import cache
from pathlib import Path

from features.documents import Document, load_document
from features.errors import ModelDocumentError
from training.performance import Limit

RULES = Path(__file__).with_name("fitting.yaml")


class Span(Document):
    """Between which values a parameter is searched; whole numbers where both ends are written so."""

    low: int | float
    high: int | float
    is_log: bool = False


class FittingRules(Document):
    """Content of `fitting.yaml`."""

    effective_from: date
    goods_per_default: Limit
    jeffreys_red: Limit
    jeffreys_amber: Limit
    random_scopes: Limit
    trees: Limit
    startup_trials: Limit
    search: dict[str, Span]
    free_search: dict[str, Span]


@cache
def load_fitting_rules(path: Path = RULES) -> FittingRules:
    """Read the rules.

    Raises
    ------
    ModelDocumentError
        With the file, the key and what was expected there.
    """
    return load_document(path, FittingRules, ModelDocumentError)
