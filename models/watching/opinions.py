"""What the models say of watched exposures: trouble foreseen, and grades that fell.

The probability is compared with a cut-off that was chosen when the model was trained; a grade is held
against the grade that the same model gives the same view of an earlier date, so that a consent given
or taken back meanwhile is no migration.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from models.arrays import BoolArray, FloatArray, IntArray
from models.bundle import Bundle
from models.record import has_any_record
from models.watching.exposures import Exposures, Firms

#: The grade from which a fall is grave whatever it was before (domain: CCC or worse).
GRAVE = "CCC"
UNKNOWN_GRADE = -1


@dataclass(frozen=True)
class Opinion:
    """One model on n exposures.

    Attributes
    ----------
    seen : ndarray of float64, shape (n, k)
        The model's columns, NaN where they are closed.
    is_known : ndarray of bool, shape (n,)
        Whether there is anything to go by; silence is no opinion.
    probability : ndarray of float64, shape (n,)
        NaN where nothing is known.
    """

    seen: FloatArray
    is_known: BoolArray
    probability: FloatArray


@dataclass(frozen=True)
class Judge:
    """A bundle that is asked about firms.

    Parameters
    ----------
    bundle : Bundle
    """

    bundle: Bundle

    @property
    def names(self) -> tuple[str, ...]:
        """Features it reads."""
        return self.bundle.layout.features

    def datasets(self, withheld: Collection[str]) -> frozenset[str]:
        """What an opinion under a view rests on."""
        features = self.bundle.manifest.features
        return frozenset(name for f in features for name in f.datasets).difference(withheld)

    def ask(self, firms: Firms, exposures: Exposures, rows: IntArray) -> Opinion:
        """Look at the firms of some exposures, each as its institution may see it."""
        seen = firms.matrix(self.names, exposures.firm[rows])
        for column, feature in enumerate(self.bundle.manifest.features):
            seen[exposures.closes(frozenset(feature.datasets), rows), column] = np.nan
        is_known = has_any_record(self.bundle.manifest.features, seen)
        probability = np.full(len(seen), np.nan)
        if is_known.any():
            margin = self.bundle.model.margin(np.ascontiguousarray(seen[is_known]))
            probability[is_known] = self.bundle.line.probability(margin)
        return Opinion(seen, is_known, probability)

    def grades(self, opinion: Opinion) -> IntArray:
        """Place of each firm's letter on the scale, 0 the best; -1 where there is no opinion."""
        scale, found = self.bundle.scale, np.full(len(opinion.seen), UNKNOWN_GRADE)
        if opinion.is_known.any():
            letters = scale.grade_of(scale.score_of(opinion.probability[opinion.is_known]))
            codes = np.array([grade.code for grade in scale.version.grades])
            found[opinion.is_known] = (letters[:, None] == codes).argmax(axis=1)
        return found

    def hidden(self, withheld: Collection[str]) -> BoolArray:
        """Columns that a view closes, shape (k,)."""
        closed = set(withheld)
        return np.array([not closed.isdisjoint(f.datasets) for f in self.bundle.manifest.features])

    @property
    def grave(self) -> int:
        """Place of the letter from which a fall is grave."""
        return [grade.code for grade in self.bundle.scale.version.grades].index(GRAVE)


def steps_down(now: IntArray, before: IntArray) -> FloatArray:
    """Letters lost since, 0 for none or a rise; NaN where either is unknown.

    Examples
    --------
    >>> steps_down(np.array([5, 2, 3, -1]), np.array([2, 3, -1, 2])).tolist()
    [3.0, 0.0, nan, nan]
    """
    lost = np.maximum(now - before, 0).astype(np.float64)
    lost[(now == UNKNOWN_GRADE) | (before == UNKNOWN_GRADE)] = np.nan
    return lost
