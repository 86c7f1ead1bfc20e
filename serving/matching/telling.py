"""A firm's standing to a product in words: what it would get, what is met, what is missing and why it is where it is."""

from dataclasses import dataclass
from functools import lru_cache
from math import isnan

import numpy as np

from features.contracts import Words, load_catalogue
from models.arrays import FloatArray
from models.matching.conditions import TRUE
from models.matching.explaining import Ask, Explanation, Teller
from models.matching.facts import load_facts
from models.matching.matcher import Matcher
from models.matching.meanings import Meanings
from models.products.book import ProductEntry, ProductVersion
from models.products.terms import OfferTerms
from models.scale import load_scale
from models.tags.book import Tags
from models.watching.setting import COLUMNS
from serving.matching.judging import RATED, Judged
from serving.matching.looking import Firm
from serving.matching.rules import match_rules
from serving.products.shelves import ProductShelf

Document = dict[str, object]


@dataclass(frozen=True, eq=False)
class Reader:
    """Who reads, and of which firm.

    Attributes
    ----------
    closed : frozenset of str
        Datasets withheld from the look.
    rating_scopes : tuple of str
        Consent scopes that would give a rating, where there is none.
    is_owner : bool
        The firm itself is told its own values and how far they are from a limit.
    """

    matcher: Matcher
    teller: Teller
    judged: Judged
    row: FloatArray
    closed: frozenset[str]
    rating_scopes: tuple[str, ...]
    is_owner: bool

    @classmethod
    def of(
        cls, matcher: Matcher, teller: Teller, judged: Judged, firm: Firm, *, is_owner: bool
    ) -> "Reader":
        """Whoever reads about one firm."""
        row = matcher.conditions.row(judged.values)
        scopes = firm.rating_scopes if firm.grade is None else ()
        return cls(matcher, teller, judged, row, firm.withheld, scopes, is_owner)

    def met(self, rule: int) -> list[Document]:
        """Conditions of a rule that hold."""
        asked = self.matcher.of_rule(rule)
        holding = asked[self.judged.states[asked] == TRUE].tolist()
        return [
            {"words": words(self.teller.words(place)), "is_met": True, "asks": []}
            for place in holding
        ]

    def missing(self, rule: int) -> list[Document]:
        """Conditions of a rule that fail or are not known."""
        missing = self.matcher.missing(rule, self.judged.states)
        told = self.teller.tell_all(missing, self.row, self.closed, may_see_values=self.is_owner)
        return [self.condition(one) for one in told]

    def condition(self, one: Explanation) -> Document:
        """One of them."""
        return {
            "words": words(one.words),
            "is_met": False if one.is_failed else None,
            "asks": [_ask(ask, self._opening(ask)) for ask in one.asks],
        }

    def _opening(self, ask: Ask) -> tuple[str, ...]:
        """Scopes that would let it be known; a rating that is withheld hides behind several."""
        return self.rating_scopes if ask.meaning.name in RATED and not ask.scopes else ask.scopes

    def scopes(self, rule: int) -> list[str]:
        """Consent scopes a lender would need to see everything a rule asks."""
        conditions = self.matcher.conditions.conditions
        read = {
            name
            for place in self.matcher.of_rule(rule).tolist()
            for name in conditions[place].datasets
        }
        return list(self.teller.meanings.scopes_of(read))


@lru_cache(maxsize=4)
def teller_of(shelf: ProductShelf) -> Teller:
    """The conditions of a day's products put into words, once."""
    return Teller.of(shelf.shelf.matcher.conditions, meanings_of(shelf.tags))


def meanings_of(tags: Tags) -> Meanings:
    """What every name rules may use means to a reader."""
    entries = [tag.entry for tag in tags.tags if tag.name in tags.vocabulary.terms]
    catalogue, scale = load_catalogue(), load_scale()
    return Meanings.of(
        COLUMNS, load_facts(), entries, tags.vocabulary, catalogue=catalogue, scale=scale
    )


def told_product(
    entry: ProductEntry, version: ProductVersion, terms: Document, standing: str
) -> Document:
    """What is told of every product, whoever asks."""
    is_example = version.evidence == "P"
    return {
        "code": entry.code,
        "name": words(entry.name),
        "lender": words(entry.lender),
        "institution": entry.institution,
        "channels": list(entry.channels),
        "standing": standing,
        "terms": terms,
        "guarantee": list(version.guarantee),
        "repayment": words(version.repayment),
        "approval_days": version.approval_days,
        "evidence": version.evidence,
        "evidence_words": words(match_rules().illustrative) if is_example else None,
        "source": version.source,
    }


def told_terms(
    version: ProductVersion, offers: OfferTerms, place: int, amount_cny: float
) -> Document:
    """Limit, rate, term and fees of one product for this firm; what is unknown is null."""
    limit = _number(offers.limit_cny, place)
    return {
        "limit_cny": _money(limit),
        "limit_at_most_cny": _money(_number(offers.limit_at_most_cny, place)),
        "covers_need": None if limit is None else limit >= amount_cny,
        "rate_percent": _number(offers.rate_percent, place),
        "rate_least_percent": _number(offers.rate_least_percent, place),
        "rate_most_percent": _number(offers.rate_most_percent, place),
        "term_months": _number(offers.term_months, place),
        "fees": [
            {"words": words(fee.words), "percent_at_most": fee.percent_at_most}
            for fee in version.fees
        ],
        "fee_percent": _number(offers.fee_percent, place) or 0.0,
    }


def words(told: Words | None) -> Document | None:
    """The same in both languages."""
    return None if told is None else {"zh": told.zh, "en": told.en}


def _ask(ask: Ask, scopes: tuple[str, ...]) -> Document:
    return {
        "kind": "authorise" if scopes else ask.kind,
        "name": ask.meaning.name,
        "words": words(ask.words),
        "question": words(ask.question),
        "scopes": list(scopes),
        "found": words(ask.found),
        "short": words(ask.short),
    }


def _number(column: FloatArray, place: int) -> float | None:
    value = float(column[place])
    return None if isnan(value) or not np.isfinite(value) else round(value, 4)


def _money(amount: float | None) -> str | None:
    return None if amount is None else f"{amount:.2f}"
