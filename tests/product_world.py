"""A firm that meets what every product asks, and the names that rules of products may use."""

from datetime import date
from functools import cache

from features.rules.vocabulary import Vocabulary
from models.matching.facts import load_facts
from models.tags.book import load_tags
from models.watching.setting import COLUMNS

DAY = date(2026, 6, 30)
#: In good standing, of the best grade, asking for a year of working capital.
GOOD_FIRM: dict[str, float | str | None] = {
    "registration_ended_now": 0,
    "bankruptcy_accepted_now": 0,
    "dishonest_debtor_now": 0,
    "serious_dishonest_list_now": 0,
    "tax_nonnormal_now": 0,
    "grade_rank": 1,
    "need_purpose": "operation",
    "need_term_months": 12,
    "size_class": "small",
    "entity_type": "company",
    "region_code": 371302,
}


@cache
def vocabulary() -> Vocabulary:
    """Features, facts and tags of the day."""
    return load_tags().at(DAY, Vocabulary.of(COLUMNS, load_facts().terms)).vocabulary


def region_of(prefixes: list[str]) -> int:
    """A region that a product serves."""
    return 371302 if prefixes == ["*"] else int(prefixes[0].ljust(6, "0"))
