"""The one reader and writer of the Parquet lake.

What is in the lake is what its commits say: `commits/00000001.json`, `…2.json`, … each name the
batches (one delivered file each), the surrogate keys and the superseded rows they add. Files are
written first and are invisible until the commit that names them is renamed into place, so a run
killed at any point leaves a whole commit or nothing; the next writer sweeps up what no commit names.

Layout::

    commits/<number>.json               the log, the only truth
    data/<dataset>/<batch>.parquet      rows, sorted by enterprise, event date, row_id
    quarantine/<dataset>/<batch>.parquet rejected rows: line, reasons, what was delivered
    retired/<dataset>/<batch>.parquet   (row_id, valid_to) of rows this batch supersedes
    parties/<commit>.parquet            (party_key, party_id, origin) added by the commit
    deletions/<dataset>/<commit>.parquet (row_id, rule, deleted_at) of rows whose time was over

`row_id` is `batch_no * 2**32 + line`: a row alone says which file and which line it came from. A
commit may also replace files of earlier batches (see `features.segments`); what no commit names any
more is removed by the next writer.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from features.contracts import Dataset
from features.engine import connect, parquet
from features.errors import LakeError, UnknownEnterpriseError
from features.segments import Rewrite, Segment, follow, read_rows, span_of

LINE_BITS = 32
PARTY_COLUMNS = {"party_key": "INTEGER", "party_id": "VARCHAR", "origin": "VARCHAR"}
RETIRED_COLUMNS = {"row_id": "BIGINT", "valid_to": "TIMESTAMP"}
DELETION_COLUMNS = {"row_id": "BIGINT", "rule": "VARCHAR", "deleted_at": "TIMESTAMP"}
LOCK_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Batch:
    """One delivered file as it landed: where it came from, what happened to its rows."""

    batch_no: int
    batch_id: str
    dataset: str
    file_name: str
    file_sha256: str
    mapping: str
    mapping_sha256: str
    provider: str
    collected_at: str
    delivered: int
    landed: int
    warned: int
    duplicates: int
    superseded: int
    rejected: int
    reasons: Mapping[str, int]
    first_event: str | None
    last_event: str | None
    data: str
    quarantine: str | None = None
    retired: str | None = None
    skipped: int = 0
    warnings: Mapping[str, int] = field(default_factory=dict)
    #: What its data file's columns were, see `features.segments.contract_of`.
    contract: str = ""

    @property
    def segment(self) -> Segment:
        """Its files as they landed."""
        return Segment(
            dataset=self.dataset,
            batches=(self.batch_no,),
            data=self.data,
            retired=self.retired,
            rows=self.landed,
            contract=self.contract,
            first_event=self.first_event,
            last_event=self.last_event,
        )


@dataclass(frozen=True)
class Commit:
    """A change of the lake: all of it is visible, or none."""

    number: int
    at: str
    batches: tuple[Batch, ...]
    parties: str | None = None
    party_count: int = 0
    rewrites: tuple[Rewrite, ...] = ()


@dataclass(frozen=True)
class Enterprise:
    """An enterprise by its key, its code, and the id its provider knows it by."""

    key: int
    uscc: str
    origin: str | None


@dataclass(frozen=True)
class LakeView:
    """The lake as of one commit; later commits do not change it.

    Attributes
    ----------
    last_batch : int or None
        Rows of later batches are not seen, see `as_at`.
    firms : range or None
        Files without a row of these keys are left out of `rows`, see `among`.
    """

    root: Path
    commits: tuple[Commit, ...]
    last_batch: int | None = None
    firms: range | None = None
    _spans: dict[str, tuple[int, int] | None] = field(
        default_factory=dict[str, tuple[int, int] | None], repr=False, compare=False
    )

    @property
    def batches(self) -> tuple[Batch, ...]:
        """Every batch in landing order."""
        return tuple(batch for commit in self.commits for batch in commit.batches)

    @property
    def party_count(self) -> int:
        """Number of surrogate keys given so far."""
        return self.commits[-1].party_count if self.commits else 0

    @property
    def version(self) -> int:
        """Number of the last commit; 0 for an empty lake."""
        return self.commits[-1].number if self.commits else 0

    def as_at(self, version: int) -> "LakeView":
        """The rows the lake held at an earlier version, in the files it has now.

        Rows deleted since stay deleted. Of files merged since, what their batches superseded cannot
        be told apart any more and counts as superseded.
        """
        last = sum(len(commit.batches) for commit in self.commits if commit.number <= version)
        return replace(self, last_batch=last)

    def among(self, firms: range) -> "LakeView":
        """The lake for a look at firms with keys in a range: files without any of them are not opened."""
        return replace(self, firms=firms)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """Every data file there is now, with the batches in it."""
        found: list[Segment] = []
        for commit in self.commits:
            found += [batch.segment for batch in commit.batches]
            for rewrite in commit.rewrites:
                found = follow(found, rewrite)
        return tuple(found)

    @property
    def rewrites(self) -> tuple[Rewrite, ...]:
        """Every replacement of files so far."""
        return tuple(rewrite for commit in self.commits for rewrite in commit.rewrites)

    def segments_of(self, dataset: str) -> list[Segment]:
        """Data files of one dataset with what is known of them."""
        return [segment for segment in self.segments if segment.dataset == dataset]

    def files(self, dataset: str) -> list[Path]:
        """Data files of one dataset."""
        return [self.root / str(s.data) for s in self.segments_of(dataset) if s.rows]

    def rows(self, dataset: Dataset) -> str:
        """FROM clause over all rows of a dataset, whenever they landed, in the shape it has now.

        Raises
        ------
        LakeError
            If a stored column has another type now, or the view is older than a deletion of files.
        """
        try:
            rows = read_rows(self.root, dataset, self._segments_among(dataset.name))
        except (duckdb.Error, OSError, pa.ArrowInvalid) as failed:
            self.require_files()
            raise LakeError(
                en=f"The files of '{dataset.name}' in the lake {self.root} cannot be read. "
                "Restore them from a backup.",
                zh=f"数据湖 {self.root} 中“{dataset.name}”的文件无法读取，请从备份恢复。",
            ) from failed
        if self.last_batch is None:
            return rows
        return f"(SELECT * FROM {rows} WHERE row_id < {self.last_batch + 1 << LINE_BITS})"

    def _segments_among(self, dataset: str) -> list[Segment]:
        """Segments that may hold a row of the firms."""
        segments = self.segments_of(dataset)
        if self.firms is None:
            return segments
        first, last = self.firms[0], self.firms[-1]
        found: list[Segment] = []
        for segment in segments:
            name = str(segment.data)
            if segment.rows and name not in self._spans:
                self._spans[name] = span_of(self.root / name)
            span = self._spans.get(name)
            if span is None or (span[0] <= last and span[1] >= first):
                found.append(segment)
        return found

    def retired_files(self, dataset: str) -> list[Path]:
        """Files that name superseded rows of one dataset."""
        last = self.last_batch
        return [
            self.root / s.retired
            for s in self.segments_of(dataset)
            if s.retired and (last is None or min(s.batches) <= last)
        ]

    def quarantine_files(self, dataset: str) -> list[Path]:
        """Files of rejected rows of one dataset."""
        dropped = {name for rewrite in self.rewrites for name in rewrite.dropped}
        return [
            self.root / b.quarantine
            for b in self.batches
            if b.dataset == dataset and b.quarantine and b.quarantine not in dropped
        ]

    def deletion_files(self, dataset: str) -> list[Path]:
        """Files that name rows deleted from one dataset."""
        named = {r.deletions for r in self.rewrites if r.dataset == dataset and r.deletions}
        return [self.root / name for name in sorted(named)]

    def all_files(self) -> set[Path]:
        """Every file that holds something of the lake, commits aside."""
        named = {name for s in self.segments for name in (s.data, s.retired) if name}
        named |= {rewrite.deletions for rewrite in self.rewrites if rewrite.deletions}
        files = {self.root / name for name in named} | set(self.party_files())
        for dataset in {batch.dataset for batch in self.batches}:
            files.update(self.quarantine_files(dataset))
        return files

    def require_files(self) -> None:
        """Make sure that no later commit has removed a file this view reads.

        Raises
        ------
        LakeError
            If one is gone.
        """
        gone = sorted(path.name for path in self.all_files() if not path.exists())
        if gone:
            raise LakeError(
                en=f"{len(gone)} files of version {self.version} of the lake {self.root} are gone ({gone[0]}): "
                "they were merged or rows in them deleted since. Open the lake anew.",
                zh=f"数据湖 {self.root} 第 {self.version} 版的 {len(gone)} 个文件已不存在（{gone[0]}）："
                "其间文件已合并或有数据被删除，请重新打开数据湖。",
            )

    def party_files(self) -> list[Path]:
        """The dictionary of surrogate keys."""
        return [self.root / commit.parties for commit in self.commits if commit.parties]

    def parties_sql(self) -> str:
        """FROM clause over the dictionary of surrogate keys."""
        return parquet(self.party_files(), PARTY_COLUMNS)

    def batch_of(self, row_id: int) -> tuple[Batch, int]:
        """The batch and the line (row number, from 1) a row came from.

        Raises
        ------
        LakeError
            If no batch of the lake gave that row id.
        """
        number, line = row_id >> LINE_BITS, row_id & (2**LINE_BITS - 1)
        for batch in self.batches:
            if batch.batch_no == number:
                return batch, line
        raise LakeError(
            en=f"No batch of the lake holds row {row_id}.", zh=f"数据湖中没有编号为 {row_id} 的行。"
        )

    def origins(self) -> dict[str, str]:
        """The id its provider uses, by code, for every party that has one."""
        query = f"SELECT party_id, origin FROM {self.parties_sql()} WHERE origin IS NOT NULL"
        with connect(threads=1) as connection:
            return {str(code): str(origin) for code, origin in connection.execute(query).fetchall()}

    def find_enterprise(self, name: str) -> Enterprise:
        """Resolve a USCC, or the id a provider uses (`E1`, or `cumcm2020c:E1`).

        Raises
        ------
        UnknownEnterpriseError
            If nothing or more than one thing is called that.
        """
        query = (
            f"SELECT party_key, party_id, origin FROM {self.parties_sql()} "
            "WHERE party_id = $name OR origin = $name OR (origin IS NOT NULL AND "
            "substr(origin, strpos(origin, ':') + 1) = $name) ORDER BY party_key LIMIT 6"
        )
        with connect(threads=1) as connection:
            found = connection.execute(query, {"name": name}).fetchall()
        if len(found) == 1:
            return Enterprise(*found[0])
        if found:
            names = ", ".join(str(row[2] or row[1]) for row in found)
            raise UnknownEnterpriseError(
                en=f"'{name}' names several enterprises: {names}. Use the full id or the USCC.",
                zh=f"“{name}”对应多家企业：{names}。请使用完整编号或统一社会信用代码。",
            )
        raise UnknownEnterpriseError(
            en=f"There is no enterprise '{name}' in the lake. Use a USCC or the id its provider uses.",
            zh=f"数据湖中没有企业“{name}”。请使用统一社会信用代码或数据提供单位使用的编号。",
        )


class Lake:
    """A folder that holds the lake.

    Parameters
    ----------
    root : Path
        Created when the first batch lands.
    patience : float
        How long a writer waits for another one to end [s].
    """

    def __init__(self, root: Path, *, patience: float = LOCK_PATIENCE_SECONDS) -> None:
        self.root = root
        self.patience = patience

    def view(self) -> LakeView:
        """The lake as it is now.

        Raises
        ------
        LakeError
            If a commit cannot be read or one is missing from the sequence.
        """
        commits = tuple(
            _read_commit(path) for path in sorted((self.root / "commits").glob("*.json"))
        )
        for expected, commit in enumerate(commits, start=1):
            if commit.number != expected:
                raise LakeError(
                    en=f"Commit {expected} of the lake {self.root} is missing. Restore it from a backup.",
                    zh=f"数据湖 {self.root} 缺少第 {expected} 次提交，请从备份恢复。",
                )
        return LakeView(self.root, commits)

    @contextmanager
    def writing(self) -> "Generator[LakeWriter]":
        """Hold the lake's only write lock; leftovers of a killed run are removed first.

        A run that fails leaves no file behind either, as far as the disk still answers.

        Raises
        ------
        LakeError
            If another writer holds the lock for longer than `patience`, or the disk fails.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with (self.root / "LOCK").open("a") as lock:
                _acquire(lock.fileno(), self.root, self.patience)
                writer = LakeWriter(self)
                writer.sweep()
                try:
                    yield writer
                except BaseException:
                    with suppress(OSError, LakeError):
                        LakeWriter(self).sweep()
                    raise
        except OSError as failed:
            why = failed.strerror or type(failed).__name__
            raise LakeError(
                en=f"The lake {self.root} cannot be written: {why}. Nothing of this run is half-landed; "
                "mend the disk, then run it again.",
                zh=f"数据湖 {self.root} 无法写入：{why}。本次没有半批数据入库，请修复磁盘后重试。",
            ) from failed
        except duckdb.Error as failed:
            # The message of DuckDB may quote a value; it stays out.
            kind = type(failed).__name__
            raise LakeError(
                en=f"The files of the lake {self.root} cannot be read or written ({kind}). Nothing of this run "
                "has changed it. Check the disk and the lake's files.",
                zh=f"数据湖 {self.root} 的文件读写失败（{kind}），本次未作任何更改。请检查磁盘与数据湖文件。",
            ) from None


class LakeWriter:
    """Write access to the lake; exists only while the lock is held."""

    def __init__(self, lake: Lake) -> None:
        self.root = lake.root
        self.view = lake.view()

    def next_batch_no(self, already_staged: int = 0) -> int:
        """The number the next batch will have."""
        return len(self.view.batches) + already_staged + 1

    def new_file(self, kind: str, dataset: str, stem: str) -> Path:
        """Path of a file to be written and then named by a commit."""
        path = self.root / kind / dataset / f"{stem}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def relative(self, path: Path) -> str:
        """A path as commits name it."""
        return path.relative_to(self.root).as_posix()

    def sweep(self) -> None:
        """Remove files that no commit names: the leftovers of a killed run."""
        named = self.view.all_files()
        for kind in ("data", "quarantine", "retired", "parties", "deletions"):
            for path in (self.root / kind).rglob("*.parquet"):
                if path not in named:
                    path.unlink()
        for leftover in (self.root / "commits").glob("*.tmp"):
            leftover.unlink()
        shutil.rmtree(self.root / "staging", ignore_errors=True)

    def commit(
        self,
        batches: list[Batch],
        *,
        now: datetime,
        parties: Path | None = None,
        added_parties: int = 0,
        rewrites: Sequence[Rewrite] = (),
    ) -> Commit:
        """Make batches and rewrites visible, all at once.

        Every file they name, and every folder on the way to it, is on disk before the commit's
        name is: fsync, then rename.
        """
        commit = Commit(
            number=self.view.version + 1,
            at=now.isoformat(timespec="seconds"),
            batches=tuple(batches),
            parties=self.relative(parties) if parties else None,
            party_count=self.view.party_count + added_parties,
            rewrites=tuple(rewrites),
        )
        folder = self.root / "commits"
        folder.mkdir(exist_ok=True)
        named = [
            self.root / name
            for batch in batches
            for name in (batch.data, batch.quarantine, batch.retired)
            if name
        ]
        named += [
            self.root / name for r in rewrites for name in (r.data, r.retired, r.deletions) if name
        ]
        named += [parties] if parties else []
        for path in named:
            _flush(path)
        for directory in sorted({parent for path in named for parent in path.parents}):
            if directory.is_relative_to(self.root):
                _flush(directory)
        target = folder / f"{commit.number:08d}.json"
        temporary = target.with_suffix(".tmp")
        temporary.write_text(
            json.dumps(asdict(commit), ensure_ascii=False, indent=1), encoding="utf-8"
        )
        _flush(temporary)
        temporary.replace(target)
        _flush(folder)
        return commit


def _read_commit(path: Path) -> Commit:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        batches = tuple(Batch(**batch) for batch in content.pop("batches"))
        rewrites = tuple(_read_rewrite(rewrite) for rewrite in content.pop("rewrites", ()))
        return Commit(batches=batches, rewrites=rewrites, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as damaged:
        raise LakeError(
            en=f"The commit {path} cannot be read ({type(damaged).__name__}). Restore it from a backup.",
            zh=f"数据湖提交文件 {path} 无法读取（{type(damaged).__name__}），请从备份恢复。",
        ) from damaged


def _read_rewrite(content: dict[str, Any]) -> Rewrite:
    listed = {name: tuple(content.pop(name)) for name in ("batches", "dropped")}
    return Rewrite(**listed, **content)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, root: Path, patience: float) -> None:
    """Take the lock; closing the descriptor gives it back."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LakeError(
                    en=f"Another run is writing to the lake {root}. Wait for it to end, then try again.",
                    zh=f"另一个任务正在写入数据湖 {root}，请等待其结束后重试。",
                ) from None
            time.sleep(0.1)
        else:
            return
