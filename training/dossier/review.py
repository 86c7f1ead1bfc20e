"""What every section is written from: the study, the bundle, the limits of the day, one row a firm."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from features.codes.industries import load_industries
from features.codes.regions import region_name
from features.contracts import Catalogue, Words
from features.errors import CalibrationError, ModelInputError
from features.registry import Registry
from models.aliases import Entry
from models.arrays import FloatArray, IntArray
from models.bundle import Bundle
from models.limits import Limits, load_limits
from models.tree_shap import contributions
from models.validation_tests import GradeTest, grade_tests
from training.dossier.speech import Speech
from training.evaluate import LEVEL
from training.study import Sample, Study

#: Firms that explanations are averaged over, spread evenly over the score.
EXPLAINED = 1_000
_SIZES = {
    "large": Words(zh="大型", en="large"),
    "medium": Words(zh="中型", en="medium"),
    "small": Words(zh="小型", en="small"),
    "micro": Words(zh="微型", en="micro"),
}
_FIRST = {"yes": Words(zh="是", en="yes"), "no": Words(zh="否", en="no")}
_UNKNOWN = Words(zh="未知", en="unknown")


@dataclass(frozen=True)
class Explained:
    """Points of some firms, taken apart.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Places in the sample.
    points : ndarray of float64, shape (m, k)
        Score points of each feature before rounding; negative lowers the score.
    """

    rows: IntArray
    points: FloatArray

    @property
    def importance(self) -> FloatArray:
        """Mean size of the points of each feature, shape (k,)."""
        return np.abs(self.points).mean(axis=0)


@dataclass(frozen=True)
class Review:
    """One model under review.

    Attributes
    ----------
    registry : Registry
        Words of the features.
    catalogue : Catalogue
        Words of datasets.
    history : tuple of Entry
        Decisions about this bundle, oldest first.
    """

    study: Study
    bundle: Bundle
    registry: Registry
    catalogue: Catalogue
    history: tuple[Entry, ...]
    say: Speech

    @cached_property
    def limits(self) -> Limits:
        """Limits in force on the day the model was made."""
        return load_limits(self.bundle.manifest.created_at.date())

    @cached_property
    def later(self) -> Sample:
        """Out of time, each firm with its first row only: tests take rows as independent."""
        return first_rows(self.study.out_of_time)

    @cached_property
    def earlier(self) -> Sample:
        """Development, each firm with its first row only."""
        return first_rows(self.study.development)

    @cached_property
    def grades(self) -> list[GradeTest]:
        """Calibration by grade, out of time, a firm counted once."""
        return grade_tests(
            self.bundle.scale,
            self.later.is_default,
            self.later.probability,
            limits=self.limits,
            level=LEVEL,
        )

    @cached_property
    def explained(self) -> Explained:
        """Firms out of time, explained."""
        return self._explain(self.later)

    @cached_property
    def explained_before(self) -> Explained:
        """Firms of development, explained."""
        return self._explain(self.earlier)

    @cached_property
    def important(self) -> list[int]:
        """Columns by importance, the most important first."""
        order: list[int] = np.argsort(-self.explained.importance, kind="stable").tolist()
        return order

    def feature_title(self, column: int) -> str:
        """Words of a feature; its name where this checkout no longer knows it."""
        name = self.study.features[column]
        known = {feature.name: feature.words for feature in self.registry}
        return self.say.word(known[name]) if name in known else name

    def segment_title(self, segment: str, value: str) -> str:
        """Words of one group of firms."""
        return self.say.word(self._segment_words(segment, value)) if value else self._unknown

    def group_title(self, code: str) -> str:
        """Words of a reason group."""
        return f"{code} {self.say.word(self.bundle.reasons.groups[code].title)}"

    @property
    def _unknown(self) -> str:
        return self.say.word(_UNKNOWN)

    def _segment_words(self, segment: str, value: str) -> Words:
        plain = Words(zh=value, en=value)
        match segment:
            case "size_class":
                return _SIZES.get(value, plain)
            case "first_loan":
                return _FIRST.get(value, plain)
            case "industry_section":
                section = load_industries().sections.get(value)
                return (
                    Words(zh=f"{value} {section.zh}", en=f"{value} {section.en}")
                    if section
                    else plain
                )
            case "region":
                name = region_name(value)
                return Words(zh=f"{value} {name}", en=f"{value} {name}") if name else plain
            case _:
                return self._entity_types.get(value, plain)

    @cached_property
    def _entity_types(self) -> dict[str, Words]:
        column = self.catalogue["reg_basic"].document.columns["entity_type"]
        return {str(code): words for code, words in (column.values or {}).items()}

    def _explain(self, sample: Sample) -> Explained:
        order = np.argsort(sample.probability, kind="stable")
        places = np.linspace(0, len(order) - 1, min(EXPLAINED, len(order))).round().astype(np.int64)
        rows = np.sort(order[places])
        found = contributions(self.bundle.tables(), np.ascontiguousarray(sample.matrix[rows]))
        return Explained(rows, -self.bundle.scale.factor * self.bundle.line.slope * found.values)


def first_rows(sample: Sample) -> Sample:
    """Each firm with the row of its first date, in the order of the firms."""
    order = np.lexsort((sample.as_of_date, sample.firm))
    rows = order[np.unique(sample.firm[order], return_index=True)[1]]
    return replace(
        sample,
        firm=sample.firm[rows],
        as_of_date=sample.as_of_date[rows],
        is_default=sample.is_default[rows],
        is_indeterminate=sample.is_indeterminate[rows],
        probability=sample.probability[rows],
        matrix=sample.matrix[rows],
        segments={name: values[rows] for name, values in sample.segments.items()},
    )


def measured(figure: Callable[[], float]) -> float | None:
    """A figure, or None where the rows cannot give it, for instance with one outcome only."""
    try:
        return figure()
    except (CalibrationError, ModelInputError):
        return None
