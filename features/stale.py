"""Which firms the online vectors no longer speak for: those that something has happened to since.

Everybody else's vector is the one that would be computed now, so a rating reads the build for them and
the lake for the few.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from features.clock import end_of
from features.contracts import Catalogue
from features.firm_segments import SEGMENT_DATASETS
from features.lake import LakeView
from features.on_demand import codes_of, touched_since, was_rewritten
from features.online import OnlineVectors
from features.pipeline import build_features, reads_neighbours
from features.registry import Registry
from features.scope import DataScope
from features.snapshot import open_snapshot


@dataclass(frozen=True)
class Stale:
    """Firms to be looked up in the lake instead.

    Attributes
    ----------
    usccs : frozenset of str
    is_everyone : bool
        The build as a whole says nothing of now: other definitions, or rows it has seen are gone.
    lake_version : int
        State of the lake for which this is true.
    datasets : frozenset of str
        What was touched: of a stale firm only features that read one of them may have changed.
    """

    usccs: frozenset[str]
    is_everyone: bool
    lake_version: int
    datasets: frozenset[str] = frozenset()

    def holds(self, uscc: str) -> bool:
        """Whether the firm's vector may have changed."""
        return self.is_everyone or uscc in self.usccs


def stale_firms(
    build: OnlineVectors,
    lake: LakeView,
    catalogue: Catalogue,
    registry: Registry,
    scope: DataScope,
    *,
    now: datetime,
) -> Stale:
    """Compare a build with the lake as it is.

    Parameters
    ----------
    registry : Registry
        The features whose values matter, all of the build's columns or some.
    scope : DataScope
        The one the build was made under.

    Notes
    -----
    A record may change what is known of firms related to its own. Features that look at others are
    few; they are computed again for everyone, and whoever's differ is stale.
    """
    known = build.manifest.features
    is_defined_so = all(known.get(f.name) == f.definition_hash for f in registry)
    if not is_defined_so or was_rewritten(build, lake):
        return Stale(frozenset(), is_everyone=True, lake_version=lake.version)
    midnight = end_of(build.as_of_date)
    made_at = datetime.fromisoformat(build.manifest.built_at)
    touched = touched_since(
        lake,
        catalogue,
        build.manifest.lake_version,
        after=max(made_at, midnight),
        now=max(now, midnight),
        among=registry.datasets | SEGMENT_DATASETS,
    )
    if not touched.enterprises:
        return Stale(frozenset(), is_everyone=False, lake_version=lake.version)
    usccs = codes_of(lake, touched.enterprises)
    shared = Registry(
        tuple(
            feature
            for feature in touched.features(registry)
            if reads_neighbours(feature, touched.datasets, build.as_of_date)
        )
    )
    if len(shared):
        usccs |= _changed(build, lake, catalogue, shared, scope, now)
    return Stale(
        frozenset(usccs), is_everyone=False, lake_version=lake.version, datasets=touched.datasets
    )


def _changed(
    build: OnlineVectors,
    lake: LakeView,
    catalogue: Catalogue,
    shared: Registry,
    scope: DataScope,
    now: datetime,
) -> set[str]:
    """Firms of the build of which any of these features is another now."""
    day: date = build.as_of_date
    with open_snapshot(
        lake, catalogue, day, scope, now=now, threads=1, datasets=shared.datasets
    ) as snapshot:
        table = build_features(snapshot, shared)
    codes = np.array([uscc.encode() for uscc in table.usccs], dtype=np.bytes_)
    is_held = np.isin(codes, build.usccs)
    rows = np.searchsorted(build.usccs, codes[is_held])
    before, after = build.matrix(shared.names)[rows], table.matrix()[is_held]
    differs = ~((before == after) | (np.isnan(before) & np.isnan(after))).all(axis=1)
    return {code.decode() for code in codes[is_held][differs].tolist()}
