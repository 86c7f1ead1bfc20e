"""How well the model ranks, with intervals, and the ROC curve."""

from collections.abc import Sequence

import numpy as np

from models.arrays import BoolArray, FloatArray
from models.limits import Light, Limit
from models.metrics import auc
from training.dossier.blocks import (
    Block,
    Cell,
    Chart,
    Note,
    Section,
    Table,
    light,
    number,
    text,
)
from training.dossier.review import Review, measured
from training.dossier.svg import Axes, Line, draw_lines
from training.evaluate import Estimate

#: Figures in the order of the page, with their words and digits.
FIGURES: dict[str, tuple[str, str, int]] = {
    "auc": ("AUC", "AUC", 3),
    "gini": ("Gini 系数（2 AUC − 1）", "Gini (2 AUC − 1)", 3),
    "ks": ("KS", "KS", 3),
    "auc_new_firms": ("AUC，训练期未出现的企业", "AUC of firms new since development", 3),
    "brier": ("Brier 分数", "Brier score", 4),
    "log_loss": ("对数损失", "log loss", 4),
    "calibration_slope": ("校准斜率（理想值 1）", "calibration slope (1 is right)", 2),
    "calibration_intercept": ("校准截距（理想值 0）", "calibration intercept (0 is right)", 2),
    "observed_expected": ("实际与预期违约之比", "observed over expected defaults", 2),
}
_CURVE = 40


def performance(review: Review) -> Section:
    """Figures out of time with intervals, the fall since development, the ROC curve."""
    say = review.say
    return Section(
        "performance",
        say("区分能力与总体水平", "Performance"),
        say(
            "每个指标在训练未见过的较晚日期上计算；括号内为 95 % 区间（按企业重抽样）。区间越宽，结论越不确定。",
            "Every figure is of later dates the model has not seen, with its 95 % interval from drawing firms; "
            "the wider it is, the less is known.",
        ),
        (_figures(review), _fall(review), *_roc(review)),
    )


def figure_light(review: Review, name: str, figure: Estimate) -> Light | None:
    """Light of a figure that has a limit."""
    limit = limits_of(review).get(name)
    return limit.light(figure.value) if limit and np.isfinite(figure.value) else None


def limits_of(review: Review) -> dict[str, Limit]:
    """Limits by figure."""
    return {
        "auc": review.limits.auc,
        "ks": review.limits.ks,
        "calibration_slope": review.limits.calibration_slope,
        "calibration_intercept": review.limits.calibration_intercept,
    }


def figures_of(review: Review) -> dict[str, Estimate]:
    """The study's figures, Gini among them, in the order of the page."""
    told = dict(review.study.figures)
    if "auc" in told:
        area = told["auc"]
        told["gini"] = Estimate(2 * area.value - 1, 2 * area.low - 1, 2 * area.high - 1)
    return {name: told[name] for name in FIGURES if name in told}


def auc_fall(review: Review) -> float | None:
    """AUC of development less AUC out of time."""
    before, after = (
        measured(lambda s=sample: auc(s.is_default, s.probability))
        for sample in (review.study.development, review.study.out_of_time)
    )
    return None if before is None or after is None else before - after


def _figures(review: Review) -> Table:
    say = review.say
    rows: list[tuple[Cell, ...]] = []
    for name, figure in figures_of(review).items():
        zh, en, digits = FIGURES[name]
        rows.append(
            (
                text(say(zh, en)),
                number(say.number(figure.value, digits)),
                number(say.span(figure.low, figure.high, digits=digits)),
                light(figure_light(review, name, figure), say)
                if name in limits_of(review)
                else Cell(say("无阈值", "no limit"), "unjudged"),
            )
        )
    return Table(
        say("时间外指标", "Figures out of time"),
        (
            say("指标", "figure"),
            say("值", "value"),
            say("95 % 区间", "95 % interval"),
            say("灯", "light"),
        ),
        tuple(rows),
    )


def _fall(review: Review) -> Note:
    say, fall = review.say, auc_fall(review)
    if fall is None:
        return Note(
            say(
                "某一样本只有一种结果，无法比较开发期与时间外的 AUC。",
                "One sample has one outcome only, so development and out of time cannot be compared.",
            )
        )
    told = light(review.limits.auc_fall.light(fall), say).text
    before = review.study.development
    area = say.number(auc(before.is_default, before.probability))
    return Note(
        say(
            f"开发期 AUC {area}（由未见过该企业的模型给出）；开发期减时间外 {fall:+.3f}：{told}。",
            f"AUC in development {area}, from models that had not seen the firm; development less out of time "
            f"{fall:+.3f}: {told}.",
        )
    )


def roc_curve(is_default: BoolArray, risk: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares of others and of defaults at or above each risk, from (0, 0) to (1, 1).

    Examples
    --------
    >>> [share.tolist() for share in roc_curve(np.array([True, False]), np.array([0.5, 0.5]))]
    [[0.0, 1.0], [0.0, 1.0]]
    """
    order = np.argsort(-risk, kind="stable")
    is_last = np.append(np.diff(risk[order]) != 0, [True])
    bad = np.cumsum(is_default[order])[is_last] / is_default.sum()
    good = np.cumsum(~is_default[order])[is_last] / (~is_default).sum()
    return np.append([0.0], good), np.append([0.0], bad)


def _roc(review: Review) -> Sequence[Block]:
    say, sample = review.say, review.study.out_of_time
    if measured(lambda: auc(sample.is_default, sample.probability)) is None:
        return [
            Note(
                say(
                    "时间外样本只有一种结果，没有 ROC 曲线。",
                    "Out of time there is one outcome only, so there is no ROC curve.",
                )
            )
        ]
    good, bad = roc_curve(sample.is_default, sample.probability)
    shares = np.linspace(0, 1, _CURVE + 1)
    caught = np.interp(shares, good, bad)
    title = say("ROC 曲线（时间外）", "ROC curve, out of time")
    words = (
        say("误判的未违约占比", "others called risky"),
        say("识别的违约占比", "defaults caught"),
    )
    axes = Axes(*words, (0, 1), (0, 1), lambda v: say.percent(v, 0), lambda v: say.percent(v, 0))
    lines = [
        Line(say("模型", "model"), good, bad),
        Line(say("随机", "by chance"), shares[[0, -1]], shares[[0, -1]]),
    ]
    rows = [
        (number(say.percent(a, 1)), number(say.percent(b, 1)))
        for a, b in zip(shares[::2].tolist(), caught[::2].tolist(), strict=True)
    ]
    return [Chart(title, draw_lines(title, lines, axes), Table(title, words, tuple(rows)))]
