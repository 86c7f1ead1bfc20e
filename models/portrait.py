"""The portrait 画像 of firms: six dimensions, each a position among peers from 0 to 100.

A dimension stands on its own data alone: it is what the model answers when nothing else is open, for the
firm as for its peers. So it has a position only where all of its own data can be seen, and what else
a scope closes changes nothing; see decision 0012.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from features.contracts import Words
from models.arrays import BoolArray, FloatArray, TextArray
from models.manifest import ModelFeature
from models.portrait_tables import (
    PeerTable,
    PeerTables,
    PortraitRules,
    dimension_points,
    percentiles,
)
from models.tree_model import TreeEnsemble

#: Why a dimension has no position: closed by the scope, nothing on record, not read by the model, or
#: too few peers.
Absence = Literal["withheld", "no_record", "not_read", "few_peers"]

SIZE_WORDS: dict[str, Words] = {
    "large": Words(zh="大型", en="large"),
    "medium": Words(zh="中型", en="medium"),
    "small": Words(zh="小型", en="small"),
    "micro": Words(zh="微型", en="micro"),
}


@dataclass(frozen=True)
class Portraits:
    """Positions of n firms under one scope.

    Attributes
    ----------
    scores : dict of str to ndarray of shape (n,)
        By dimension, 0 to 100, 50 the peers' median, higher = safer; NaN where there is none.
    absent : dict of str to list of (str or None)
        By dimension, why there is none.
    peers : list of (PeerTable or None), length n
        Whom each firm is compared with.
    """

    scores: dict[str, FloatArray]
    absent: dict[str, list[Absence | None]]
    peers: list[PeerTable | None]

    def positions(self, name: str) -> list[int | None]:
        """Whole positions of one dimension."""
        return [None if np.isnan(each) else round(each) for each in self.scores[name].tolist()]

    def absences(self) -> list[list[str]]:
        """What is missing of each firm, as `F3:withheld`."""
        columns = [
            [f"{name}:{why}" if why else "" for why in column]
            for name, column in self.absent.items()
        ]
        return [[each for each in row if each] for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Kinds:
    """What kind each of n firms is; empty where unknown."""

    size_class: TextArray
    industry_section: TextArray

    @classmethod
    def unknown(cls, rows: int) -> "Kinds":
        """Firms of which nothing is known; they are compared with all."""
        return cls(np.full(rows, ""), np.full(rows, ""))


@dataclass(frozen=True)
class Portraitist:
    """Draws portraits with what a bundle keeps."""

    rules: PortraitRules
    tables: PeerTables
    features: list[ModelFeature]
    model: TreeEnsemble

    @cached_property
    def columns(self) -> dict[str, BoolArray]:
        """What the model reads for each dimension, shape (k,)."""
        return self.rules.features_of(self.features)

    def draw(self, matrix: FloatArray, is_hidden: BoolArray, kinds: Kinds) -> Portraits:
        """Place firms among their peers.

        Parameters
        ----------
        matrix : ndarray of shape (n, k)
            Features as rated.
        is_hidden : ndarray of shape (k,)
            Columns the scope withholds.
        kinds : Kinds
        """
        rows = len(matrix)
        peers = self._peers(kinds)
        why_not: dict[str, Absence | None] = {
            name: self._absence(name, read, is_hidden) for name, read in self.columns.items()
        }
        compared = {name: self.columns[name] for name, why in why_not.items() if why is None}
        points = dimension_points(self.model, matrix, compared)
        is_known = ~np.isnan(matrix) & ~is_hidden
        scores: dict[str, FloatArray] = {}
        absent: dict[str, list[Absence | None]] = {}
        for name, columns in self.columns.items():
            if name not in compared:
                same: list[Absence | None] = [why_not[name]] * rows
                scores[name], absent[name] = np.full(rows, np.nan), same
                continue
            silent = np.asarray(~is_known[:, columns].any(axis=1), dtype=np.bool_)
            scores[name] = np.where(silent, np.nan, _placed(name, points[name], peers))
            absent[name] = _reasons(silent)
        return Portraits(scores, absent, peers)

    @cached_property
    def _by_kind(self) -> dict[tuple[str, str], PeerTable]:
        return {(one.size_class, one.industry_section): one for one in self.tables.tables}

    def _absence(self, name: str, columns: BoolArray, is_hidden: BoolArray) -> Absence | None:
        if not columns.any():
            return "not_read"
        if is_hidden[columns].any():
            return "withheld"
        known = self.tables.tables[0].grids if self.tables.tables else {}
        return None if name in known else "few_peers"

    def _peers(self, kinds: Kinds) -> list[PeerTable | None]:
        """The narrowest group of peers of each firm that is large enough."""
        by_kind = self._by_kind
        everyone = by_kind.get(("", ""))
        pairs = zip(kinds.size_class.tolist(), kinds.industry_section.tolist(), strict=True)
        return [
            by_kind.get((size, section), by_kind.get((size, ""), everyone))
            for size, section in pairs
        ]


def _reasons(silent: BoolArray) -> list[Absence | None]:
    return ["no_record" if each else None for each in silent.tolist()]


def _placed(name: str, points: FloatArray, peers: list[PeerTable | None]) -> FloatArray:
    """Positions in one dimension, worked out group by group."""
    found = np.full(len(points), np.nan)
    which = np.array([-1 if table is None else id(table) for table in peers])
    for table in {id(table): table for table in peers if table is not None}.values():
        members = which == id(table)
        found[members] = percentiles(points[members], table.grids[name])
    return found
