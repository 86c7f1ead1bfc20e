"""Ceilings of every product, ready to be worked out for one firm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from features.errors import RuleError
from features.rules.vocabulary import Vocabulary
from models.arrays import BoolArray, FloatArray
from models.matching.conditions import Int32Array
from models.matching.kernels import Int8Array
from models.matching.matcher import Matcher
from models.products.book import Cap, Limit, Part, yuan
from models.products.limit_kernels import caps_kernel, sums_kernel

_FALSE, _MAYBE, _TRUE = 0, 1, 2
#: 0.29 of 100 yuan are 29, whatever the machine makes of 0.29 [yuan].
_ROUNDING = 1e-6
#: Yuan, or things that each bring so many yuan.
_ADDABLE = frozenset({"cny", "count", "mu"})
Values = Mapping[str, float | str | None]


@dataclass(frozen=True, eq=False)
class LimitTable:
    """Ceilings of p products, and behind them those of all their caps.

    Attributes
    ----------
    caps : Matcher
        Whether each cap holds; rule k is cap k.
    facts : tuple of str
        What sums are made of.
    """

    caps: Matcher
    facts: tuple[str, ...]
    _at_most: FloatArray
    _at_least: FloatArray
    _is_linked: BoolArray
    _sums: tuple[Int32Array, Int32Array, Int32Array, FloatArray, Int32Array]
    _capped: tuple[Int32Array, Int32Array]

    @classmethod
    def of(
        cls,
        offers: Sequence[tuple[str, Limit]],
        vocabulary: Vocabulary,
        linked: Sequence[bool] | None = None,
    ) -> "LimitTable":
        """Compile limits.

        Parameters
        ----------
        offers : sequence of (str, Limit), length p
            Each with what it is called in an error.
        linked : sequence of bool, length p
            Which follow the carbon account; none if left out.

        Raises
        ------
        RuleError
            If a cap's rule is wrong, or a sum adds up what is no money.
        """
        limits = [limit for _, limit in offers]
        caps = [
            (f"{where}, cap {number}", cap)
            for where, limit in offers
            for number, cap in enumerate(limit.caps, start=1)
        ]
        ceilings = [*limits, *(cap for _, cap in caps)]
        facts, sums = _sums(ceilings, vocabulary)
        counts = [len(limit.caps) for limit in limits]
        own = np.array(linked or [False] * len(limits), dtype=np.bool_)
        return cls(
            caps=Matcher.of([(where, cap.when) for where, cap in caps], vocabulary),
            facts=facts,
            _at_most=np.array([_amount(one.at_most, np.inf) for one in ceilings]),
            _at_least=np.array([_amount(limit.at_least, 0.0) for limit in limits]),
            _is_linked=np.concatenate([own, np.repeat(own, counts)]),
            _sums=sums,
            _capped=_some(counts),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Everything they ask about."""
        return tuple(dict.fromkeys((*self.facts, *self.caps.conditions.names)))

    def ends(self, values: Values, carbon_factor: float = 1.0) -> tuple[FloatArray, FloatArray]:
        """The least and the most each product may lend, in whole yuan, shapes (p,).

        Parameters
        ----------
        values : mapping of str to float, str or None
        carbon_factor : float
            Of the ceilings of products that follow the carbon account. A good account never lends more
            against a thing than its share of it; a bad one lends less.

        Returns
        -------
        ndarray, ndarray
            Equal where the limit is known; the most is `inf` where no ceiling is named. Less than the
            smallest loan is 0.
        """
        factor = np.where(self._is_linked, carbon_factor, 1.0)
        most = self._at_most * factor
        least = most.copy()
        facts = np.array([_number(values.get(name)) for name in self.facts], dtype=np.float64)
        sums_kernel(*self._sums, facts, np.minimum(factor, 1.0), least, most)
        caps_kernel(*self._capped, self._states(values), least, most)
        return self._lendable(least), self._lendable(most)

    def _lendable(self, amount: FloatArray) -> FloatArray:
        whole = np.floor(amount[: len(self._at_least)] + _ROUNDING)
        return np.where(whole >= self._at_least, whole, 0.0)

    def _states(self, values: Values) -> Int8Array:
        found = self.caps.verdicts(self.caps.conditions.row(values))
        dark = np.where(found.unknown > 0, _MAYBE, _TRUE)
        return np.where(found.failed > 0, _FALSE, dark).astype(np.int8)


def limit_names(limit: Limit, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Everything one limit asks about: what to ask a firm for, where its limit is not known."""
    rules = [(f"cap {number}", cap.when) for number, cap in enumerate(limit.caps, start=1)]
    parts = _parts([limit, *limit.caps], vocabulary)
    asked = Matcher.of(rules, vocabulary).conditions.names
    return tuple(dict.fromkeys((*(part.of for part in parts), *asked)))


def _parts(options: Sequence[Limit | Cap], vocabulary: Vocabulary) -> list[Part]:
    parts = [part for one in options for bound in one.bounds for part in bound]
    for name in dict.fromkeys(part.of for part in parts):
        unit = vocabulary.term(name, "limit").unit
        if unit not in _ADDABLE:
            raise RuleError(
                en=f"A limit adds up {name}, which is in {unit}. Use a fact in yuan, or one that counts.",
                zh=f"额度公式使用了 {name}，其单位为 {unit}；请使用以元计或计数的事实。",
            )
    return parts


def _sums(
    ceilings: Sequence[Limit | Cap], vocabulary: Vocabulary
) -> tuple[tuple[str, ...], tuple[Int32Array, Int32Array, Int32Array, FloatArray, Int32Array]]:
    """Facts; which ceilings have sums, where these and their parts begin; factor and fact of each part."""
    parts = _parts(ceilings, vocabulary)
    facts = tuple(dict.fromkeys(part.of for part in parts))
    places = {name: place for place, name in enumerate(facts)}
    return facts, (
        *_some([len(one.bounds) for one in ceilings]),
        _starts([len(bound) for one in ceilings for bound in one.bounds]),
        np.array([part.times for part in parts], dtype=np.float64),
        np.array([places[part.of] for part in parts], dtype=np.int32),
    )


def _some(counts: Sequence[int]) -> tuple[Int32Array, Int32Array]:
    """Places of what counts more than nothing, and where the things of each begin."""
    found = np.flatnonzero(np.array(counts, dtype=np.int32)).astype(np.int32)
    return found, _starts([count for count in counts if count])


def _starts(counts: Sequence[int]) -> Int32Array:
    return np.array([0, *accumulate(counts)], dtype=np.int32)


def _amount(text: str | None, otherwise: float) -> float:
    return otherwise if text is None else yuan(text)


def _number(value: float | str | None) -> float:
    return np.nan if value is None or isinstance(value, str) else float(value)
