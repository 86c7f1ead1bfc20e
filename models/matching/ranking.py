"""The order of eligible products: chance to apply x chance of approval x fit, with every part told.

::

    ranker = Ranker.of(shelf.products, chances.of(shelf.products), load_ranking(day))
    ranking = ranker.rank(eligible, offers, Asker(uscc, day, chances.place(grade), tags, need_amount_cny))
    ranking.order                   # places in the shelf, best first
    ranking.told(0)                 # why the first is first

It sees only what the look sees: terms, tags and grade are those of the scope that is asked under. A limit that a
missing fact leaves open counts for nothing either way, so that nobody loses a place by withholding; a rate or
an answering time that a lender does not publish counts as the worst.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import Field

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.parser import parse_condition
from features.rules.syntax import names_of
from models.arrays import FloatArray, IntArray
from models.matching.chances import ChanceTable
from models.matching.conditions import Int32Array
from models.matching.rotation import code_of, rotated
from models.products.book import ProductEntry, ProductVersion
from models.tags.book import PREFIX

RANKING_PATH = Path(__file__).with_name("ranking.yaml")
PARTS = ("price", "limit", "speed", "overlap")


class Weights(Document):
    """What each part of the fit counts."""

    price: float = Field(ge=0)
    limit: float = Field(ge=0)
    speed: float = Field(ge=0)
    overlap: float = Field(ge=0)


class Ends(Document):
    """Values that count 1 and 0; evenly between."""

    best: float
    worst: float

    def share(self, values: FloatArray) -> FloatArray:
        """Where values lie, within 0 and 1; unknown is the worst."""
        found = np.clip((self.worst - values) / (self.worst - self.best), 0.0, 1.0)
        return np.where(np.isnan(values), 0.0, found)


class RankingVersion(Document):
    """The numbers of the order, from a day on."""

    valid_from: date
    evidence: str
    source: str = Field(min_length=1)
    weights: Weights
    price_percent: Ends
    speed_days: Ends
    overlap_full_at: int = Field(ge=1)
    tie_share: float = Field(gt=0, lt=1)


class RankingBook(Document):
    """Every version there has been."""

    versions: list[RankingVersion] = Field(min_length=1)


@cache
def load_ranking(as_of_date: date, path: Path = RANKING_PATH) -> RankingVersion:
    """The numbers in force at a date.

    Raises
    ------
    ModelDocumentError
        If the file is wrong or none has begun.
    """
    book = load_document(path, RankingBook, ModelDocumentError)
    begun = [one for one in book.versions if one.valid_from <= as_of_date]
    if not begun:
        raise ModelDocumentError(
            en=f"{path} has no version that has begun by {as_of_date}. Add one.",
            zh=f"{path} 没有在 {as_of_date} 前生效的版本，请补充。",
        )
    return max(begun, key=lambda one: one.valid_from)


class Terms(Protocol):
    """What of the terms of p products the order reads; NaN where unknown."""

    @property
    def limit_cny(self) -> FloatArray:
        """Shape (p,)."""
        ...

    @property
    def rate_percent(self) -> FloatArray:
        """Shape (p,)."""
        ...

    @property
    def fee_percent(self) -> FloatArray:
        """Shape (p,)."""
        ...


@dataclass(frozen=True)
class Asker:
    """The firm, as the look sees it.

    Attributes
    ----------
    grade : int
        Row of the table of chances: `Chances.place`.
    tags : mapping of str to float
        1 for those it is known to bear, by name as in rules.
    need_amount_cny : float
        NaN where no amount is asked for.
    """

    uscc: str
    day: date
    grade: int
    tags: Mapping[str, float]
    need_amount_cny: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """e eligible products in their order, best first, and what put them there.

    Attributes
    ----------
    order : ndarray of int64, shape (e,)
        Places in the shelf.
    score, apply, approve, fit : ndarray of float64, shape (e,)
        Within 0 and 1.
    parts : mapping of str to ndarray of float64, shape (e,)
        `PARTS` of the fit; NaN where it does not count.
    answered : ndarray of int64, shape (e,)
        Answers behind the chance of approval.
    few_answers : int
        Below so many it rests on the belief.
    """

    order: IntArray
    score: FloatArray
    apply: FloatArray
    approve: FloatArray
    fit: FloatArray
    parts: Mapping[str, FloatArray]
    answered: IntArray
    few_answers: int

    def __len__(self) -> int:
        """Count the products."""
        return len(self.order)

    def told(self, place: int) -> Words:
        """Why a product is where it is, in one sentence."""
        shares = {part: self.parts[part][place] for part in PARTS}
        counted = {part: share for part, share in shares.items() if not np.isnan(share)}
        zh = "、".join(f"{_NAMES[part].zh} {share:.2f}" for part, share in counted.items())
        en = ", ".join(f"{_NAMES[part].en} {share:.2f}" for part, share in counted.items())
        rests = self._rests_on(place)
        fit, approve, apply = (float(column[place]) for column in (self.fit, self.approve, self.apply))  # fmt: skip
        return Words(
            zh=f"适配度 {fit:.2f}（{zh}）；估计获批可能 {approve:.0%}（{rests.zh}）、申请意愿 {apply:.1%}，三者相乘排序",
            en=f"Fit {fit:.2f} ({en}), times a chance of approval of {approve:.0%} ({rests.en}), times a chance "
            f"to apply of {apply:.1%}",
        )

    def _rests_on(self, place: int) -> Words:
        if self.answered[place] < self.few_answers:
            return Words(zh="答复较少，以假定为主", en="few answers so far, mostly assumed")
        return Words(zh="依据以往答复", en="from past answers")


_NAMES = {
    "price": Words(zh="价格", en="price"),
    "limit": Words(zh="额度满足", en="limit against the need"),
    "speed": Words(zh="时效", en="speed"),
    "overlap": Words(zh="标签相合", en="tags in common"),
}


@dataclass(frozen=True, eq=False)
class Ranker:
    """p products of a day, ready to be put in order for any firm."""

    numbers: RankingVersion
    chances: ChanceTable
    few_answers: int
    _institution: npt.NDArray[np.uint64]
    _speed: FloatArray
    _tags: tuple[str, ...]
    _is_for: FloatArray

    @classmethod
    def of(
        cls,
        products: Sequence[tuple[ProductEntry, ProductVersion]],
        chances: ChanceTable,
        numbers: RankingVersion,
        few_answers: int = 0,
    ) -> "Ranker":
        """Compile what of the order does not depend on a firm.

        Parameters
        ----------
        products : sequence of (ProductEntry, ProductVersion), length p
            As a `Shelf` has them.
        few_answers : int
            Of the belief.
        """
        days = [version.approval_days for _, version in products]
        asked = [_tags_of(version) for _, version in products]
        tags = tuple(sorted(set[str]().union(*asked)))
        lenders = [entry.institution or entry.lender.zh for entry, _ in products]
        return cls(
            numbers,
            chances,
            few_answers,
            np.array([code_of(lender) for lender in lenders], dtype=np.uint64),
            numbers.speed_days.share(np.array([np.nan if d is None else d for d in days])),
            tags,
            np.array([[tag in own for tag in tags] for own in asked], dtype=np.float64),
        )

    def rank(self, eligible: Sequence[int] | IntArray, terms: Terms, asker: Asker) -> Ranking:
        """Put eligible products in order for one firm.

        Parameters
        ----------
        eligible : sequence of int, shape (e,)
            Places in the shelf.
        terms : Terms
            Of all p products for this firm.
        """
        at = np.asarray(eligible, dtype=np.int64)
        held = np.array([asker.tags.get(tag) == 1.0 for tag in self._tags], dtype=np.float64)
        parts = {
            "price": self.numbers.price_percent.share((terms.rate_percent + terms.fee_percent)[at]),
            "limit": np.clip(terms.limit_cny[at] / asker.need_amount_cny, 0.0, 1.0),
            "speed": self._speed[at],
            "overlap": np.minimum(self._is_for[at] @ held / self.numbers.overlap_full_at, 1.0),
        }
        fit = self._fit(parts)
        apply, approve = self.chances.apply[at], self.chances.approve[asker.grade, at]
        score = apply * approve * fit
        step = _steps(score, self.numbers.tie_share)
        order = rotated(step, self._institution[at], asker.day, asker.uscc)
        return Ranking(
            order=at[order],
            score=score[order],
            apply=apply[order],
            approve=approve[order],
            fit=fit[order],
            parts={name: part[order] for name, part in parts.items()},
            answered=self.chances.answered[at][order],
            few_answers=self.few_answers,
        )

    def by_grade(self, rate_percent: FloatArray, fee_percent: FloatArray, day: date) -> Int32Array:
        """One order of all products for every letter, for firms that have not said what they need.

        Parameters
        ----------
        rate_percent : ndarray of float64, shape (g + 1, p)
            Rate of each product for a firm of each letter, and without one; NaN unknown.
        fee_percent : ndarray of float64, shape (p,)

        Returns
        -------
        ndarray of int32, shape (g + 1, p)
            Places in the shelf, best first; ties rotate by the day.
        """
        found = np.empty(rate_percent.shape, dtype=np.int32)
        silent = np.full(rate_percent.shape[1], np.nan)
        for grade, rates in enumerate(rate_percent):
            price = self.numbers.price_percent.share(rates + fee_percent)
            fit = self._fit({"price": price, "limit": silent, "speed": self._speed, "overlap": silent})  # fmt: skip
            score = self.chances.apply * self.chances.approve[grade] * fit
            step = _steps(score, self.numbers.tie_share)
            found[grade] = rotated(step, self._institution, day, "")
        return found

    def _fit(self, parts: Mapping[str, FloatArray]) -> FloatArray:
        """Weighted mean of the parts that count."""
        weights = np.array([getattr(self.numbers.weights, name) for name in PARTS])[:, None]
        values = np.stack([parts[name] for name in PARTS])
        weighed = np.where(np.isnan(values), 0.0, weights)
        return (np.nan_to_num(values) * weighed).sum(axis=0) / weighed.sum(axis=0)


def plain_order(
    eligible: Sequence[int] | IntArray, rate_percent: FloatArray, names: Sequence[str]
) -> IntArray:
    """The order that is the same for every firm: cheapest known rate first, then by name.

    Parameters
    ----------
    rate_percent : ndarray of float64, shape (p,)
    names : sequence of str, length p

    Examples
    --------
    >>> plain_order([0, 1, 2], np.array([np.nan, 4.0, 4.0]), ["a", "c", "b"]).tolist()
    [2, 1, 0]
    """
    at = np.asarray(eligible, dtype=np.int64)
    rates = rate_percent[at]
    # np.lexsort puts NaN last, and texts in the order of their characters.
    return at[np.lexsort((np.array([names[place] for place in at], dtype=np.str_), rates))]


def _tags_of(version: ProductVersion) -> frozenset[str]:
    """Tags a product is made for: those it requires or asks about, not those it excludes."""
    asked = frozenset[str]()
    if version.when is not None:
        asked = names_of(parse_condition(version.when, "product"))
    required = {PREFIX + code for code in version.requires_tags}
    excluded = {PREFIX + code for code in version.excludes_tags}
    return frozenset(name for name in asked | required if name.startswith(PREFIX)) - excluded


def _steps(score: FloatArray, share: float) -> IntArray:
    """Scores counted in steps of a share, so that those within one are equal; higher is better."""
    with np.errstate(divide="ignore"):
        logs = np.log(score) / np.log1p(share)
    return np.floor(np.maximum(logs, -1e9)).astype(np.int64)
