"""Chances of applying and of approval from answers: counts that lean on what is known more broadly.

A product leans on its family without itself, a family on all products, all products on a dated belief, each with
the weight of a few answers; the chance of approval never rises from a letter to a worse one. With beta priors
these are posterior means; monotone by pooling neighbours (isotonic regression with the same weights).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from models.arrays import FloatArray, IntArray
from models.matching.chances import Belief, Chance, Chances, believed


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of p products at g letters.

    Attributes
    ----------
    products, families : tuple of str, length p
    answered, granted : ndarray of int64, shape (p, g)
        Applications a lender decided, and those it granted; withdrawn and expired ones are no answers.
    shown, applied : ndarray of int64, shape (p,)
        Times the product stood within sight on a firm's list, and times the firm applied.
    """

    products: Sequence[str]
    families: Sequence[str]
    answered: IntArray
    granted: IntArray
    shown: IntArray
    applied: IntArray


def fit_chances(outcomes: Outcomes, belief: Belief, fitted_on: date) -> Chances:
    """Chances after the answers so far; the belief alone where there are none.

    Examples
    --------
    >>> from models.matching.chances import load_belief
    >>> nothing = np.zeros((1, 10), dtype=np.int64)
    >>> once = Outcomes(["P1"], ["credit"], nothing, nothing, nothing[:, 0], nothing[:, 0])
    >>> fit_chances(once, load_belief(date(2026, 6, 30)), date(2026, 6, 30)).fitted_on is None
    True
    """
    if not outcomes.answered.any() and not outcomes.shown.any():
        return believed(belief)
    members = _members(outcomes.families)
    approve = _approve(outcomes, belief, members)
    apply = _apply(outcomes, belief, members)
    answered, shown = outcomes.answered.sum(axis=1), outcomes.shown

    def chance(place: int, at: int, rows: IntArray) -> Chance:
        return Chance(
            approve=approve[place][at].round(6).tolist(),
            apply=round(float(apply[place][at]), 6),
            answered=int(answered[rows].sum()),
            shown=int(shown[rows].sum()),
        )

    names = sorted(members)
    return Chances(
        fitted_on=fitted_on,
        belief=belief.valid_from,
        letters=list(belief.approve),
        everything=chance(0, 0, np.arange(len(answered))),
        families={name: chance(1, at, members[name]) for at, name in enumerate(names)},
        products={code: chance(2, at, np.array([at])) for at, code in enumerate(outcomes.products)},
    )


Levels = tuple[FloatArray, FloatArray, FloatArray]


def _approve(outcomes: Outcomes, belief: Belief, members: dict[str, IntArray]) -> Levels:
    """Falling curves of everything (1, g), families (f, g) and products (p, g)."""
    n, k, weight = outcomes.answered, outcomes.granted, belief.strength
    everything = falling(
        *_leant(belief.curve, weight.belief, k.sum(axis=0)[None], n.sum(axis=0)[None])
    )
    family_n, family_k = (_by_family(counts, members) for counts in (n, k))
    families = falling(*_leant(everything, weight.all, family_k, family_n))
    own = _family_places(members, len(n))
    # A product's own answers count once, so its family is taken without them.
    others, _ = _leant(everything, weight.all, family_k[own] - k, family_n[own] - n)
    return everything, families, falling(*_leant(others, weight.family, k, n))


def _apply(outcomes: Outcomes, belief: Belief, members: dict[str, IntArray]) -> Levels:
    """The same of applying, one number each: shapes (1,), (f,), (p,)."""
    n, k, weight = outcomes.shown, outcomes.applied, belief.strength.showings
    everything, _ = _leant(np.array([belief.apply]), weight, k.sum(keepdims=True), n.sum(keepdims=True))  # fmt: skip
    family_n, family_k = (_by_family(counts, members) for counts in (n, k))
    families, _ = _leant(everything, weight, family_k, family_n)
    own = _family_places(members, len(n))
    others, _ = _leant(everything, weight, family_k[own] - k, family_n[own] - n)
    return everything, families, _leant(others, weight, k, n)[0]


def _leant(
    base: FloatArray, strength: float, hits: IntArray, trials: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Posterior mean of a share that leans on a base, and its weight."""
    weight = strength + trials
    return (base * strength + hits) / weight, weight.astype(np.float64)


def _members(families: Sequence[str]) -> dict[str, IntArray]:
    named = np.array(families)
    return {str(name): np.flatnonzero(named == name) for name in np.unique(named)}


def _by_family(counts: IntArray, members: dict[str, IntArray]) -> IntArray:
    return np.stack([counts[members[name]].sum(axis=0) for name in sorted(members)])


def _family_places(members: dict[str, IntArray], products: int) -> IntArray:
    places = np.empty(products, dtype=np.int64)
    for place, name in enumerate(sorted(members)):
        places[members[name]] = place
    return places


def falling(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The nearest rows that never rise from left to right (weighted isotonic regression).

    Parameters
    ----------
    values, weights : ndarray of float64, shape (n, g)

    Notes
    -----
    Min-max formula: the value at i is the least over starts a <= i of the greatest over ends b >= i of the
    mean of a to b. Source: Barlow, Bartholomew, Bremner, Brunk, Statistical Inference under Order
    Restrictions, 1972, ch. 1.

    Examples
    --------
    >>> falling(np.array([[0.5, 0.7, 0.1]]), np.array([[1.0, 3.0, 1.0]])).round(9).tolist()
    [[0.65, 0.65, 0.1]]
    """
    sums, totals = (
        np.pad(np.cumsum(part, axis=1), ((0, 0), (1, 0))) for part in (values * weights, weights)
    )
    steps = values.shape[1]
    means = np.full((len(values), steps, steps), -np.inf)
    for start in range(steps):
        means[:, start, start:] = (sums[:, start + 1 :] - sums[:, start, None]) / (
            totals[:, start + 1 :] - totals[:, start, None]
        )
    greatest = np.maximum.accumulate(means[:, :, ::-1], axis=2)[:, :, ::-1]
    found = np.empty_like(values)
    for at in range(steps):
        found[:, at] = greatest[:, : at + 1, at].min(axis=1)
    return found
