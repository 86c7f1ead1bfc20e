"""The numbers of `search.yaml`, and what they mean to LightGBM."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.documents import Document, load_document
from features.errors import RequestError, TableError
from models.tree_paths import MAX_PATH_FEATURES

RULES = Path(__file__).with_name("search.yaml")

Shape = Literal["depth_3", "depth_4", "depth_5", "depth_6", "free"]
#: Shapes that compete unless the caller sets a depth.
SHAPES: tuple[str, ...] = ("free", "depth_4", "depth_5", "depth_6")
Encoding = Literal["rates", "levels", "both"]
#: How a category of many levels is told to the trees.
ENCODINGS: tuple[Encoding, ...] = ("rates", "levels", "both")
Parameter = str | int | float | bool | list[int]


class Limit(Document):
    """One number with its unit and where it comes from."""

    value: int = Field(ge=1)
    unit: str
    source: str


class Range(Document):
    """Where a parameter is drawn from."""

    low: float = Field(ge=0)
    high: float = Field(gt=0)
    log: bool


class Candidate(Document):
    """One way to grow trees.

    Parameters
    ----------
    shape : str
        `free` grows leaf by leaf, `depth_N` is at most N splits deep.
    learning_rate : float
        What a tree's answer is multiplied by.
    leaves : int
        Of one tree, at most.
    min_rows : int
        Training rows a leaf needs.
    feature_fraction, row_fraction : float
        Share of columns a tree may use and of rows it sees.
    l2, path_smooth : float
        Pull of a leaf towards 0 and towards the split above it.
    extra_trees : bool
        Thresholds are drawn instead of searched.
    encoding : str
        A category of many levels as rates, as levels that trees sort, or as both.
    level_smooth : float
        Pull of a level's statistics towards those of the node, before trees sort levels.
    """

    shape: str
    learning_rate: float = Field(gt=0, le=1)
    leaves: int = Field(ge=2)
    min_rows: int = Field(ge=1)
    feature_fraction: float = Field(gt=0, le=1)
    row_fraction: float = Field(gt=0, le=1)
    l2: float = Field(ge=0)
    path_smooth: float = Field(ge=0)
    extra_trees: bool
    encoding: Encoding
    level_smooth: float = Field(ge=0)

    def depth(self, free_depth: int) -> int:
        """Splits on the longest path, at most."""
        return free_depth if self.shape == "free" else int(self.shape.removeprefix("depth_"))


class Ranges(Document):
    """Where trials draw from."""

    learning_rate: Range
    leaves: Range
    min_rows: Range
    feature_fraction: Range
    row_fraction: Range
    l2: Range
    path_smooth: Range
    level_smooth: Range


class SearchRules(Document):
    """Content of `search.yaml`."""

    effective_from: date
    inner_folds: Limit
    inner_folds_large: Limit
    large_from: Limit
    small_below: Limit
    small_repeats: Limit
    rounds: Limit
    patience: Limit
    bags: Limit
    bags_large: Limit
    blend: Limit
    most_trees: Limit
    startup: Limit
    free_depth: Limit
    max_bin: Limit
    candidates: list[Candidate] = Field(min_length=1)
    ranges: Ranges

    def folds_of(self, rows: int) -> tuple[int, int]:
        """Inner folds and how often the rows are divided anew."""
        folds = self.inner_folds if rows < self.large_from.value else self.inner_folds_large
        return folds.value, self.small_repeats.value if rows < self.small_below.value else 1

    def calibration_seeds(self, rows: int) -> int:
        """Seeds whose mean margin the line is fitted to; with many rows fewer say the same."""
        return (self.bags if rows < self.large_from.value else self.bags_large).value

    def starts(self, shapes: Sequence[str]) -> list[Candidate]:
        """Candidates of the shapes that compete; the first one reshaped where none is."""
        fitting = [candidate for candidate in self.candidates if candidate.shape in shapes]
        return fitting or [self.candidates[0].model_copy(update={"shape": shapes[0]})]

    def dataset_parameters(self) -> dict[str, Parameter]:
        """What LightGBM must know when it reads rows."""
        return {
            "max_bin": self.max_bin.value,
            "feature_pre_filter": False,
            "data_random_seed": 1,
            "verbosity": -1,
            "num_threads": 1,
        }

    def parameters(self, candidate: Candidate, *, seed: int) -> dict[str, Parameter]:
        """LightGBM parameters of a candidate; one thread, so that the same seed gives the same trees."""
        depth = candidate.depth(self.free_depth.value)
        return {
            **self.dataset_parameters(),
            "objective": "binary",
            "metric": "auc",
            "max_depth": depth,
            "num_leaves": min(candidate.leaves, 2**depth),
            "learning_rate": candidate.learning_rate,
            "min_data_in_leaf": candidate.min_rows,
            "feature_fraction": candidate.feature_fraction,
            "bagging_fraction": candidate.row_fraction,
            "bagging_freq": 1,
            "lambda_l2": candidate.l2,
            "path_smooth": candidate.path_smooth,
            "extra_trees": candidate.extra_trees,
            "cat_smooth": candidate.level_smooth,
            "deterministic": True,
            "force_row_wise": True,
            "seed": seed,
        }


@cache
def load_rules(path: Path = RULES) -> SearchRules:
    """The rules of the search.

    Raises
    ------
    TableError
        If the file is wrong.
    """
    return load_document(path, SearchRules, TableError)


def shapes_within(max_depth: int | None) -> tuple[str, ...]:
    """Shapes that compete under a limit of depth.

    Raises
    ------
    RequestError
        If no tree of that depth can be explained exactly.

    Examples
    --------
    >>> shapes_within(5)
    ('depth_4', 'depth_5')
    >>> shapes_within(2)
    ('depth_2',)
    """
    if max_depth is None:
        return SHAPES
    if not 1 <= max_depth <= MAX_PATH_FEATURES:
        raise RequestError(
            en=f"--max-depth must be 1 to {MAX_PATH_FEATURES}, got {max_depth}: deeper trees cannot be "
            "explained exactly.",
            zh=f"--max-depth 应为 1 至 {MAX_PATH_FEATURES}，现为 {max_depth}：更深的树无法精确解释。",
        )
    if max_depth >= load_rules().free_depth.value:
        return SHAPES
    within = tuple(f"depth_{depth}" for depth in (4, 5, 6) if depth <= max_depth)
    return within or (f"depth_{max_depth}",)
