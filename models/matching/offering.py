"""What is offered on a day, compiled for everyone: tags, products, terms, and an order for every letter.

::

    offering = offering_of(load_products(), day, chances)
    firms = read_columns(snapshot, offering.names)
    found = offering.match(firms.columns, Rated.unknown(len(firms)))
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.registry import Registry
from features.rules.evaluate import Column, Columns
from features.rules.vocabulary import Vocabulary
from models.arrays import FloatArray
from models.matching.batch import Everyone, Matches, left_to_ask
from models.matching.chances import Chances
from models.matching.conditions import Int32Array
from models.matching.facts import Source, load_facts
from models.matching.ranking import Ranker, load_ranking
from models.products.base import GRADE, base_rule
from models.products.book import ProductEntry
from models.products.shelf import Shelf
from models.products.terms import TermsTable
from models.tags.book import PREFIX, Tags, load_tags
from models.tags.held import Marks
from models.watching.setting import COLUMNS

#: What no record can say: it is asked of a firm, or of a lender, when it looks for money.
ASKED: tuple[Source, ...] = ("need", "offer", "firm", "institution")
SCORE = "score"
#: Nobody has said anything of the firms' tags.
UNMARKED = Marks()


@dataclass(frozen=True, eq=False)
class Rated:
    """Ratings of n firms as rules ask for them.

    Attributes
    ----------
    rank : ndarray of float64, shape (n,)
        1 for the best letter; NaN without a rating.
    score : ndarray of float64, shape (n,)
    """

    rank: FloatArray
    score: FloatArray

    @classmethod
    def unknown(cls, rows: int) -> "Rated":
        """Nobody is rated."""
        return cls(np.full(rows, np.nan), np.full(rows, np.nan))

    @classmethod
    def of(
        cls,
        letters: Sequence[str],
        grades: pa.ChunkedArray,
        scores: pa.ChunkedArray,
    ) -> "Rated":
        """Ratings as tables have them, null where a firm is not rated.

        Examples
        --------
        >>> grades, scores = pa.chunked_array([["AA", None, "D"]]), pa.chunked_array([[700, None, 310]])
        >>> Rated.of(["AAA", "AA", "D"], grades, scores).rank.tolist()
        [2.0, nan, 3.0]
        """
        known = pc.SetLookupOptions(pa.array(letters, pa.string()))
        places = pc.call_function("index_in", [grades], known).to_numpy()
        return cls(places.astype(np.float64) + 1, scores.to_numpy().astype(np.float64))


@dataclass(frozen=True, eq=False)
class Offering:
    """Products of a day, ready for any number of firms.

    Attributes
    ----------
    everyone : Everyone
        Rule r is product r of the shelf.
    names : tuple of str
        What is to be looked up of a firm.
    """

    tags: Tags
    shelf: Shelf
    terms: TermsTable
    everyone: Everyone
    names: tuple[str, ...]

    def match(self, columns: Columns, rated: Rated) -> Matches:
        """Match firms by what is on record; what only they can say is left to the asking.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,)
            Of `names` as far as records answer; the others are unknown.
        """
        return self.matched(self.seen(columns, rated), rated)

    def matched(self, seen: Columns, rated: Rated) -> Matches:
        """The same from what `seen` gave."""
        kind = np.where(np.isnan(rated.rank), len(self.everyone.order), rated.rank) - 1
        return self.everyone.match(seen, kind.astype(np.int64))

    def seen(self, columns: Columns, rated: Rated, marks: Marks = UNMARKED) -> dict[str, Column]:
        """Everything rules ask of firms: what was looked up, their ratings and tags; the rest unknown.

        Parameters
        ----------
        marks : Marks, optional
            What people said of their tags.
        """
        terms, rows = self.tags.vocabulary.terms, len(rated.rank)
        found: dict[str, Column] = {}
        for name in self.names:
            is_code = terms[name].unit == "code"
            found[name] = np.full(rows, "", dtype="U1") if is_code else np.full(rows, np.nan)
        found |= {name: columns[name] for name in self.names if name in columns}
        found |= {GRADE: rated.rank, SCORE: rated.score}
        return found | self.tags.ask(found, rows=rows, given=marks.given, removed=marks.removed)


def offering_of(
    entries: Sequence[ProductEntry],
    day: date,
    chances: Chances,
    *,
    most: int = 10,
    threads: int = 1,
    registry: Registry = COLUMNS,
) -> Offering:
    """Compile products for a day.

    Parameters
    ----------
    chances : Chances
        Of applying and of approval, by product and letter.
    most : int
        Products kept of a firm.

    Raises
    ------
    RuleError
        If a product, or a tag it uses, is wrong.
    """
    facts = load_facts()
    tags = load_tags().at(day, Vocabulary.of(registry, facts.terms))
    shelf = Shelf.of(entries, tags.vocabulary, day, base_rule(day))
    terms = TermsTable.of(shelf.products, tags.vocabulary, day)
    order = _order(shelf, terms, chances, day)
    left = left_to_ask(shelf.matcher, [entry.name for entry in facts.of(*ASKED)])
    asked = [*shelf.matcher.conditions.names, *tags.names]
    names = tuple(sorted(name for name in set(asked) if not name.startswith(PREFIX)))
    return Offering(tags, shelf, terms, Everyone(shelf.matcher, order, left, most, threads), names)


def _order(shelf: Shelf, terms: TermsTable, chances: Chances, day: date) -> Int32Array:
    """The order of every letter, and of none: it goes by price, speed and chances alone."""
    ranker = Ranker.of(shelf.products, chances.of(shelf.products), load_ranking(day))
    asked: list[Mapping[str, float]] = [{GRADE: rank} for rank in range(1, len(chances.letters) + 1)]  # fmt: skip
    offers = [terms.offers(values) for values in (*asked, {})]
    rates = np.stack([one.rate_percent for one in offers])
    return ranker.by_grade(rates, offers[-1].fee_percent, day)
