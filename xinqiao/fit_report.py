"""What `xinqiao fit` tells a person."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from xinqiao.console import out, say, show

if TYPE_CHECKING:
    from models.table_bundle import TableBundle
    from training.evaluate import Estimate
    from training.table.columns import LabelledTable
    from training.table.monotone import Sweep
    from training.table.report import Report
    from training.table.sentinel import Suspect

_FIGURES = {
    "auc": ("AUC", "AUC"),
    "ks": ("KS", "KS"),
    "pr_auc": ("PR-AUC（平均精度）", "PR AUC (average precision)"),
    "brier": ("Brier 分数", "Brier score"),
    "calibration_slope": ("校准斜率", "calibration slope"),
    "ece": ("期望校准误差", "expected calibration error"),
    "logloss": ("对数损失", "log loss"),
}


@dataclass(frozen=True)
class Fit:
    """What came of it."""

    labelled: "LabelledTable"
    report: "Report"
    suspects: "list[Suspect]"
    sweeps: "list[Sweep]"
    bundle: "TableBundle"
    content: dict[str, object]


def print_fit(done: Fit) -> None:
    """Print the figures of held-out rows, then what was chosen and where it is."""
    report, labelled = done.report, done.labelled
    show(
        f"检验：{report.n} 行，{report.positives} 行为“{labelled.positive}”（{report.rate:.2%}）；"
        f"方式 {report.protocol}；缺少目标而未用 {labelled.without_outcome} 行",
        f"Held out: {report.n} rows, {report.positives} with '{labelled.positive}' ({report.rate:.2%}); "
        f"protocol {report.protocol}; left out for want of an outcome: {labelled.without_outcome}",
    )
    _print_figures(report)
    if len(report.folds) > 1:
        _print_folds(report)
    shapes = sorted({fold.shape for fold in report.folds})
    show(
        f"树形在折内选定：各折 {'、'.join(shapes)}；模型包 {report.shape}，{report.trees} 棵树",
        f"Shape chosen inside the folds: {', '.join(shapes)}; in the bundle {report.shape}, {report.trees} trees",
    )
    for sweep in done.sweeps:
        show(
            f"方向已验证：{sweep.column} {sweep.direction:+d}（{sweep.rows} 行 × {sweep.values} 个取值）",
            f"Direction holds: {sweep.column} {sweep.direction:+d} ({sweep.rows} rows × {sweep.values} values)",
        )
    unused = [column for column in labelled.columns if column.name not in _read_by(done)]
    for column in unused:
        show(
            f"未使用 {column.name}：{column.reason.zh}",
            f"Not used: {column.name}: {column.reason.en}",
        )
    show(f"模型包 → {done.bundle.path}", f"Bundle → {done.bundle.path}")


def _read_by(done: Fit) -> set[str]:
    return {column.name for column in done.bundle.manifest.columns}


def _print_figures(report: "Report") -> None:
    drawn = report.drawn.replace("rows", say("行", "rows"))
    title = say(
        f"95% 区间：在折与结果内重抽样（{drawn}）",
        f"95% intervals: {drawn} drawn again within fold and outcome",
    )
    table = Table(title=title, title_justify="left")
    table.add_column(say("指标", "figure"))
    several = len(report.folds) > 1
    table.add_column(say("全部检验行", "all held-out rows"), justify="right")
    if several:
        table.add_column(say("各折均值", "mean of folds"), justify="right")
    for name, (zh, en) in _FIGURES.items():
        cells = [_shown(report.pooled[name])]
        cells += [_shown(report.mean_of_folds[name])] if several else []
        table.add_row(say(zh, en), *cells)
    out.print(table)


def _print_folds(report: "Report") -> None:
    table = Table(title=say("各折", "Folds"), title_justify="left")
    for zh, en in (("折", "fold"), ("行", "rows"), ("正样本", "positives"), ("AUC", "AUC")):
        table.add_column(say(zh, en), justify="right")
    for zh, en in (("树形", "shape"), ("树", "trees")):
        table.add_column(say(zh, en), justify="right")
    for fold in report.folds:
        told = (str(fold.n), str(fold.positives), _shown(fold.figures["auc"]))
        table.add_row(fold.name, *told, fold.shape, str(fold.trees))
    out.print(table)


def _shown(found: "Estimate") -> str:
    return f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"
