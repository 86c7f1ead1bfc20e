"""The portrait 画像 of firms: six dimensions, each a position among peers from 0 to 100.

A dimension stands on its own data alone: it is what the model answers when nothing else is open, for the
firm as for its peers. So it has a position only where all of its own data can be seen, and what else
a scope closes changes nothing; see decision 0012.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from features.contracts import Words
from models.arrays import BoolArray, FloatArray, IntArray, TextArray
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
ABSENCES: tuple[Absence, ...] = get_args(Absence)

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
    absent : dict of str to ndarray of str, shape (n,)
        By dimension, why there is none, an `Absence`; empty where there is one, or peers are too few.
    tables : tuple of PeerTable
    peer : ndarray of shape (n,)
        Place in `tables` of whom each firm is compared with, -1 for nobody.
    """

    scores: dict[str, FloatArray]
    absent: dict[str, TextArray]
    tables: tuple[PeerTable, ...]
    peer: IntArray

    def position(self, name: str, row: int = 0) -> int | Absence:
        """Where one firm stands in one dimension, or why nowhere."""
        score = float(self.scores[name][row])
        if not np.isnan(score):
            return round(score)
        found: list[Absence] = [why for why in ABSENCES if why == self.absent[name][row]]
        return found[0] if found else "few_peers"

    def peers(self, row: int = 0) -> PeerTable | None:
        """Whom one firm is compared with."""
        place = int(self.peer[row])
        return None if place < 0 else self.tables[place]

    def peer_codes(self) -> TextArray:
        """Short names of the groups of all firms, shape (n,); empty for nobody."""
        return np.array([*(table.code for table in self.tables), ""])[self.peer]


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
        tables = tuple(self.tables.tables)
        peer = _peers(tables, kinds)
        why_not: dict[str, Absence | None] = {
            name: self._absence(name, read, is_hidden) for name, read in self.columns.items()
        }
        compared = {name: self.columns[name] for name, why in why_not.items() if why is None}
        points = dimension_points(self.model, matrix, compared)
        is_known = ~np.isnan(matrix) & ~is_hidden
        groups = [np.flatnonzero(peer == place) for place in range(len(tables))]
        scores: dict[str, FloatArray] = {}
        absent: dict[str, TextArray] = {}
        for name, columns in self.columns.items():
            scores[name] = np.full(rows, np.nan)
            if name not in compared:
                absent[name] = np.full(rows, why_not[name] or "")
                continue
            silent = np.asarray(~is_known[:, columns].any(axis=1), dtype=np.bool_)
            for table, members in zip(tables, groups, strict=True):
                scores[name][members] = percentiles(points[name][members], table.grids[name])
            scores[name][silent] = np.nan
            absent[name] = np.where(silent, "no_record", "")
        return Portraits(scores, absent, tables, peer)

    def _absence(self, name: str, columns: BoolArray, is_hidden: BoolArray) -> Absence | None:
        if not columns.any():
            return "not_read"
        if is_hidden[columns].any():
            return "withheld"
        known = self.tables.tables[0].grids if self.tables.tables else {}
        return None if name in known else "few_peers"


def _peers(tables: Sequence[PeerTable], kinds: Kinds) -> IntArray:
    """Place of the narrowest group of peers of each firm that is large enough, -1 for none."""
    found = np.full(len(kinds.size_class), -1, dtype=np.int64)
    of_size = {size: kinds.size_class == size for size in {one.size_class for one in tables}}
    of_section = {
        section: kinds.industry_section == section
        for section in {one.industry_section for one in tables}
    }
    # Wide groups first: narrow ones write over them.
    for section, size, place in sorted(
        (one.industry_section, one.size_class, place) for place, one in enumerate(tables)
    ):
        if not size and not section:
            found[:] = place
        else:
            found[of_size[size] & of_section[section] if section else of_size[size]] = place
    return found
