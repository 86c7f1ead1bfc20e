"""The online vectors kept at today: rebuilt on a new day, else only what landed records touch."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from features.contracts import load_catalogue
from features.declared import self_scope
from features.errors import OnlineError
from features.firm_segments import KIND_DATASETS, kinds_of
from features.lake import Lake, LakeView
from features.on_demand import datasets_since, needs_rebuild, refreshed, touched_since
from features.online import OnlineVectors, Vectors, open_online, write_online, write_vectors
from features.pipeline import FeatureTable
from features.registry import Registry
from features.slices import Cut
from features.snapshot import open_snapshot


@dataclass(frozen=True)
class Shelf:
    """Where vectors come from and go to.

    Attributes
    ----------
    lake, online : Path
        Folders.
    registry : Registry
        The features that are kept ready.
    """

    lake: Path
    online: Path
    registry: Registry

    def current(self) -> OnlineVectors | None:
        """The build that is current, if there is a sound one."""
        try:
            return open_online(self.online)
        except OnlineError:
            return None


def rebuilt(shelf: Shelf, as_of_date: date, *, now: datetime) -> OnlineVectors:
    """Build the vectors of every enterprise and make them current."""
    lake = Lake(shelf.lake).view()
    table = self_features(lake, shelf.registry, as_of_date, now=now)
    kinds = _kinds(lake, as_of_date, table.usccs, now)
    return write_online(table, shelf.online, lake_version=lake.version, now=now, kinds=kinds)


def renewed(shelf: Shelf, as_of_date: date, *, now: datetime) -> tuple[OnlineVectors, bool]:
    """The vectors of the lake as it is now, and whether they had to be rebuilt whole."""
    lake, build = Lake(shelf.lake).view(), shelf.current()
    if (
        build is None
        or build.as_of_date != as_of_date
        or needs_rebuild(build, lake, shelf.registry)
    ):
        return rebuilt(shelf, as_of_date, now=now), True
    catalogue = load_catalogue()
    scope = self_scope(catalogue, now.date())
    vectors = refreshed(build, lake, catalogue, shelf.registry, scope, now=now)
    known = replace(vectors, kinds=_kinds_after(build, lake, vectors, now))
    written = write_vectors(
        known, shelf.registry, as_of_date, shelf.online, lake_version=lake.version, now=now
    )
    return written, False


def is_behind(shelf: Shelf, today: date, *, now: datetime) -> bool:
    """Whether a build there is speaks for another day, or misses something that a feature reads."""
    build = shelf.current()
    if build is None:
        return False
    lake = Lake(shelf.lake).view()
    if build.as_of_date != today or needs_rebuild(build, lake, shelf.registry):
        return True
    after = datetime.fromisoformat(build.manifest.built_at)
    touched = touched_since(
        lake, load_catalogue(), build.manifest.lake_version, after=after, now=now
    )
    return bool(touched.enterprises) and len(touched.features(shelf.registry)) > 0


def self_features(
    lake: LakeView,
    registry: Registry,
    as_of_date: date,
    *,
    now: datetime,
    enterprises: list[int] | None = None,
) -> FeatureTable:
    """Features under scope kind `self`: all that is held about each firm."""
    catalogue = load_catalogue()
    cut = Cut(lake, catalogue, as_of_date, self_scope(catalogue, now.date()), now)
    return cut.table(registry, enterprises)


def _kinds_after(
    build: OnlineVectors, lake: LakeView, vectors: Vectors, now: datetime
) -> npt.NDArray[np.void]:
    """Kinds of the firms of some vectors; a landing that says nothing of them leaves those of the build."""
    if build.kinds is not None and datasets_since(lake, build.manifest.lake_version).isdisjoint(
        KIND_DATASETS
    ):
        return build.kinds
    codes = [code.decode() for code in vectors.usccs.tolist()]
    return _kinds(lake, build.as_of_date, codes, now)


def _kinds(
    lake: LakeView, as_of_date: date, usccs: list[str], now: datetime
) -> npt.NDArray[np.void]:
    catalogue = load_catalogue()
    scope = self_scope(catalogue, now.date())
    with open_snapshot(
        lake, catalogue, as_of_date, scope, now=now, datasets=KIND_DATASETS
    ) as snapshot:
        return kinds_of(snapshot, usccs)
