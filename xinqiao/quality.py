"""`xinqiao quality …`: what was delivered, when, how complete, and where sources disagree."""

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from features.clock import now_in_shanghai
from features.contracts import Catalogue, load_catalogue
from features.errors import QualityError, RequestError
from features.lake import Lake
from features.quality.conflicts import ConflictCount, count_conflicts, load_conflicts
from features.quality.duties import load_duties
from features.quality.page import percent, plain, render_page
from features.quality.rejects import write_rejects
from features.quality.report import QualityReport, SourceQuality, make_report
from features.quality.wording import explain
from xinqiao.console import Json, out, progress, say, show, show_json
from xinqiao.settings import load_settings

#: Reasons, columns and missing periods named in the terminal; the page and --json give all.
SHOWN = 3
#: Months of the rate shown in the terminal.
MONTHS = 6
#: More sources than these are told apart by the tables alone.
SOURCES_IN_DETAIL = 5

app = typer.Typer(
    help="""数据质量 · quality of what was delivered.

例 Example: xinqiao quality --as-of 2026-03-31 --html quality.html
"""
)


@app.callback(invoke_without_command=True)
def quality(
    context: typer.Context,
    as_of: Annotated[str | None, typer.Option(help="截止日 · as-of date, YYYY-MM-DD")] = None,
    dataset: Annotated[str | None, typer.Option(help="只看一个数据集 · one dataset only")] = None,
    provider: Annotated[
        str | None, typer.Option(help="只看一个提供单位 · one provider only")
    ] = None,
    duties: Annotated[
        Path | None, typer.Option(help="归集责任清单 duties.yaml · who owes what")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="写成网页 · write a page")] = None,
    *,
    as_json: Json = False,
) -> None:
    """归集率、及时性、完整性、拒收原因与来源间的矛盾。 Collection rate, timeliness, completeness, rejects, conflicts.

    例 Example: xinqiao quality --as-of 2026-03-31 --html quality.html
    """
    if context.invoked_subcommand is not None:
        return
    now = now_in_shanghai()
    day = _day(as_of, now)
    catalogue = load_catalogue()
    view = Lake(load_settings().lake).view()
    stated = load_duties(duties, catalogue) if duties is not None else None
    with progress("统计数据质量", "Measure quality") as advance:
        report = make_report(
            view,
            catalogue,
            day,
            now=now,
            duties=stated,
            dataset=dataset,
            provider=provider,
            on_progress=advance,
        )
        wanted = [c for c in load_conflicts() if dataset is None or dataset in c.datasets]
        conflicts = count_conflicts(view, catalogue, day, now=now, conflicts=wanted)
    if html is not None:
        _write(html, render_page(report, conflicts, catalogue))
    if as_json:
        show_json(_as_json(report, conflicts))
        return
    _print_sources(report)
    _print_months(report)
    _print_details(report, catalogue)
    _print_conflicts(conflicts)


@app.command()
def rejects(
    dataset: Annotated[str, typer.Option(help="数据集 · dataset")],
    out_file: Annotated[Path, typer.Option("--out", help="写入的 CSV · the CSV to write")],
    provider: Annotated[str | None, typer.Option(help="提供单位 · provider")] = None,
    batch: Annotated[int | None, typer.Option(help="批次号 · batch number")] = None,
) -> None:
    """拒收明细：逐行说明原因与处理办法，供提供单位更正后重新送达。 Rejected rows, why, and what to do.

    例 Example: xinqiao quality rejects --dataset invoice_line --out rejects.csv
    """
    contract = load_catalogue()[dataset]
    view = Lake(load_settings().lake).view()
    written = write_rejects(view, contract, out_file, provider=provider, batch_no=batch)
    show(
        f"{out_file}：{written:,} 条拒收原因。更正后重新送达即可。",
        f"{out_file}: {written:,} reasons of rejected rows. Correct them and deliver again.",
    )


def _day(text: str | None, now: datetime) -> date:
    if text is None:
        return now.date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(
            en=f"'{text}' is no date. Write YYYY-MM-DD, e.g. 2026-03-31.",
            zh=f"“{text}”不是日期，请写成 YYYY-MM-DD，例如 2026-03-31。",
        ) from None


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as failed:
        raise QualityError(
            en=f"{path} cannot be written: {failed.strerror}. Choose another place.",
            zh=f"无法写入 {path}：{failed.strerror}。请换一个位置。",
        ) from failed


def _as_json(report: QualityReport, conflicts: list[ConflictCount]) -> object:
    rates = {
        (source.dataset, source.provider): source.calendar.rate
        for source in report.sources
        if source.calendar
    }
    content = asdict(report)
    for source in content["sources"]:
        source["collection_rate"] = rates.get((source["dataset"], source["provider"]))
    counted = [
        {
            "name": found.conflict.name,
            "zh": found.conflict.zh,
            "en": found.conflict.en,
            "compared": found.compared,
            "conflicting": found.conflicting,
            "share": found.share,
            "enterprises": found.enterprises,
            "examples": [asdict(example) for example in found.examples],
        }
        for found in conflicts
    ]
    return content | {"conflicts": counted}


def _print_sources(report: QualityReport) -> None:
    table = Table(
        title=say(f"数据质量 · 截至 {report.as_of_date}", f"Quality as of {report.as_of_date}")
    )
    _add_source_columns(table)
    for zh, en in (
        ("送达", "rows"),
        ("入库", "landed"),
        ("拒收", "rejected"),
        ("存疑", "doubtful"),
        ("及时率", "on time"),
        ("归集率", "collected"),
    ):
        table.add_column(say(zh, en), justify="right", no_wrap=True)
    for s in report.sources:
        counts = (s.delivered, s.landed, s.rejected, s.doubtful)
        rate = percent(s.calendar.rate if s.calendar else None)
        shown = (*(f"{count:,}" for count in counts), percent(s.timeliness.share), rate)
        table.add_row(s.dataset, s.provider, *shown)
    out.print(table)


def _add_source_columns(table: Table) -> None:
    for zh, en in (("数据集", "dataset"), ("提供单位", "provider")):
        table.add_column(say(zh, en), overflow="fold")


def _print_months(report: QualityReport) -> None:
    """The newest months of the collection rate and of the enterprises covered."""
    found = {m.month for s in report.sources if s.calendar for m in s.calendar.months}
    months = sorted(found)[-MONTHS:]
    if not months:
        return
    table = Table(
        title=say("归集率，下行为企业覆盖率", "Collection rate, below it enterprises covered")
    )
    _add_source_columns(table)
    for month in months:
        table.add_column(f"{month}", justify="right", no_wrap=True)
    for s in report.sources:
        rates = {m.month: m.rate for m in s.calendar.months} if s.calendar else {}
        covered = report.coverage[s.dataset]
        cells = [f"{percent(rates.get(m))}\n{percent(covered.share(m))}" for m in months]
        table.add_row(s.dataset, s.provider, *cells)
    out.print(table)


def _print_details(report: QualityReport, catalogue: Catalogue) -> None:
    if len(report.sources) > SOURCES_IN_DETAIL:
        show(
            "逐项说明：加 --dataset 或 --provider，或用 --html 写出全部。",
            "In detail: add --dataset or --provider, or write it all with --html.",
        )
    else:
        for s in report.sources:
            for zh, en in _details(s, catalogue):
                show(f"{s.dataset} · {s.provider}：{zh}", f"{s.dataset} · {s.provider}: {en}")
    for place in report.ranking:
        show(
            f"第 {place.rank} 名 {place.provider}：应交 {place.required}，已交 {place.delivered}，按时 {place.on_time}",
            f"#{place.rank} {place.provider}: {place.required} due, {place.delivered} delivered, "
            f"{place.on_time} on time",
        )


def _details(s: SourceQuality, catalogue: Catalogue) -> list[tuple[str, str]]:
    """What a person should act on, worst first, in both languages."""
    found = [
        (
            f"{s.files:,} 个文件，重复 {s.duplicates:,} 行，更正 {s.superseded:,} 行",
            f"{s.files:,} files, {s.duplicates:,} rows repeated, {s.superseded:,} corrections",
        )
    ]
    if s.timeliness.median_days is not None:
        median, p90 = s.timeliness.median_days, s.timeliness.p90_days
        found.append(
            (
                f"到达中位 {median} 天，九成在 {p90} 天内",
                f"arrives in {median} days (median), {p90} (p90)",
            )
        )
    if s.calendar and s.calendar.missing:
        names = ", ".join(s.calendar.missing[-SHOWN:])
        count = len(s.calendar.missing)
        found.append((f"缺 {count} 期，最近为 {names}", f"{count} periods missing, newest {names}"))
    if s.calendar and s.calendar.late:
        names = ", ".join(s.calendar.late[-SHOWN:])
        count = len(s.calendar.late)
        found.append((f"迟交 {count} 期，最近为 {names}", f"{count} periods late, newest {names}"))
    if s.calendar and s.calendar.dated_back:
        count = s.calendar.dated_back
        found.append(
            (
                f"{count} 期为历史回溯，可用时间依映射推定",
                f"{count} periods are back history, dated by their mapping",
            )
        )
    for reason, count in s.reasons[:SHOWN]:
        w = explain(reason, catalogue[s.dataset])
        found.append(
            (
                f"拒收 {count:,} 行：{w.title.zh} {w.reason.zh}；{w.fix.zh}",
                f"{count:,} rejected: {w.title.en} {w.reason.en}; {w.fix.en}",
            )
        )
    columns = catalogue[s.dataset].columns
    for name, share in sorted(s.completeness.items(), key=lambda item: (item[1], item[0]))[:SHOWN]:
        if share < 1:
            filled = percent(share)
            found.append(
                (f"{columns[name].zh} 填报率 {filled}", f"{columns[name].en} filled in {filled}")
            )
    return found


def _print_conflicts(conflicts: list[ConflictCount]) -> None:
    for found in conflicts:
        if not found.compared:
            continue
        share = percent(found.share)
        show(
            f"{found.conflict.zh}：比对 {found.compared:,} 对，矛盾 {found.conflicting:,}（{share}），"
            f"涉及企业 {found.enterprises:,} 家",
            f"{found.conflict.en}: {found.conflicting:,} of {found.compared:,} pairs ({share}), "
            f"{found.enterprises:,} enterprises",
        )
        for e in found.examples[:SHOWN]:
            where = f" {e.place}" if e.place else ""
            show(
                f"  {e.uscc}{where}：{plain(e.value_a)} ↔ {plain(e.value_b)}",
                f"  {e.uscc}{where}: {plain(e.value_a)} ↔ {plain(e.value_b)}",
            )
