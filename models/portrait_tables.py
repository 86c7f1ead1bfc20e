"""What a bundle keeps of the firms a portrait compares with: quantiles of points, never a row.

A table holds one grid a dimension for a group of peers. No grid stands on fewer firms than the rules
allow and no quantile on fewer than a handful, and the ends are not the extremes, so no firm's points
can be read from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from pydantic import Field, model_validator

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError, ModelInputError
from models.arrays import BoolArray, FloatArray, TextArray
from models.manifest import ModelFeature
from models.tree_model import TreeEnsemble

PORTRAIT_PATH = Path(__file__).parent / "portrait.yaml"


class Limit(Document):
    """A number with its unit and its source."""

    value: int = Field(ge=1)
    unit: str
    source: str


class Edges(Document):
    """Ascending numbers with their unit and source."""

    values: list[int] = Field(min_length=1)
    unit: str
    source: str


class Dimension(Document):
    """One of the six, with the reason groups whose features speak for it."""

    words: Words
    groups: list[str] = Field(min_length=1)


class PortraitRules(Document):
    """Dimensions, and how many firms a comparison needs."""

    valid_from: date
    minimum_peers: Limit
    firms_a_step: Limit
    most_steps: Limit
    peer_bands: Edges
    dimensions: dict[str, Dimension]

    @model_validator(mode="after")
    def _counts_every_group_once(self) -> "PortraitRules":
        listed = [group for one in self.dimensions.values() for group in one.groups]
        twice = sorted({group for group in listed if listed.count(group) > 1})
        if twice:
            raise ValueError(f"reason group {', '.join(twice)} counts in two dimensions")
        return self

    def steps(self, firms: int) -> int:
        """Quantiles that so many firms bear."""
        return min(self.most_steps.value, firms // self.firms_a_step.value)

    def features_of(self, features: list[ModelFeature]) -> dict[str, BoolArray]:
        """Columns a model reads for each dimension, shape (k,); a column of no gain is not read."""
        return {
            name: np.array([f.group in one.groups and f.gain > 0 for f in features], dtype=np.bool_)
            for name, one in self.dimensions.items()
        }


@dataclass(frozen=True)
class Peers:
    """Firms that portraits compare with.

    Parameters
    ----------
    matrix : ndarray of shape (n, k)
        Features in the model's order, NaN where unknown; one row a firm.
    size_class, industry_section : ndarray of str, shape (n,)
        Empty where unknown.
    """

    matrix: FloatArray
    size_class: TextArray
    industry_section: TextArray

    def __post_init__(self) -> None:
        """Hold the lengths against each other."""
        lengths = [len(self.matrix), len(self.size_class), len(self.industry_section)]
        if len(set(lengths)) > 1:
            raise ModelInputError(
                en=f"Peers need a size and a section a row: {lengths[0]} rows, {lengths[1]} sizes, "
                f"{lengths[2]} sections.",
                zh=f"同业企业每行需有规模和门类：{lengths[0]} 行，{lengths[1]} 个规模，{lengths[2]} 个门类。",
            )

    @classmethod
    def of_any_kind(cls, matrix: FloatArray) -> "Peers":
        """Firms of which size and industry are not known."""
        unknown = np.full(len(matrix), "")
        return cls(matrix, unknown, unknown)

    def groups(self) -> Iterator[tuple[str, str, BoolArray]]:
        """Size class, section (empty for any) and members of every possible group of peers."""
        yield "", "", np.ones(len(self.matrix), dtype=np.bool_)
        for size in np.unique(self.size_class[self.size_class != ""]).tolist():
            of_size = self.size_class == size
            yield size, "", of_size
            sections = self.industry_section[of_size]
            for section in np.unique(sections[sections != ""]).tolist():
                yield size, section, of_size & (self.industry_section == section)


class PeerTable(Document):
    """One group of peers: ascending quantiles of points by dimension.

    Parameters
    ----------
    size_class, industry_section : str
        Empty for any.
    firms_from : int
        Lower edge of the band their number lies in [firms].
    """

    size_class: str
    industry_section: str
    firms_from: int
    grids: dict[str, list[float]]

    @property
    def code(self) -> str:
        """Short name of the group, `all`, `small` or `small/C`."""
        return "/".join(part for part in (self.size_class, self.industry_section) if part) or "all"

    @model_validator(mode="after")
    def _ascends(self) -> "PeerTable":
        for name, grid in self.grids.items():
            if not grid or sorted(grid) != grid:
                raise ValueError(f"the quantiles of {name} do not ascend")
        return self


class PeerTables(Document):
    """Every group of peers that is large enough; the first one holds all firms."""

    tables: list[PeerTable]


def count_peers(
    peers: Peers,
    points: Mapping[str, FloatArray],
    known: Mapping[str, BoolArray],
    rules: PortraitRules,
) -> PeerTables:
    """Reduce peers to quantiles of their points.

    Parameters
    ----------
    points : mapping of str to ndarray of shape (n,)
        From `dimension_points`.
    known : mapping of str to ndarray of shape (n,)
        Whether anything the dimension reads is on record; the others are no peers in it.
    """
    tables: list[PeerTable] = []
    for size, section, members in peers.groups():
        counts = {name: int((members & known[name]).sum()) for name in points}
        grids = {
            name: _grid(points[name][members & known[name]], rules)
            for name, count in counts.items()
            if count >= rules.minimum_peers.value
        }
        # A narrower group counts only where it can be compared in everything all firms can.
        if grids and (not tables or set(grids) == set(tables[0].grids)):
            fewest = min(counts[name] for name in grids)
            edges = [edge for edge in rules.peer_bands.values if edge <= fewest]
            table = PeerTable(
                size_class=size,
                industry_section=section,
                firms_from=max(edges, default=0),
                grids=grids,
            )
            tables.append(table)
        elif not tables:
            break
    return PeerTables(tables=tables)


def dimension_points(
    model: TreeEnsemble, matrix: FloatArray, columns: Mapping[str, BoolArray]
) -> dict[str, FloatArray]:
    """What each dimension alone says of firms: the model's answer with only its columns open.

    Parameters
    ----------
    matrix : ndarray of shape (n, k)
    columns : mapping of str to ndarray of shape (k,)
        What the model reads for each dimension.

    Returns
    -------
    dict of str to ndarray of shape (n,)
        Log-odds of staying good but for a constant, higher = safer. Up to it, they are the sum of the
        dimension's contributions against reference firms of whom nothing else is seen either.
    """
    if not columns:
        return {}
    # All dimensions in one question: what a call costs counts where one firm is asked about.
    found = -model.margins(matrix, np.stack(list(columns.values())))
    return dict(zip(columns, found, strict=True))


def percentiles(points: FloatArray, grid: list[float]) -> FloatArray:
    """Share of peers below, ties counted half, from 0 to 100; never falls as points rise.

    Examples
    --------
    >>> percentiles(np.array([-9.0, 0, 1, 2, 9]), [0.0, 1.0, 1.0, 2.0]).tolist()
    [0.0, 12.5, 50.0, 87.5, 100.0]
    """
    steps = np.asarray(grid)
    below = np.searchsorted(steps, points, side="left")
    not_above = np.searchsorted(steps, points, side="right")
    return np.asarray(50.0 * (below + not_above) / len(steps))


def load_portrait_rules(path: Path = PORTRAIT_PATH) -> PortraitRules:
    """Load the dimensions.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, PortraitRules, ModelDocumentError)


def _grid(points: FloatArray, rules: PortraitRules) -> list[float]:
    """Quantiles in the middle of equal steps; the ends lie inside the extremes."""
    steps = rules.steps(len(points))
    levels = (np.arange(steps) + 0.5) / steps
    found: list[float] = np.quantile(points, levels).tolist()
    return found
