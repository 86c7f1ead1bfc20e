"""Online vectors brought up to date after a landing: only what was touched is computed again.

A landing touches datasets, and in each of them firms. Of the registry only features that read a
touched dataset are computed again, and only for touched firms; every other value of the build
stays. Features that look at other firms (views `everyone_…`) are computed again for all. The result is
what a full rebuild would give, bit for bit. Where that is not enough (another as-of date, other definitions, files that
were rewritten) the caller is told to rebuild.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from features.clock import end_of
from features.contracts import REGISTER, Catalogue
from features.engine import connect, literal, parquet
from features.lake import RETIRED_COLUMNS, LakeView
from features.online import OnlineVectors, Vectors
from features.pipeline import build_features, reads_neighbours
from features.registry import Registry
from features.repairs import repaired_between
from features.scope import DataScope
from features.snapshot import REPAIRS, open_snapshot


@dataclass(frozen=True)
class Touched:
    """What changed since a build.

    Attributes
    ----------
    datasets : frozenset of str
    enterprises : frozenset of int
        Surrogate keys.
    """

    datasets: frozenset[str]
    enterprises: frozenset[int]

    def features(self, registry: Registry) -> Registry:
        """The features that read a touched dataset; all of them where the register was touched."""
        if REGISTER in self.datasets:
            return registry
        return Registry(tuple(f for f in registry if not f.datasets.isdisjoint(self.datasets)))


def touched_since(
    lake: LakeView,
    catalogue: Catalogue,
    version: int,
    *,
    after: datetime,
    now: datetime,
    among: Collection[str] | None = None,
) -> Touched:
    """Datasets and firms that commits after a version brought, and repairs that fell due.

    Parameters
    ----------
    version : int
        Of the lake the build has seen.
    after, now : datetime
        Moments of the build and of this look.
    among : collection of str, optional
        Datasets that count beside the notices of repair; all when omitted.
    """
    batches = [
        batch
        for commit in lake.commits
        if commit.number > version
        for batch in commit.batches
        if among is None or batch.dataset in among or batch.dataset == REPAIRS
    ]
    datasets = {batch.dataset for batch in batches}
    looks: list[str] = []
    for dataset in datasets:
        columns = catalogue[dataset].lake_columns()
        data = [lake.root / b.data for b in batches if b.dataset == dataset and b.landed]
        if data:
            looks.append(f"SELECT enterprise_key FROM {parquet(data, columns)}")
        retired = [lake.root / b.retired for b in batches if b.dataset == dataset and b.retired]
        if retired:
            ended = f"SELECT row_id FROM {parquet(retired, RETIRED_COLUMNS)}"
            looks.append(
                f"SELECT enterprise_key FROM {lake.rows(catalogue[dataset])} WHERE row_id IN ({ended})"
            )
    firms = repaired_between(lake, catalogue, after, now) if now > after else set[int]()
    negative = {dataset.name for dataset in catalogue if dataset.document.negative}
    if firms or REPAIRS in datasets:
        # A notice takes records of any negative dataset away; a repair landed may not have been due.
        datasets |= negative
    if looks:
        with connect(threads=1) as connection:
            rows = connection.execute(" UNION ".join(looks)).fetchall()
        firms |= {int(key) for (key,) in rows}
    return Touched(frozenset(datasets), frozenset(firms))


def datasets_since(lake: LakeView, version: int) -> frozenset[str]:
    """Datasets that commits after a version brought."""
    commits = [commit for commit in lake.commits if commit.number > version]
    return frozenset(batch.dataset for commit in commits for batch in commit.batches)


def needs_rebuild(build: OnlineVectors, lake: LakeView, registry: Registry) -> bool:
    """Whether the build cannot be brought up to date piece by piece.

    It cannot if its columns are not the registry's, or if files it has seen were rewritten: deleted
    rows are in no batch.
    """
    known = {feature.name: feature.definition_hash for feature in registry}
    return dict(build.manifest.features) != known or was_rewritten(build, lake)


def was_rewritten(build: OnlineVectors, lake: LakeView) -> bool:
    """Whether files that the build has seen were replaced since, or it has seen a lake other than this."""
    version = build.manifest.lake_version
    return version > lake.version or any(c.rewrites for c in lake.commits if c.number > version)


def refreshed(
    build: OnlineVectors,
    lake: LakeView,
    catalogue: Catalogue,
    registry: Registry,
    scope: DataScope,
    *,
    now: datetime,
    threads: int | None = None,
) -> Vectors:
    """The build's vectors with everything touched since then computed again.

    Parameters
    ----------
    build : OnlineVectors
        For which `needs_rebuild` is false.
    scope : DataScope
        The one the build was made under.

    Returns
    -------
    Vectors
        Bit for bit those of a full rebuild; ready for `write_vectors`.
    """
    midnight = end_of(build.as_of_date)
    made_at = datetime.fromisoformat(build.manifest.built_at)
    touched = touched_since(
        lake,
        catalogue,
        build.manifest.lake_version,
        after=max(made_at, midnight),
        now=max(now, midnight),
    )
    chosen = touched.features(registry)
    vectors, found = Vectors(build.usccs, build.vectors), set[str]()
    if not touched.enterprises:
        return vectors
    is_shared = {f.name: reads_neighbours(f, touched.datasets, build.as_of_date) for f in chosen}
    own = Registry(tuple(f for f in chosen if not is_shared[f.name]))
    shared = Registry(tuple(f for f in chosen if is_shared[f.name]))
    for part, enterprises in ((own, sorted(touched.enterprises)), (shared, None)):
        if not len(part):
            continue
        with open_snapshot(
            lake,
            catalogue,
            build.as_of_date,
            scope,
            now=now,
            enterprises=enterprises,
            threads=threads,
            datasets=frozenset(name for feature in part for name in feature.datasets),
        ) as snapshot:
            table = build_features(snapshot, part)
        columns = [registry.names.index(name) for name in part.names]
        vectors = _merged(vectors, table.usccs, columns, table.matrix())
        found.update(table.usccs)
    if REGISTER not in touched.datasets:
        return vectors
    gone = codes_of(lake, touched.enterprises) - found
    stays = ~np.isin(vectors.usccs, np.array([code.encode() for code in gone], dtype=np.bytes_))
    return Vectors(vectors.usccs[stays], vectors.vectors[stays])


def codes_of(lake: LakeView, keys: frozenset[int]) -> set[str]:
    """Codes of some surrogate keys."""
    listed = ", ".join(str(key) for key in sorted(keys))
    with connect(threads=1) as connection:
        rows = connection.execute(
            f"SELECT party_id FROM {lake.parties_sql()} WHERE party_key IN ({listed})"
        ).fetchall()
    return {str(code) for (code,) in rows}


def keys_of(lake: LakeView, codes: Collection[str]) -> dict[str, int]:
    """Surrogate keys of those codes that have one; the id a provider uses is no code."""
    listed = ", ".join(map(literal, codes)) or "NULL"
    with connect(threads=1) as connection:
        rows = connection.execute(
            f"SELECT party_id, party_key FROM {lake.parties_sql()} WHERE party_id IN ({listed})"
        ).fetchall()
    return {str(code): int(key) for code, key in rows}


def _merged(
    build: Vectors, usccs: list[str], columns: list[int], values: npt.NDArray[np.float64]
) -> Vectors:
    """Old vectors with new values written over them; firms new on the register come behind."""
    codes = np.array([code.encode() for code in usccs], dtype=np.bytes_)
    is_held = np.isin(codes, build.usccs)
    blank = np.full((int((~is_held).sum()), build.vectors.shape[1]), np.nan)
    held = np.concatenate([build.usccs, codes[~is_held]])
    vectors = np.vstack([build.vectors, blank])
    order = np.argsort(held)
    rows = order[np.searchsorted(held, codes, sorter=order)]
    vectors[rows[:, np.newaxis], np.array(columns, dtype=np.intp)] = values
    return Vectors(held, vectors)
