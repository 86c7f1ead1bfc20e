"""The latest feature vector of every enterprise, memory-mapped for whoever answers requests.

A build is a folder that is never changed: `vectors.npy` (float64, one row an enterprise, NaN where
NULL), `usccs.npy` (sorted codes), `kinds.npy` (size, industry and place) and `manifest.json`. `current` is a link that a refresh swings in
one step, so a reader sees the old build or the new one, never a mixture; a reader that has the old
one mapped keeps it until it opens again. Vectors hold everything that is held about a firm; whoever
hands them on masks the columns its scope does not open, which by the law of consent is the same as
having computed them under that scope.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from features.errors import OnlineError, UnknownEnterpriseError
from features.pipeline import FeatureTable
from features.registry import Registry

CURRENT = "current"
_FILES = ("usccs.npy", "vectors.npy")
_KINDS = "kinds.npy"
#: What kind of firm each is, empty or NaN where unknown; `size_class_public` is its size by public figures alone.
KIND = np.dtype(
    [
        ("size_class", "S8"), ("size_class_public", "S8"), ("industry_section", "S1"),
        ("entity_type", "S16"), ("industry_code", "f8"), ("region_code", "f8"),
    ]
)  # fmt: skip
_KEPT_BUILDS = 2


@dataclass(frozen=True)
class Vectors:
    """What a build is made of, in any order of firms.

    Attributes
    ----------
    usccs : ndarray of bytes, shape (n,)
    vectors : ndarray of float64, shape (n, k)
        In registry order, NaN where NULL.
    kinds : ndarray of `KIND`, shape (n,), or None
        A build without them serves vectors, not portraits among peers.
    """

    usccs: npt.NDArray[np.bytes_]
    vectors: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.void] | None = None


@dataclass(frozen=True)
class OnlineManifest:
    """What a build holds.

    Attributes
    ----------
    lake_version : int
        Number of the last lake commit it has seen.
    features : dict of str to str
        Definition hash of every column, in column order.
    datasets : dict of str to list of str
        Datasets every column reads, for masking.
    files : dict of str to str
        SHA-256 of the arrays.
    """

    as_of_date: str
    built_at: str
    lake_version: int
    enterprises: int
    features: Mapping[str, str]
    datasets: Mapping[str, list[str]]
    files: Mapping[str, str]


@dataclass(frozen=True)
class OnlineVectors:
    """An open build; arrays are mapped, not read.

    Attributes
    ----------
    usccs : ndarray of bytes, shape (n,)
        Sorted.
    vectors : ndarray of float64, shape (n, k)
    kinds : ndarray of `KIND`, shape (n,), or None
        None in a build made without them.
    """

    folder: Path
    manifest: OnlineManifest
    usccs: npt.NDArray[np.bytes_]
    vectors: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.void] | None = None

    @property
    def as_of_date(self) -> date:
        """The date the vectors speak for."""
        return date.fromisoformat(self.manifest.as_of_date)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Columns in order."""
        return tuple(self.manifest.features)

    def find(self, uscc: str) -> int | None:
        """Row of a firm, None if the build has none of that code."""
        wanted = np.bytes_(uscc.encode("ascii", errors="replace"))
        row = int(np.searchsorted(self.usccs, wanted))
        return row if row < len(self.usccs) and self.usccs[row] == wanted else None

    def vector(self, uscc: str, withheld: Collection[str] = ()) -> npt.NDArray[np.float64]:
        """A firm's vector, shape (k,), with the columns of withheld datasets NaN.

        Raises
        ------
        UnknownEnterpriseError
            If the build has no such firm.
        """
        row = self.find(uscc)
        if row is None:
            raise UnknownEnterpriseError(
                en=f"The online vectors of {self.manifest.as_of_date} have no enterprise '{uscc}'. "
                "Refresh them after its registration has landed.",
                zh=f"{self.manifest.as_of_date} 的在线特征中没有企业“{uscc}”，请在登记信息入库后刷新。",
            )
        found = np.array(self.vectors[row])
        found[self.hidden(withheld)] = np.nan
        return found

    def matrix(self, names: Iterable[str]) -> npt.NDArray[np.float64]:
        """Some columns of every firm, shape (n, k), in the order given."""
        return np.ascontiguousarray(self.vectors[:, self.columns(names)])

    def columns(self, names: Iterable[str]) -> list[int]:
        """Places of some columns."""
        place = {name: column for column, name in enumerate(self.names)}
        return [place[name] for name in names]

    def hidden(self, withheld: Collection[str]) -> npt.NDArray[np.bool_]:
        """Which columns read a withheld dataset, shape (k,)."""
        closed = set(withheld)
        read = self.manifest.datasets.values()
        return np.array([not closed.isdisjoint(datasets) for datasets in read], dtype=np.bool_)

    def defined_as(self, registry: Registry) -> Registry:
        """Features of a registry that are columns here, by the same definition."""
        known = self.manifest.features
        return Registry(tuple(f for f in registry if known.get(f.name) == f.definition_hash))

    def is_fresh(self, registry: Registry, as_of_date: date, lake_version: int) -> bool:
        """Whether these are the registry's features, as of that date, of that state of the lake."""
        known = self.manifest.features
        return (
            self.as_of_date == as_of_date
            and self.manifest.lake_version == lake_version
            and all(known.get(f.name) == f.definition_hash for f in registry)
        )


def write_online(
    table: FeatureTable,
    folder: Path,
    *,
    lake_version: int,
    now: datetime,
    kinds: npt.NDArray[np.void] | None = None,
) -> OnlineVectors:
    """Write a whole feature table and the kinds of its firms, row for row; see `write_vectors`."""
    usccs = np.array([uscc.encode() for uscc in table.usccs], dtype=np.bytes_)
    vectors = Vectors(usccs, table.matrix(), kinds)
    return write_vectors(
        vectors, table.registry, table.as_of_date, folder, lake_version=lake_version, now=now
    )


def write_vectors(
    vectors: Vectors,
    registry: Registry,
    as_of_date: date,
    folder: Path,
    *,
    lake_version: int,
    now: datetime,
) -> OnlineVectors:
    """Write a build beside the ones before it and make it current in one step.

    Raises
    ------
    OnlineError
        If the folder cannot be written.
    """
    order = np.argsort(vectors.usccs)
    arrays: dict[str, npt.NDArray[Any]] = {
        "usccs.npy": vectors.usccs[order],
        "vectors.npy": vectors.vectors[order],
    }
    if vectors.kinds is not None:
        arrays[_KINDS] = vectors.kinds[order]
    build = folder / f"{now:%Y%m%dT%H%M%S%f}-{os.getpid()}"
    try:
        build.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(build / name, array, allow_pickle=False)
        manifest = OnlineManifest(
            as_of_date=as_of_date.isoformat(),
            built_at=now.isoformat(timespec="seconds"),
            lake_version=lake_version,
            enterprises=len(order),
            features={f.name: f.definition_hash for f in registry},
            datasets={f.name: sorted(f.datasets) for f in registry},
            files={name: _sha256(build / name) for name in arrays},
        )
        text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
        (build / "manifest.json").write_text(text, encoding="utf-8")
        opened = _open(build, check=True)
        _swing(folder, build)
    except OSError as failed:
        shutil.rmtree(build, ignore_errors=True)
        raise OnlineError(
            en=f"The online vectors cannot be written to {folder}: {failed.strerror}.",
            zh=f"在线特征无法写入 {folder}：{failed.strerror}。",
        ) from failed
    _sweep(folder, build)
    return opened


def open_online(folder: Path, *, check: bool = False) -> OnlineVectors:
    """Map the current build.

    Parameters
    ----------
    check : bool
        Read the arrays whole and compare their hashes with the manifest.

    Raises
    ------
    OnlineError
        If there is none, or it is damaged.
    """
    if not (folder / CURRENT).exists():
        raise OnlineError(
            en=f"There are no online vectors in {folder} yet. Build them with `xinqiao features online`.",
            zh=f"{folder} 中还没有在线特征，请先运行 `xinqiao features online`。",
        )
    return _open((folder / CURRENT).resolve(), check=check)


def _open(build: Path, *, check: bool) -> OnlineVectors:
    try:
        content = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
        manifest = OnlineManifest(**content)
        usccs, vectors = (np.load(build / n, mmap_mode="r", allow_pickle=False) for n in _FILES)
        has_kinds = _KINDS in manifest.files
        kinds = np.load(build / _KINDS, allow_pickle=False) if has_kinds else None
    except (OSError, ValueError, TypeError) as damaged:
        raise _damaged(build, type(damaged).__name__) from damaged
    shape = (manifest.enterprises, len(manifest.features))
    if usccs.shape != shape[:1] or vectors.shape != shape or vectors.dtype != np.float64:
        raise _damaged(build, "shape")
    if kinds is not None and kinds.shape != shape[:1]:
        raise _damaged(build, _KINDS)
    if kinds is not None and kinds.dtype != KIND:
        kinds = None  # written when less was kept; the next renewal knows them
    if check:
        for name, digest in manifest.files.items():
            if _sha256(build / name) != digest:
                raise _damaged(build, name)
    return OnlineVectors(build, manifest, usccs, vectors, kinds)


def _damaged(build: Path, what: str) -> OnlineError:
    return OnlineError(
        en=f"The online vectors in {build} are damaged ({what}). Build them again.",
        zh=f"{build} 中的在线特征已损坏（{what}），请重新生成。",
    )


def _swing(folder: Path, build: Path) -> None:
    link = folder / f".{CURRENT}.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(build.name)
    link.replace(folder / CURRENT)


def _sweep(folder: Path, newest: Path) -> None:
    """Keep the newest build and the one before it; a reader that still maps an older one keeps it."""
    builds = sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    for old in [path for path in builds if path != newest][: -(_KEPT_BUILDS - 1)]:
        shutil.rmtree(old, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
