"""Limit, rate, term and fees of every product of a day, for one firm.

::

    table = TermsTable.of(shelf.products, vocabulary, shelf.as_of_date)
    offers = table.offers(values)

A fact that is not known leaves a limit between its ends, and a firm without rating a rate within its
range; nothing is guessed. Within its range a rate rises evenly with the place of the grade, from the
best to the weakest the product accepts: our proposal, since lenders publish the ends alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.rules.vocabulary import Vocabulary
from models.arrays import BoolArray, FloatArray
from models.products import carbon
from models.products.base import GRADE, base_rule, weakest_grade
from models.products.book import ProductEntry, ProductVersion, Rate
from models.products.carbon import NEUTRAL, CarbonTerms, CarbonVersion, load_carbon_link
from models.products.limits import LimitTable, Values
from models.products.rates import load_rates

TERM = "need_term_months"
#: Rates are told to a hundredth of a basis point.
_PLACES = 4


@dataclass(frozen=True, eq=False)
class OfferTerms:
    """What each of p products would be for one firm; NaN where nobody can tell.

    Attributes
    ----------
    limit_cny : ndarray of float64, shape (p,)
        Whole yuan, 0 where the smallest loan is out of reach, NaN where a fact is missing.
    limit_at_least_cny, limit_at_most_cny : ndarray of float64, shape (p,)
        Ends between which the limit lies whatever the missing facts are; the upper is NaN where the lender
        names no ceiling.
    rate_percent : ndarray of float64, shape (p,)
        Percent a year, nominal.
    rate_least_percent, rate_most_percent : ndarray of float64, shape (p,)
        Ends of the range for this firm, each NaN where the lender does not publish it.
    term_months : ndarray of float64, shape (p,)
        The need's term within the product's; the longest one without a need.
    fee_percent : ndarray of float64, shape (p,)
        All fees beside interest, at most, in percent of the loan a year.
    carbon : CarbonTerms
        What the carbon account did to the linked products.
    """

    limit_cny: FloatArray
    limit_at_least_cny: FloatArray
    limit_at_most_cny: FloatArray
    rate_percent: FloatArray
    rate_least_percent: FloatArray
    rate_most_percent: FloatArray
    term_months: FloatArray
    fee_percent: FloatArray
    carbon: CarbonTerms

    @property
    def limit_is_known(self) -> BoolArray:
        """Whether the limit is a number, shape (p,)."""
        return ~np.isnan(self.limit_cny)

    @property
    def may_lend(self) -> BoolArray:
        """Whether the smallest loan is within reach, as far as anybody can tell, shape (p,).

        A limit that is not known speaks against nothing.
        """
        return self.limit_cny != 0.0

    def __len__(self) -> int:
        """Count the products."""
        return len(self.limit_cny)


@dataclass(frozen=True, eq=False)
class TermsTable:
    """Terms of p products of a day.

    Attributes
    ----------
    limits : LimitTable
    link : CarbonVersion or None
        The carbon link in force.
    """

    limits: LimitTable
    link: CarbonVersion | None
    _rate: FloatArray
    _step: FloatArray
    _term: FloatArray
    _fee: FloatArray
    _is_linked: BoolArray

    @classmethod
    def of(
        cls,
        products: Sequence[tuple[ProductEntry, ProductVersion]],
        vocabulary: Vocabulary,
        as_of_date: date = date.max,
    ) -> "TermsTable":
        """Compile the terms of products, with the rates and the carbon link of a date.

        Parameters
        ----------
        products : sequence of (ProductEntry, ProductVersion), length p
            As a `Shelf` has them.
        as_of_date : date
            The newest rates without one.

        Raises
        ------
        RuleError
            If a rule of a limit is wrong; the sentence names the product.
        """
        versions = [version for _, version in products]
        base = base_rule(as_of_date)
        weakest = [weakest_grade([base, v.when], f"product {e.code}") for e, v in products]
        fees = [sum(fee.percent_at_most for fee in version.fees) for version in versions]
        return cls(
            limits=LimitTable.of(
                [(f"product {e.code}", v.limit) for e, v in products],
                vocabulary,
                [v.carbon_linked for v in versions],
            ),
            link=load_carbon_link().at(as_of_date),
            _rate=_columns([_ends(version.rate, as_of_date) for version in versions]).round(
                _PLACES
            ),
            _step=1.0 / np.array([max(place - 1, 1) for place in weakest], dtype=np.float64),
            _term=_columns([(v.term_months.least, v.term_months.most or np.inf) for v in versions]),
            _fee=np.array(fees, dtype=np.float64),
            _is_linked=np.array([v.carbon_linked for v in versions], dtype=np.bool_),
        )

    def __len__(self) -> int:
        """Count the products."""
        return len(self._fee)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything the terms depend on."""
        return tuple(dict.fromkeys((*self.limits.names, TERM, GRADE, carbon.GRADE, carbon.FALL)))

    def offers(self, values: Values) -> OfferTerms:
        """Terms of every product for one firm.

        Parameters
        ----------
        values : mapping of str to float, str or None
            Of `names`, in their units; what is None, NaN or left out is unknown.

        Examples
        --------
        >>> from models.products.book import ProductEntry
        >>> plain = {"zh": "示例", "en": "example"}
        >>> loan = ProductEntry.model_validate({"code": "X1", "name": plain, "lender": plain, "versions": [
        ...     {"valid_from": "2026-01-01", "source": "example", "evidence": "P", "regions": ["*"],
        ...      "when": "grade_rank <= 5", "limit": {"at_most": "300 万元"}, "guarantee": ["credit"],
        ...      "rate": {"least": 4.0, "most": 6.0}, "term_months": {"most": 24}}]})
        >>> table = TermsTable.of([(loan, loan.versions[0])], Vocabulary({}))
        >>> found = table.offers({"grade_rank": 3, "need_term_months": 36})
        >>> found.limit_cny.tolist(), found.rate_percent.tolist(), found.term_months.tolist()
        ([3000000.0], [5.0], [24.0])
        """
        found = self.link.terms(values) if self.link else NEUTRAL
        least, most = self.limits.ends(values, found.limit_factor)
        is_named = np.isfinite(most)
        rate, cheapest, dearest = self._rates(_known(values, GRADE), found)
        return OfferTerms(
            limit_cny=np.where(is_named & (least == most), most, np.nan),
            limit_at_least_cny=np.where(np.isfinite(least), least, 0.0),
            limit_at_most_cny=np.where(is_named, most, np.nan),
            rate_percent=rate,
            rate_least_percent=cheapest,
            rate_most_percent=dearest,
            term_months=self._terms(_known(values, TERM), found),
            fee_percent=self._fee.copy(),
            carbon=found,
        )

    def _rates(self, rank: float, found: CarbonTerms) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rate of each product, and both ends of its range."""
        least, most = self._rate
        if found.rate_change_percent:
            change = np.where(self._is_linked, found.rate_change_percent, 0.0)
            least, most = np.maximum(self._rate + change, 0.0).round(_PLACES)
        rate = least + np.minimum((rank - 1.0) * self._step, 1.0) * (most - least)
        # One price for all grades needs no rating.
        return np.where(least == most, least, rate).round(_PLACES), least.copy(), most.copy()

    def _terms(self, wanted: float, found: CarbonTerms) -> FloatArray:
        """Months of each product: what is wanted, within its range."""
        least, longest = self._term
        if found.term_factor != 1.0:
            # The factor of 1.1 on 10 months gives 11, whatever the machine makes of 1.1.
            moved = np.maximum(np.floor(longest * found.term_factor + 1e-9), least)
            longest = np.where(self._is_linked, moved, longest)
        term = longest if np.isnan(wanted) else np.minimum(np.maximum(wanted, least), longest)
        return np.where(np.isfinite(term), term, np.nan)


def _columns(pairs: Sequence[tuple[float, float]]) -> FloatArray:
    """Pairs as two rows, shape (2, p)."""
    return np.array(pairs, dtype=np.float64).reshape(-1, 2).T.copy()


def _ends(rate: Rate, as_of_date: date) -> tuple[float, float]:
    base = load_rates().base(rate.base, as_of_date)
    least, most = (np.nan if end is None else base + end for end in (rate.least, rate.most))
    return least, most


def _known(values: Mapping[str, float | str | None], name: str) -> float:
    value = values.get(name)
    return np.nan if value is None or isinstance(value, str) else float(value)
