"""How the probability moves with single features, and whether it keeps to their directions."""

import numpy as np

from models.arrays import FloatArray
from training.dossier.blocks import Block, Chart, Note, Section, Table, number
from training.dossier.review import Review
from training.dossier.svg import Axes, Line, draw_lines, round_top

_SWEPT, _SWEEP_ROWS, _STEPS = 6, 200, 21
_SHAPE_COST = "gini_lost_to_shape"
_ROUNDING = 1e-9


def shape(review: Review) -> Section:
    """Partial effect of the most important features, with the direction each has to keep."""
    say = review.say
    blocks: list[Block] = [_shape_cost(review)]
    swept = [column for column in review.important if _values_of(review, column).size > 1][:_SWEPT]
    blocks += [_curve(review, column) for column in swept]
    if not swept:
        blocks.append(
            Note(
                say(
                    "没有一个特征有足够多的不同取值。",
                    "No feature is known of enough rows with more than one value.",
                )
            )
        )
    return Section(
        "shape",
        say("方向与形状", "Direction and shape"),
        say(
            "只改变一个特征、其余保持不变时的平均违约概率。声明了方向的特征，曲线只能向该方向变化；违反的次数须为零。"
            "取值为第 5 至第 95 百分位并取两位有效数字。",
            "The mean probability of default when one feature is moved and all others stay. A feature with a declared "
            "direction may only move that way, and the count of breaches must be 0. Values run from the 5th to "
            "the 95th percentile, to two digits.",
        ),
        tuple(blocks),
    )


def _shape_cost(review: Review) -> Note:
    say, figure = review.say, review.study.figures.get(_SHAPE_COST)
    if figure is None:
        return Note(
            say(
                "形状约束的代价：本次训练未测量。",
                "The cost of the shape was not measured in this training.",
            )
        )
    told = f"{say.percent(figure.value)} ({say.percent(figure.low)} … {say.percent(figure.high)})"
    return Note(
        say(
            f"形状约束的代价：与无约束模型相比，Gini 相对损失 {told}；目标不超过 1 %。",
            f"The cost of the shape: {told} of the Gini of a free model; the aim is at most 1 %.",
        )
    )


def _values_of(review: Review, column: int) -> FloatArray:
    """Values to sweep over, shape (m,); none of a feature that too few rows know.

    They are percentiles to two digits, so that no firm's value is shown.
    """
    values = review.study.development.matrix[:, column]
    known = values[np.isfinite(values)]
    if known.size < review.limits.segment_rows_from.value:
        return known[:0]
    found = np.quantile(known, np.linspace(0.05, 0.95, _STEPS))
    return np.unique([float(f"{value:.2g}") for value in found.tolist()])


def sweep(review: Review, column: int, values: FloatArray) -> FloatArray:
    """Probability of default of some firms at each value of one feature, shape (firms, m)."""
    rows = review.explained.rows
    some = rows[np.linspace(0, len(rows) - 1, min(_SWEEP_ROWS, len(rows))).round().astype(np.int64)]
    firms = review.later.matrix[some]
    repeated = np.repeat(firms, len(values), axis=0)
    repeated[:, column] = np.tile(values, len(firms))
    margin = review.bundle.model.margin(repeated)
    return review.bundle.line.probability(margin).reshape(len(firms), len(values))


def breaches(probability: FloatArray, direction: int) -> int:
    """Steps of single firms against the direction; 0 for a feature that is free."""
    return int((np.diff(probability, axis=1) * direction < -_ROUNDING).sum())


def _curve(review: Review, column: int) -> Chart:
    say, feature = review.say, review.bundle.manifest.features[column]
    values = _values_of(review, column)
    probability = sweep(review, column, values)
    mean = probability.mean(axis=0)
    told = {
        1: say("声明方向：越高风险越高", "declared: higher is riskier"),
        -1: say("声明方向：越高越安全", "declared: higher is safer"),
        0: say("未声明方向", "no direction declared"),
    }[feature.direction]
    count = breaches(probability, feature.direction)
    title = say(
        f"{review.feature_title(column)}（{told}；违反 {count} 次）",
        f"{review.feature_title(column)} ({told}; breaches: {count})",
    )
    words = (say("取值", "value"), say("平均违约概率", "mean probability"))
    axes = Axes(
        feature.name,
        words[1],
        (float(values[0]), float(values[-1])),
        (0.0, round_top(float(mean.max()))),
        lambda v: f"{v:.3g}",
        lambda v: say.percent(v, 1),
    )
    rows = [
        (number(f"{value:.3g}"), number(say.percent(p)))
        for value, p in zip(values.tolist(), mean.tolist(), strict=True)
    ]
    drawn = draw_lines(title, [Line(words[1], values, mean)], axes, has_dots=True)
    return Chart(title, drawn, Table(title, words, tuple(rows)))
