"""The quality report: what the lake's log and files say of every provider and dataset, as of a day."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from features.clock import end_of
from features.contracts import Catalogue, Dataset
from features.errors import QualityError
from features.lake import Batch, LakeView
from features.quality.calendar import Calendar, arrivals, keep_calendar
from features.quality.coverage import Coverage, base_of, cover, enterprise_keys
from features.quality.duties import Duty, duties_seen
from features.quality.measures import Cell, measure, quantile

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Timeliness:
    """How soon rows came after their event.

    Parameters
    ----------
    rows : int
        Rows that date their event.
    on_time : int
        Those available within `allowed_days` of the end of its day.
    median_days, p90_days : int or None
        Started days from the end of the event's day until a row was available [days].
    """

    rows: int
    on_time: int
    median_days: int | None
    p90_days: int | None
    allowed_days: int

    @property
    def share(self) -> float | None:
        """Rows on time, in [0, 1]; None without dated rows."""
        return self.on_time / self.rows if self.rows else None


@dataclass(frozen=True)
class SourceQuality:
    """One dataset from one provider.

    Parameters
    ----------
    files, delivered, landed, rejected, duplicates, superseded, doubtful : int
        From the log of its batches; all but the first in rows.
    reasons, warnings : tuple of (str, int)
        `column:code` and rows, most frequent first.
    completeness : dict of str to float
        Share of current rows that have a value, by optional column, in [0, 1].
    calendar : Calendar or None
        None where a list of duties names none for it.
    """

    dataset: str
    provider: str
    files: int
    delivered: int
    landed: int
    rejected: int
    duplicates: int
    superseded: int
    doubtful: int
    reasons: tuple[tuple[str, int], ...]
    warnings: tuple[tuple[str, int], ...]
    completeness: Mapping[str, float]
    timeliness: Timeliness
    calendar: Calendar | None


@dataclass(frozen=True)
class Place:
    """One provider in the ranking; equal figures share a rank."""

    rank: int
    provider: str
    required: int
    delivered: int
    on_time: int


@dataclass(frozen=True)
class QualityReport:
    """All sources in the order of dataset and provider, and how their enterprises are covered."""

    as_of_date: date
    lake_version: int
    has_stated_duties: bool
    sources: tuple[SourceQuality, ...]
    coverage: Mapping[str, Coverage]
    ranking: tuple[Place, ...]


def make_report(
    view: LakeView,
    catalogue: Catalogue,
    as_of_date: date,
    *,
    now: datetime,
    duties: Sequence[Duty] | None = None,
    dataset: str | None = None,
    provider: str | None = None,
    on_progress: Progress | None = None,
) -> QualityReport:
    """Measure the lake as of a day.

    Parameters
    ----------
    duties : sequence of Duty, optional
        Who owes what; without it every provider is held to its own first delivery.
    dataset, provider : str, optional
        Only these.
    on_progress : callable
        Told `(datasets done, datasets in all)`.

    Raises
    ------
    QualityError
        If nothing is left to report on.
    CatalogueError
        If there is no such dataset.
    """
    if dataset is not None:
        dataset = catalogue[dataset].name
    owed = [
        duty for duty in duties or () if _is_meant(duty.dataset, duty.provider, dataset, provider)
    ]
    batches = [b for b in view.batches if _is_meant(b.dataset, b.provider, dataset, provider)]
    names = sorted({b.dataset for b in batches} | {duty.dataset for duty in owed})
    sources: list[SourceQuality] = []
    coverage: dict[str, Coverage] = {}
    registered, consented = enterprise_keys(view, catalogue, as_of_date, now=now)
    for done, name in enumerate(names):
        if on_progress is not None:
            on_progress(done, len(names))
        mine = [b for b in batches if b.dataset == name]
        stated = None if duties is None else [duty for duty in owed if duty.dataset == name]
        found = _measure_dataset(view, catalogue, name, mine, stated, as_of_date)
        sources += found
        if found:
            base = base_of(catalogue[name], registered, consented)
            coverage[name] = cover(view, catalogue[name], as_of_date, base)
    if not sources:
        raise _nothing(view, as_of_date, dataset, provider)
    return QualityReport(
        as_of_date, view.version, duties is not None, tuple(sources), coverage, rank(sources)
    )


def rank(sources: Iterable[SourceQuality]) -> tuple[Place, ...]:
    """Providers by collection rate, then punctuality; ties share a rank, in the order of names.

    Whoever had nothing due is not ranked.
    """
    sums: dict[str, list[int]] = {}
    for source in sources:
        if source.calendar is None or not source.calendar.required:
            continue
        counted = sums.setdefault(source.provider, [0, 0, 0])
        calendar = source.calendar
        for place, count in enumerate((calendar.required, calendar.delivered, calendar.on_time)):
            counted[place] += count
    keys = {name: (-d / r, -t / r) for name, (r, d, t) in sums.items()}
    ordered = sorted(keys, key=lambda name: (keys[name], name))
    better = Counter(keys.values())
    return tuple(
        Place(1 + sum(n for key, n in better.items() if key < keys[name]), name, *sums[name])
        for name in ordered
    )


def _is_meant(name: str, source: str, dataset: str | None, provider: str | None) -> bool:
    return dataset in {None, name} and provider in {None, source}


def _measure_dataset(
    view: LakeView,
    catalogue: Catalogue,
    name: str,
    batches: Sequence[Batch],
    stated: Sequence[Duty] | None,
    as_of_date: date,
) -> list[SourceQuality]:
    """Every provider of one dataset, by name."""
    dataset = catalogue[name]
    weekly = {dataset.document.cadence, *(duty.cadence for duty in stated or ())}
    cells = measure(view, dataset, as_of_date, by_day="weekly" in weekly)
    collected = {b.batch_no: datetime.fromisoformat(b.collected_at) for b in batches}
    seen = {cell.batch_no for cell in cells}
    known = [
        b for b in batches if b.batch_no in seen or collected[b.batch_no] <= end_of(as_of_date)
    ]
    by_provider: dict[str, list[Cell]] = {b.provider: [] for b in known}
    provider_of = {b.batch_no: b.provider for b in known}
    for cell in cells:
        if cell.batch_no in provider_of:
            by_provider[provider_of[cell.batch_no]].append(cell)
    if stated is None:
        first = [
            (who, name, min(cell.day for cell in mine)) for who, mine in by_provider.items() if mine
        ]
        stated = duties_seen(first, catalogue)
    duties = {duty.provider: duty for duty in stated}
    return [
        _measure_source(
            dataset,
            who,
            [b for b in known if b.provider == who],
            by_provider.get(who, []),
            duties.get(who),
            collected,
            as_of_date,
        )
        for who in sorted(by_provider.keys() | duties.keys())
    ]


def _measure_source(
    dataset: Dataset,
    provider: str,
    batches: Sequence[Batch],
    cells: Sequence[Cell],
    duty: Duty | None,
    collected: Mapping[int, datetime],
    as_of_date: date,
) -> SourceQuality:
    calendar = duty and keep_calendar(duty, arrivals(cells, duty, collected), as_of_date)
    return SourceQuality(
        dataset=dataset.name,
        provider=provider,
        files=len(batches),
        delivered=sum(b.delivered for b in batches),
        landed=sum(b.landed for b in batches),
        rejected=sum(b.rejected for b in batches),
        duplicates=sum(b.duplicates for b in batches),
        superseded=sum(b.superseded for b in batches),
        doubtful=sum(b.warned for b in batches),
        reasons=_ranked(b.reasons for b in batches),
        warnings=_ranked(b.warnings for b in batches),
        completeness=_completeness(cells),
        timeliness=_timeliness(cells, dataset.document.available_lag_days),
        calendar=calendar,
    )


def _ranked(counts: Iterable[Mapping[str, int]]) -> tuple[tuple[str, int], ...]:
    summed: Counter[str] = Counter()
    for counted in counts:
        summed.update(counted)
    return tuple(sorted(summed.items(), key=lambda item: (-item[1], item[0])))


def _completeness(cells: Sequence[Cell]) -> dict[str, float]:
    current = sum(cell.current for cell in cells)
    if not current:
        return {}
    return {name: sum(cell.filled[name] for cell in cells) / current for name in cells[0].filled}


def _timeliness(cells: Sequence[Cell], allowed_days: int) -> Timeliness:
    delays: Counter[int] = Counter()
    for cell in cells:
        delays[cell.delay_days] += cell.rows - cell.undated
    delays = +delays
    return Timeliness(
        rows=delays.total(),
        on_time=sum(rows for days, rows in delays.items() if days <= allowed_days),
        median_days=quantile(delays, 0.5),
        p90_days=quantile(delays, 0.9),
        allowed_days=allowed_days,
    )


def _nothing(
    view: LakeView, as_of_date: date, dataset: str | None, provider: str | None
) -> QualityError:
    if not view.batches:
        return QualityError(
            en=f"The lake {view.root} is empty, so there is nothing to report on. "
            "Deliver a file with `xinqiao ingest` first.",
            zh=f"数据湖 {view.root} 为空，没有可报告的内容。请先用 `xinqiao ingest` 入库。",
        )
    sources = "; ".join(sorted({f"{b.provider}: {b.dataset}" for b in view.batches}))
    asked = " · ".join(name for name in (dataset, provider) if name) or "*"
    return QualityError(
        en=f"Nothing of {asked} had been delivered by {as_of_date}. Delivered so far: {sources}.",
        zh=f"截至 {as_of_date} 没有 {asked} 的数据送达。已送达：{sources}。",
    )
