"""A rating as a page lays it out: a ladder of grades, and rows that add up to the score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from models.scale import load_scale
from serving.ratings.repository import Rating
from serving.ratings.schemas import RatingDocument, ReasonAnswer

#: Half a bar in the units of its picture.
HALF = 100


@dataclass(frozen=True)
class Rung:
    """One grade with the lowest score that earns it."""

    grade: str
    score_from: int


@dataclass(frozen=True)
class Row:
    """One line of the sum: where it starts, a reason, all others, the scale's limit, or the total."""

    kind: Literal["base", "reason", "others", "limit", "total"]
    points: int
    reason: ReasonAnswer | None = None

    def bar(self, largest: int) -> Mapping[str, int]:
        """Where its bar begins and how long it is, the axis being at `HALF`."""
        length = max(round(HALF * abs(self.points) / largest), 1) if self.points else 0
        return {"x": HALF - length if self.points < 0 else HALF, "width": length}


@dataclass(frozen=True)
class RatingView:
    """What a page shows of one rating."""

    told: RatingDocument

    @property
    def rows(self) -> Sequence[Row]:
        """From the base down to the total; all but the last add up to it."""
        return tuple(self._rows())

    @cached_property
    def largest(self) -> int:
        """The longest bar [points]."""
        return max((abs(row.points) for row in self.rows if _is_bar(row)), default=1) or 1

    @cached_property
    def ladder(self) -> Sequence[Rung]:
        """Every grade of the scale from the lowest to the best."""
        scale = load_scale()
        scores = np.arange(scale.worst_score, scale.best_score + 1)
        grades = scale.grade_of(scores)
        first = {grade: int(scores[np.argmax(grades == grade)]) for grade in set(grades.tolist())}
        rungs = [Rung(grade, score) for grade, score in first.items()]
        return sorted(rungs, key=lambda rung: rung.score_from)

    @property
    def scale_ends(self) -> tuple[int, int]:
        """The lowest and the highest score there is."""
        scale = load_scale()
        return scale.worst_score, scale.best_score

    @property
    def of_a_thousand(self) -> int:
        """How many of a thousand such firms the probability makes, one at least."""
        return max(round(1000 * self.told.probability), 1)

    def _rows(self) -> Iterator[Row]:
        told = self.told
        yield Row("base", told.base_points)
        for reason in (*told.reasons.negative, *told.reasons.positive):
            yield Row("reason", reason.points, reason)
        yield Row("others", told.reasons.others.points)
        if told.points_limit:
            yield Row("limit", told.points_limit)
        yield Row("total", told.score)


def view_of(rating: Rating) -> RatingView:
    """The view of a rating as it is kept."""
    return RatingView(RatingDocument.model_validate_json(rating.document))


def _is_bar(row: Row) -> bool:
    return row.kind not in {"base", "total"}
