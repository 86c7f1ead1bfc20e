"""Rows whose time is over leave the lake: data, superseded marks, quarantine, and the persons' keys.

A dataset's entry says when (`retention`): so many years after a date of the row, or so many days after
the end of the consent it was collected under. What stays is a list of row ids with the rule and the
moment, without content. Consent events are the proof of what was allowed; a consent that ended never
takes them along.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb

from features import landing
from features.compaction import copy_retired, copy_rows
from features.contracts import Catalogue, Dataset, Words
from features.documents import Document, load_document
from features.engine import connect, literal, parquet
from features.errors import CatalogueError, LakeError
from features.lake import DELETION_COLUMNS, LINE_BITS, Lake, LakeView, LakeWriter
from features.persons import forget_persons
from features.segments import Rewrite, Segment
from features.snapshot import consents_at
from features.vault import Vault

RULES = Path(__file__).parent / "retention.yaml"

Progress = Callable[[str, int, int], None]


class QuarantineRule(Document):
    """How long a file of rejected rows is kept after its delivery [days], in force from a day on."""

    since: date
    days: int
    source: str


class RetentionRules(Document):
    """What no dataset's own entry says."""

    quarantine: list[QuarantineRule]


@dataclass(frozen=True)
class Due:
    """What of one dataset has to go.

    Attributes
    ----------
    rows : dict of str to int
        Number of rows by rule, see `rule_words`.
    quarantine : tuple of str
        Files of rejected rows, with `rejected` rows in them.
    """

    dataset: str
    rows: Mapping[str, int]
    quarantine: tuple[str, ...]
    rejected: int


def due(view: LakeView, catalogue: Catalogue, today: date) -> list[Due]:
    """What has to be deleted by a day, dataset by dataset; nothing is changed.

    Raises
    ------
    LakeError
        If a file cannot be read.
    CatalogueError
        If a retention counts from a column that is no day.
    """
    try:
        return [
            found for dataset in catalogue if (found := _due_of(view, catalogue, dataset, today))
        ]
    except duckdb.Error as failed:
        view.require_files()
        raise LakeError(
            en=f"The files of the lake {view.root} cannot be read. Restore them from a backup.",
            zh=f"数据湖 {view.root} 的文件无法读取，请从备份恢复。",
        ) from failed


def apply(
    lake: Lake,
    catalogue: Catalogue,
    vault: Vault,
    *,
    now: datetime,
    today: date | None = None,
    on_progress: Progress | None = None,
) -> list[Due]:
    """Delete what is due, with one commit; the files that held it are gone when this returns.

    The keys of persons of whom no row is left are deleted first: after a fault in between, rows that
    had to go anyway cannot be read, and the next run deletes them.

    Parameters
    ----------
    today : date, optional
        The day by which rows are due; the day of `now` when omitted.
    on_progress : callable
        Told `(dataset, datasets done, datasets in all)`.

    Returns
    -------
    list of Due
        What was deleted; empty when nothing was due.
    """
    day = today or now.date()
    with lake.writing() as writer:
        found = due(writer.view, catalogue, day)
        if not found:
            return []
        rewrites: list[Rewrite] = []
        deletions: dict[str, Path] = {}
        for done, one in enumerate(found):
            if on_progress is not None:
                on_progress(one.dataset, done, len(found))
            dataset = catalogue[one.dataset]
            if one.rows:
                path = _write_deletions(writer, catalogue, dataset, day, now)
                deletions[one.dataset] = path
                rewrites += _rewrite(writer, dataset, path)
            if one.quarantine:
                rewrites.append(_drop_quarantine(one))
        forget_persons(writer.view, catalogue, deletions, vault)
        writer.commit([], now=now, rewrites=rewrites)
        LakeWriter(lake).sweep()
    return found


def rule_words(rule: str) -> Words:
    """A rule in words.

    Examples
    --------
    >>> rule_words("years:5:decided_on").en
    '5 years after decided_on'
    >>> rule_words("consent:30").en
    '30 days after the end of the consent'
    """
    kind, number, *column = rule.split(":")
    if kind == "years":
        return Words(zh=f"自 {column[0]} 起满 {number} 年", en=f"{number} years after {column[0]}")
    return Words(zh=f"授权终止后满 {number} 天", en=f"{number} days after the end of the consent")


def _due_of(view: LakeView, catalogue: Catalogue, dataset: Dataset, today: date) -> Due | None:
    rows: dict[str, int] = {}
    query = _due_rows(view, catalogue, dataset, today)
    if query is not None:
        with connect() as connection:
            counted = f"SELECT rule, count(*) FROM ({query}) GROUP BY rule ORDER BY rule"
            rows = {str(rule): int(n) for rule, n in connection.execute(counted).fetchall()}
    files, rejected = _due_quarantine(view, dataset, today)
    return Due(dataset.name, rows, files, rejected) if rows or files else None


def _due_rows(view: LakeView, catalogue: Catalogue, dataset: Dataset, today: date) -> str | None:
    """Query of (row_id, rule); None where nothing of the dataset is ever due."""
    cases = list(_cases(dataset, today))
    if not cases or not view.files(dataset.name):
        return None
    rows = f"{view.rows(dataset)} AS r"
    if any(rule.startswith("consent") for rule, _ in cases):
        ends = consents_at(view, catalogue, today)
        rows += f" LEFT JOIN ({ends}) AS e USING (enterprise_key, consent_id)"
    chosen = " ".join(f"WHEN {condition} THEN {literal(rule)}" for rule, condition in cases)
    return f"SELECT row_id, rule FROM (SELECT row_id, CASE {chosen} END AS rule FROM {rows}) WHERE rule IS NOT NULL"


def _cases(dataset: Dataset, today: date) -> Iterator[tuple[str, str]]:
    """Rules of a dataset, each with the condition under which a row is past its last day."""
    retention = dataset.document.retention
    if retention is None:
        return
    if retention.years is not None and retention.counts_from is not None:
        day = _day(dataset, retention.counts_from)
        condition = f"{day} + INTERVAL {retention.years:d} YEAR < DATE '{today}'"
        yield f"years:{retention.years}:{retention.counts_from}", condition
    if retention.days_after_consent is not None and dataset.needs_consent:
        condition = f"e.ended_on + {retention.days_after_consent:d} < DATE '{today}'"
        yield f"consent:{retention.days_after_consent}", condition


def _day(dataset: Dataset, name: str) -> str:
    """A stored column as a day; a month counts by its last one."""
    column = dataset.columns.get(name)
    if column is None or column.type not in {"date", "ts", "month"}:
        raise CatalogueError(
            en=f"{dataset.path.name}: retention counts from '{name}', which is no date, month or ts column.",
            zh=f"共享清单 {dataset.path.name}：保存期限的起算列“{name}”不是日期、月份或时间列。",
        )
    if column.type == "month":
        return f"last_day(make_date(r.{name} // 100, r.{name} % 100, 1))"
    return f"CAST(r.{name} AS DATE)"


def _due_quarantine(view: LakeView, dataset: Dataset, today: date) -> tuple[tuple[str, ...], int]:
    rules = load_document(RULES, RetentionRules, CatalogueError).quarantine
    in_force = [rule for rule in rules if rule.since <= today]
    if not in_force:
        return (), 0
    latest = max(in_force, key=lambda rule: rule.since)
    limit = today - timedelta(days=latest.days)
    kept = {path.relative_to(view.root).as_posix() for path in view.quarantine_files(dataset.name)}
    old = [
        batch
        for batch in view.batches
        if batch.quarantine in kept and datetime.fromisoformat(batch.collected_at).date() < limit
    ]
    return tuple(str(batch.quarantine) for batch in old), sum(batch.rejected for batch in old)


def _drop_quarantine(found: Due) -> Rewrite:
    return Rewrite(
        dataset=found.dataset,
        batches=(),
        data=None,
        retired=None,
        rows=0,
        deleted=found.rejected,
        reason="retain",
        dropped=found.quarantine,
    )


def _write_deletions(
    writer: LakeWriter, catalogue: Catalogue, dataset: Dataset, today: date, now: datetime
) -> Path:
    path = writer.new_file("deletions", dataset.name, f"{writer.view.version + 1:08d}")
    at = f"TIMESTAMP '{now.isoformat(sep=' ', timespec='seconds')}' AS deleted_at"
    query = _due_rows(writer.view, catalogue, dataset, today)
    with connect() as connection:
        landing.copy_to(
            connection, f"SELECT row_id, rule, {at} FROM ({query}) ORDER BY row_id", path
        )
    return path


def _rewrite(writer: LakeWriter, dataset: Dataset, deletions: Path) -> list[Rewrite]:
    """One rewrite for every segment that holds a row that goes, or names one as superseded."""
    segments = writer.view.segments_of(dataset.name)
    going = parquet([deletions], DELETION_COLUMNS)
    retired = [writer.root / segment.retired for segment in segments if segment.retired]
    with connect() as connection:
        counted = f"SELECT row_id >> {LINE_BITS}, count(*) FROM {going} GROUP BY 1"
        by_batch = {int(no): int(n) for no, n in connection.execute(counted).fetchall()}
        touched = {
            name
            for name in retired
            if connection.execute(
                f"SELECT 1 FROM {parquet([name], {})} WHERE row_id IN (SELECT row_id FROM {going}) LIMIT 1"
            ).fetchall()
        }
    rewrites: list[Rewrite] = []
    for place, segment in enumerate(segments):
        deleted = sum(by_batch.get(number, 0) for number in segment.batches)
        is_marked = segment.retired is not None and writer.root / segment.retired in touched
        if deleted or is_marked:
            stem = f"retain-{writer.view.version + 1:08d}-{place}"
            kept = f"row_id NOT IN (SELECT row_id FROM {going})"
            data = _kept_rows(writer, dataset, segment, deleted, stem, kept)
            marks = segment.retired
            if is_marked and segment.retired:
                marks = copy_retired(writer, dataset, [writer.root / segment.retired], stem, kept)
            rewrites.append(
                Rewrite(
                    dataset=dataset.name,
                    batches=segment.batches,
                    data=data,
                    retired=marks,
                    rows=segment.rows - deleted,
                    deleted=deleted,
                    reason="retain",
                    deletions=writer.relative(deletions),
                    contract=segment.contract,
                )
            )
    return rewrites


def _kept_rows(
    writer: LakeWriter, dataset: Dataset, segment: Segment, deleted: int, stem: str, kept: str
) -> str | None:
    if not deleted or segment.data is None:
        return segment.data
    if deleted == segment.rows:
        return None
    return copy_rows(writer, dataset, [writer.root / segment.data], stem, kept)
