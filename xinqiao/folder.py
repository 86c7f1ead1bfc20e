"""A whole folder into the lake: a commit for each part of it, and one table at the end."""

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.table import Table

from features.contracts import load_catalogue
from features.delivery import DELIVERY, Part, plan_delivery
from features.errors import XinqiaoError
from features.ingest import Delivery
from features.lake import Batch
from xinqiao.console import LANGUAGE, fail, out, say, show, show_json
from xinqiao.landing import land_mapped, report_counts
from xinqiao.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """What became of one part: its deliveries, or why it was refused."""

    part: Part
    deliveries: list[Delivery]
    refused: XinqiaoError | None = None

    @property
    def fresh(self) -> list[Batch]:
        """Batches of this run."""
        return [delivery.batch for delivery in self.deliveries if delivery.is_new]


def land_folder(
    settings: Settings,
    folder: Path,
    document: Path | None,
    *,
    is_strict: bool,
    retry_rejected: bool,
    as_json: bool,
) -> None:
    """Land the parts of a folder in their order; a refused one stops the others only if strict.

    Raises
    ------
    typer.Exit
        With code 1 if a part was refused; what landed before stays.
    """
    plan = plan_delivery(folder, load_catalogue(), document)
    outcomes: list[Outcome] = []
    for part in plan.parts:
        outcomes.append(_land(settings, part, retry_rejected=retry_rejected))
        if is_strict and outcomes[-1].refused is not None:
            break
    if as_json:
        show_json([_as_json(outcome) for outcome in outcomes])
    else:
        _report(outcomes, plan.unclaimed, waiting=len(plan.parts) - len(outcomes))
    if any(outcome.refused is not None for outcome in outcomes):
        raise typer.Exit(1)


def _land(settings: Settings, part: Part, *, retry_rejected: bool) -> Outcome:
    try:
        deliveries = land_mapped(
            settings,
            part.files,
            part.mapping,
            max_rejected=part.max_rejected,
            retry_rejected=retry_rejected,
        )
    except XinqiaoError as refused:
        fail(refused)
        return Outcome(part, [], refused)
    return Outcome(part, deliveries)


def _report(outcomes: list[Outcome], unclaimed: tuple[Path, ...], *, waiting: int) -> None:
    for outcome in outcomes:
        reasons = sum((Counter(batch.reasons) for batch in outcome.fresh), Counter[str]())
        warnings = sum((Counter(batch.warnings) for batch in outcome.fresh), Counter[str]())
        if reasons or warnings:
            name = outcome.part.mapping.dataset.name
            show(f"{name}：", f"{name}:")
            report_counts(name, dict(reasons.most_common()), dict(warnings.most_common()))
    out.print(_table(outcomes))
    if waiting:
        show(
            f"因 --strict，另有 {waiting} 项未处理",
            f"{waiting} more not tried, because of --strict",
        )
    for path in unclaimed:
        show(
            f"{path.name} 不在 {DELIVERY} 中，未读取",
            f"{path.name} is not in {DELIVERY} and was not read",
        )


def _table(outcomes: list[Outcome]) -> Table:
    table = Table()
    table.add_column(say("数据集", "Dataset"))
    titles = (
        ("文件", "Files"),
        ("送达", "Rows"),
        ("入库", "Landed"),
        ("重复", "Repeats"),
        ("拒收", "Rejected"),
    )
    for zh, en in titles:
        table.add_column(say(zh, en), justify="right")
    table.add_column(say("结果", "Result"))
    for outcome in outcomes:
        fresh = outcome.fresh
        counts = (
            len(outcome.part.files),
            sum(batch.delivered for batch in fresh),
            sum(batch.landed for batch in fresh),
            sum(batch.duplicates for batch in fresh),
            sum(batch.rejected for batch in fresh),
        )
        table.add_row(
            outcome.part.mapping.dataset.name, *(f"{count:,}" for count in counts), _result(outcome)
        )
    return table


def _result(outcome: Outcome) -> str:
    if outcome.refused is not None:
        return say("整批退回", "refused")
    known = len(outcome.deliveries) - len(outcome.fresh)
    if not outcome.fresh:
        return say("此前已入库", "landed before")
    if known:
        return say(f"已入库；{known} 个文件此前已入库", f"landed; {known} file(s) had before")
    return say("已入库", "landed")


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "dataset": outcome.part.mapping.dataset.name,
        "mapping": outcome.part.mapping.name,
        "files": [path.name for path in outcome.part.files],
        "refused": outcome.refused and outcome.refused.sentence(LANGUAGE.get()),
        "batches": [{"is_new": d.is_new, **asdict(d.batch)} for d in outcome.deliveries],
    }
