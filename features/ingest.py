"""Files become checked batches: good rows land, bad rows go to quarantine with their reasons.

One run takes any number of files of one dataset and makes them visible with one commit, or not at
all. A file that has landed under the same mapping is skipped; a row that is already in the lake
lands once; a row with a known key and new content supersedes the old one from its own
`available_at` on.
"""

import hashlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from features import checking, landing, sources
from features.addressing import count_skipped
from features.contracts import Dataset
from features.engine import connect
from features.errors import LakeError, SourceFileError
from features.lake import Batch, Lake
from features.mapping import Mapping
from features.run import Run
from features.segments import contract_of
from features.vault import Vault

#: More rejected rows than this, and the delivery is taken for a wrong file or mapping.
MAX_REJECTED_SHARE = 0.5

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Delivery:
    """What became of one file: the batch it landed as, or the batch it had landed as before."""

    path: Path
    batch: Batch
    is_new: bool


def ingest_files(
    paths: Sequence[Path],
    mapping: Mapping,
    lake: Lake,
    vault: Vault,
    *,
    now: datetime,
    max_rejected_share: float = MAX_REJECTED_SHARE,
    retry_rejected: bool = False,
    on_progress: Progress | None = None,
) -> list[Delivery]:
    """Check files against their contract and land the good rows with one commit.

    Parameters
    ----------
    paths : sequence of Path
        Files of one dataset in one provider format.
    now : datetime
        The moment of ingest, Asia/Shanghai wall time.
    max_rejected_share : float
        In [0, 1]; above it the whole run is refused.
    retry_rejected : bool
        Check the rejected rows of files that have landed once more, against today's register.
    on_progress : callable
        Told `(file, files done, files in all)`.

    Returns
    -------
    list of Delivery
        One per file, in order.

    Raises
    ------
    SourceFileError, MappingError, RejectedBatchError, LakeError
        With the file and the reason; then nothing of the run has landed.
    """
    report = on_progress or _say_nothing
    deliveries: list[Delivery] = []
    with lake.writing() as writer, connect() as connection:
        _keep_spill_away(connection, mapping.dataset, writer.root)
        run = Run(connection, writer, mapping, vault, now, max_rejected_share)
        with _one_sentence(run, "the dictionary of enterprises"):
            landing.open_parties(run)
        for done, path in enumerate(paths):
            report(path.name, done, len(paths))
            with _one_sentence(run, path.name):
                delivery = _take(run, path, retry_rejected=retry_rejected)
            if delivery.is_new:
                run.batches.append(delivery.batch)
            deliveries.append(delivery)
        report("commit", len(paths), len(paths))
        if run.batches:
            with _one_sentence(run, "the dictionary of enterprises"):
                parties, added = landing.write_parties(run)
            writer.commit(run.batches, now=now, parties=parties, added_parties=added)
    return deliveries


def _say_nothing(_name: str, _done: int, _all: int) -> None:
    """Progress that nobody asked for."""


def _take(run: Run, path: Path, *, retry_rejected: bool) -> Delivery:
    """One file: the batch it landed as before, or a new one."""
    sha256 = sources.hash_file(path)
    before = _landed_before(run, sha256)
    if before is None:
        return Delivery(path, _land(run, path, sha256, _batch_id(run.mapping, sha256)), is_new=True)
    if not retry_rejected or before.quarantine is None or before in run.batches:
        return Delivery(path, before, is_new=False)
    batch_id = hashlib.sha256(f"{before.batch_id}\x1fretry".encode()).hexdigest()
    batch = _land(run, path, sha256, batch_id, again=run.writer.root / before.quarantine)
    if not batch.landed:
        # No row has changed its fate: what was said about the file still holds.
        _remove(run, batch)
        return Delivery(path, before, is_new=False)
    return Delivery(path, batch, is_new=True)


def _landed_before(run: Run, sha256: str) -> Batch | None:
    """The last batch this file landed as under this mapping."""
    for batch in (*reversed(run.batches), *reversed(run.writer.view.batches)):
        if (batch.dataset, batch.file_sha256, batch.mapping_sha256) == (
            run.dataset.name,
            sha256,
            run.mapping.sha256,
        ):
            return batch
    return None


def _remove(run: Run, batch: Batch) -> None:
    """Files of a batch that will not be committed."""
    for name in (batch.data, batch.quarantine, batch.retired):
        if name:
            (run.writer.root / name).unlink(missing_ok=True)


def _batch_id(mapping: Mapping, sha256: str) -> str:
    text = f"{mapping.dataset.name}\x1f{sha256}\x1f{mapping.sha256}"
    return hashlib.sha256(text.encode()).hexdigest()


def _land(run: Run, path: Path, sha256: str, batch_id: str, again: Path | None = None) -> Batch:
    """Stage, check, de-duplicate and write one file; it stays invisible until the commit.

    With `again`, the quarantine of its last landing, only the rows rejected then are taken: the others
    may have been corrected by a later delivery, which they must not undo.
    """
    source = sources.stage(
        run.connection, path, run.mapping.file, "staged", run.mapping.source_columns()
    )
    if sources.hash_file(path) != sha256:
        raise SourceFileError(
            en=f"{path} was changed while it was read. Wait until it is complete, then deliver it again.",
            zh=f"{path} 在读取过程中被修改，请待文件写完后重新提供。",
        )
    delivered, duplicates = checking.check_file(run, source)
    if again is not None:
        delivered, duplicates = checking.keep_rejected(run, source, again), 0
    rejected, reasons = checking.count_rejections(run, source)
    if again is None:
        checking.require_mostly_good(run, source, delivered, rejected, reasons)
    landing.assign_parties(run)
    number = run.writer.next_batch_no(len(run.batches))
    duplicates += landing.meet_landed(run, number)
    superseded, retired = landing.write_retired(run, batch_id)
    warnings = checking.count_warnings(run)
    data = landing.write_rows(run, number, batch_id)
    landed, warned, first, last = landing.summarise(run, data)
    return Batch(
        batch_no=number,
        batch_id=batch_id,
        dataset=run.dataset.name,
        file_name=path.name,
        file_sha256=sha256,
        mapping=run.mapping.name,
        mapping_sha256=run.mapping.sha256,
        provider=run.mapping.provider.name,
        collected_at=run.now.isoformat(timespec="seconds"),
        delivered=delivered,
        landed=landed,
        warned=warned,
        duplicates=duplicates,
        superseded=superseded,
        rejected=rejected,
        reasons=reasons,
        first_event=first,
        last_event=last,
        data=run.writer.relative(data),
        quarantine=landing.write_quarantine(run, source, batch_id) if rejected else None,
        retired=retired,
        skipped=count_skipped(run),
        warnings=warnings,
        contract=contract_of(run.dataset.lake_columns()),
    )


def _keep_spill_away(connection: duckdb.DuckDBPyConnection, dataset: Dataset, root: Path) -> None:
    """What does not fit into memory goes into the lake's own folder; persons' data goes nowhere."""
    folder = "" if dataset.personal else str(root / "staging")
    connection.execute("SET temp_directory = ?", [folder])


@contextmanager
def _one_sentence(run: Run, subject: str) -> Generator[None]:
    """DuckDB's own messages may quote a value, so a person's data; they are left out then."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise LakeError(
            en=f"There is not enough memory for {subject}. Nothing of this run landed. "
            "Deliver it in smaller files.",
            zh=f"内存不足，无法处理 {subject}，本次未入库任何数据。请拆分为较小的文件。",
        ) from None
    except duckdb.Error as failed:
        kind = type(failed).__name__
        raise LakeError(
            en=f"{subject} could not be landed ({kind}): the lake {run.writer.root} cannot be read or "
            "written there. Nothing of this run landed. Check the disk and the lake's files.",
            zh=f"{subject} 无法入库（{kind}）：数据湖 {run.writer.root} 读写失败，本次未入库任何数据。请检查磁盘与数据湖文件。",
        ) from (None if run.personal else failed)
