"""`xinqiao train alert`: a new early warning from the lake."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from features.clock import now_in_shanghai
from features.contracts import Catalogue, load_catalogue
from features.definitions import REGISTRY
from features.errors import BundleError
from features.lake import Lake, LakeView
from models.alert import alert_6m
from models.bundle import Bundle, load_bundle
from models.rating import BASE_12M
from models.signals.book import load_signals
from models.watching.setting import COLUMNS
from xinqiao.console import Json, out, say, show, show_json
from xinqiao.settings import Settings, load_settings
from xinqiao.train import bars, print_figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.alert_evaluation import AlertReport
    from training.alert_model import Named, TrainedAlert
    from training.evaluate import Estimate

HELP = """训练、验证并登记贷后预警模型。 Train, validate and register the early warning.

例 Example: xinqiao train alert --as-of 2026-06-30
"""
_WAYS = {
    "model": ("预警模型", "early warning"),
    "with_signals": ("模型与信号合计", "model and signals together"),
    "late_before": ("过去一年逾期天数", "days late in the last year"),
    "base_rating": ("十二个月评级", "12-month rating"),
}
_FIGURES = {
    "alerted_share": ("每月预警占比", "alerted a month"),
    "precision": ("命中率", "precision"),
    "recall": ("逾期超30天的召回率", "recall of over 30 days late"),
    "recall_defaults": ("其中违约的召回率", "recall of those that default"),
    "recall_events": ("全部事件的召回率", "recall of all events"),
    "median_lead_days": ("提前天数中位数", "median lead, days"),
}


def alert(
    as_of: Annotated[
        datetime,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="数据截止日 · last day of the data"),
    ],
    *,
    as_json: Json = False,
) -> None:
    """Train on the data until a day and print what the later months say."""
    trained = train(load_settings(), as_of.date())
    if as_json:
        manifest = trained.bundle.manifest
        show_json({"bundle_id": trained.bundle.id, "run_id": trained.run_id, **manifest.metrics})
    else:
        print_alert(trained)


def train(settings: Settings, data_until: date) -> "TrainedAlert":
    """Train the early warning and hold it against the 12-month rating, if there is one."""
    from training.alert_model import train_alert  # noqa: PLC0415 - takes seconds to load

    catalogue, lake, now = load_catalogue(), Lake(settings.lake).view(), now_in_shanghai()
    with bars() as advance:
        return train_alert(
            lake,
            catalogue,
            REGISTRY,
            alert_6m(catalogue),
            data_until=data_until,
            now=now,
            bundles=settings.bundles,
            mlruns=settings.mlruns,
            parts=settings.months,
            base_rating=_base_rating(settings),
            named=_named_by_signals(settings, lake, catalogue, now),
            on_progress=advance,
        )


def _named_by_signals(
    settings: Settings, lake: LakeView, catalogue: Catalogue, now: datetime
) -> "Named":
    """Asks whom the signals in force name, so that the model gets what they leave of the budget."""
    from training.signal_alerts import is_acted_on, signal_levels  # noqa: PLC0415 - the training room

    return lambda borrowers: is_acted_on(
        signal_levels(
            lake,
            catalogue,
            borrowers,
            load_signals(),
            COLUMNS,
            now=now,
            parts=settings.signal_months,
        )
    )


def _base_rating(settings: Settings) -> Bundle | None:
    """The 12-month rating trained last; None if none was trained, or it no longer fits the features."""
    from models.aliases import candidate_of, named_bundle  # noqa: PLC0415 - the training room

    try:
        return load_bundle(named_bundle(settings.bundles, candidate_of(BASE_12M)), REGISTRY)
    except BundleError:
        return None


def print_alert(trained: "TrainedAlert") -> None:
    """Print how the probability ranks, what alerts are worth, and what they were judged on."""
    borrowers, validation = trained.borrowers, trained.validation
    later, early = borrowers.timeline.out_of_time, borrowers.timeline.development
    print_figures(
        say(
            f"时间外验证：{later[0]} 至 {later[-1]} 的 {len(later)} 个月末，{validation.firms} 家借款企业 "
            f"{len(validation.is_default)} 行，其中 {validation.is_default.sum()} 行发生事件",
            f"Out of time: {len(later)} month ends from {later[0]} to {later[-1]}, "
            f"{len(validation.is_default)} rows of {validation.firms} borrowers, "
            f"{validation.is_default.sum()} with an event",
        ),
        validation.figures,
    )
    _print_alerts(trained.reports)
    report, rows = trained.reports["with_signals"], borrowers.is_development
    months = ", ".join(f"{share:.1%}" for share in report.share_by_month.tolist())
    left_out = ", ".join(f"{reason} {count}" for reason, count in borrowers.excluded.items())
    show(
        f"事件：{trained.bundle.manifest.label.zh}。训练期 {early[0]} 至 {early[-1]}：{rows.sum()} 行，"
        f"{borrowers.is_event[rows].sum()} 行发生事件。各月预警占比：{months}。排除：{left_out}；"
        f"未授权建模而未查看的企业 {borrowers.without_consent} 家。",
        f"Event: {trained.bundle.manifest.label.en}. Development {early[0]} to {early[-1]}: {rows.sum()} "
        f"rows, {borrowers.is_event[rows].sum()} with an event. Alerted by month: {months}. Left out: "
        f"{left_out}; firms not looked at for want of a consent for modelling: {borrowers.without_consent}.",
    )
    show(
        f"模型包 {trained.bundle.id[:12]}，MLflow 运行 {trained.run_id}",
        f"Bundle {trained.bundle.id[:12]}, MLflow run {trained.run_id}",
    )


def _print_alerts(reports: "Mapping[str, AlertReport]") -> None:
    report = reports["model"]
    table = Table(
        title=say(
            f"预警：{report.late} 家企业逾期超过30天，其中 {report.defaulted} 家违约；只计未逾期且提前30天以上的预警"
            "（95% 区间：企业重抽样）",
            f"Alerts: {report.late} firms became over 30 days late, {report.defaulted} of them defaulted; only alerts "
            "while not late and 30 days ahead count (95% intervals: firms drawn again)",
        ),
        title_justify="left",
    )
    table.add_column(say("指标", "figure"))
    for way in reports:
        table.add_column(say(*_WAYS[way]), justify="right")
    for name, words in _FIGURES.items():
        cells = [_cell(name, one.figures[name]) for one in reports.values()]
        table.add_row(say(*words), *cells)
    out.print(table)


def _cell(name: str, figure: "Estimate") -> str:
    if figure.value != figure.value:
        return "–"
    form = ".0f" if name.endswith("_days") else ".1%"
    return f"{figure.value:{form}} ({figure.low:{form}} – {figure.high:{form}})"
