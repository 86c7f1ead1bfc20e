"""What the model does with a firm: direction of features, what counts most, three firms taken apart."""

from collections.abc import Sequence

import numpy as np

from models.arrays import FloatArray
from models.explain import Explanation, explain
from training.dossier.beeswarm import beeswarm
from training.dossier.blocks import Block, Cell, Chart, Note, Section, Table, number, text
from training.dossier.review import Review
from training.dossier.svg import Axes, Bar, Line, draw_bars, draw_lines, round_top

_SWEPT, _SWEEP_ROWS, _STEPS = 6, 200, 21
_LISTED = 15
#: Where in the ranking of risk the three firms stand.
_PLACES = (0.05, 0.50, 0.95)
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


def explanations(review: Review) -> Section:
    """What counts most over many firms, by reason group and by feature."""
    say, points = review.say, review.explained.points
    firms = say.count(len(points))
    return Section(
        "explanations",
        say("总体解释", "What counts most"),
        say(
            f"对 {firms} 家企业求每项分值（与参考企业相比）的平均大小：越长，该项对评分影响越大；它不说明因果。",
            f"The mean size of points over {firms} firms, compared with the reference firms: the longer, the more it "
            "moves scores; it says nothing about causes.",
        ),
        (_group_bars(review), _feature_swarm(review)),
    )


def group_importance(review: Review) -> dict[str, float]:
    """Mean size of each reason group's points [score points], largest first."""
    points, layout = review.explained.points, review.bundle.layout
    found = {
        code: float(np.abs(points[:, members].sum(axis=1)).mean())
        for code, members in zip(layout.groups, layout.members, strict=True)
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _group_bars(review: Review) -> Chart:
    say = review.say
    listed = list(group_importance(review).items())[:_LISTED]
    title = say("各原因组平均分值大小", "Mean size of points by reason group")
    bars = [Bar(review.group_title(c), 0.0, value, say.number(value, 1)) for c, value in listed]
    rows = [(text(review.group_title(c)), number(say.number(value, 2))) for c, value in listed]
    head = (say("原因组", "reason group"), say("平均分值大小", "mean size of points"))
    return Chart(title, draw_bars(title, bars), Table(title, head, tuple(rows)))


def _feature_swarm(review: Review) -> Chart:
    say, shown = review.say, review.important[:_LISTED]
    names = [review.study.features[column] for column in shown]
    found = review.explained
    title = say(
        "各特征的分值分布：每点一家企业，向右为加分；红色为取值高，蓝色为取值低",
        "Points by feature: a dot a firm, to the right it gains; red is a high value, blue a low one",
    )
    drawn = beeswarm(
        found.points[:, shown],
        review.later.matrix[found.rows][:, shown],
        names,
        title,
    )
    importance = found.importance
    rows = [
        (
            text(review.feature_title(column)),
            text(review.study.features[column]),
            number(say.number(float(importance[column]), 2)),
            number(f"{review.bundle.manifest.features[column].direction:+d}"),
        )
        for column in shown
    ]
    head = (
        say("特征", "feature"),
        say("名称", "name"),
        say("平均分值大小", "mean size of points"),
        say("对违约概率的方向", "direction of risk"),
    )
    return Chart(title, drawn, Table(title, head, tuple(rows)))


def examples(review: Review) -> Section:
    """Three firms of low, middle and high risk, without a name and with values in bands."""
    say = review.say
    order = np.argsort(review.later.probability, kind="stable")
    names = (
        say("低风险企业", "A firm of low risk"),
        say("中等风险企业", "A firm of middling risk"),
    )
    titles = (*names, say("高风险企业", "A firm of high risk"))
    blocks: list[Block] = []
    for title, place in zip(titles, _PLACES, strict=True):
        row = int(order[round(place * (len(order) - 1))])
        blocks += _example(review, title, review.later.matrix[row : row + 1])
    return Section(
        "examples",
        say("企业示例", "Three firms explained"),
        say(
            "从参考企业的基准分出发，逐项加减，正好得到评分；企业匿名，数值只以区间表示。",
            "From the base of the reference firms each row adds or takes points and the column ends at the score; the "
            "firms are anonymous and their values are in bands.",
        ),
        tuple(blocks),
    )


def _example(review: Review, title: str, matrix: FloatArray) -> Sequence[Block]:
    say, bundle = review.say, review.bundle
    points = bundle.points(np.ascontiguousarray(matrix))
    codes = bundle.layout.groups
    groups = dict(zip(codes, points.group_points[0].tolist(), strict=True))
    values = dict(zip(bundle.layout.features, matrix[0].tolist(), strict=True))
    found = explain(bundle.reasons, groups, values)
    score = int(points.score[0])
    grade = str(bundle.scale.grade_of(points.score)[0])
    named = say(
        f"{title}：基准 {points.base_points} 分，评分 {score} 分，{grade} 级，违约概率 {say.percent(float(points.probability[0]))}",
        f"{title}: base {points.base_points}, score {score}, grade {grade}, probability {say.percent(float(points.probability[0]))}",
    )
    steps = _steps(review, found, points.base_points, int(points.points_limit[0]))
    bars, rows, reached = list[Bar](), list[tuple[Cell, ...]](), 0
    for place, (name, added, facts) in enumerate(steps):
        written = str(added) if place == 0 else f"{added:+d}"
        if place > 0:
            bars.append(Bar(name, reached, reached + added, written))
        rows.append((text(name), number(written), text(facts)))
        reached += added
    rows.append((text(say("评分", "score")), number(str(score)), text("")))
    head = (say("项目", "row"), say("分值", "points"), say("事实（区间）", "facts, in bands"))
    return [Chart(named, draw_bars(named, bars), Table(named, head, tuple(rows)))]


def _steps(review: Review, found: Explanation, base: int, limit: int) -> list[tuple[str, int, str]]:
    """Rows of a card: name, points, facts; they add up to the score."""
    say = review.say
    steps = [(say("基准分（参考企业）", "base of the reference firms"), base, "")]
    for row in (*found.positive, *found.negative):
        facts = say("；", "; ").join(say.word(fact) for fact in row.facts)
        steps.append((f"{row.code} {say.word(row.title)}", row.points, facts))
    others = say(f"其余 {found.other_groups} 组", f"{found.other_groups} other groups")
    steps.append((others, found.other_points, ""))
    if limit:
        steps.append((say("主标尺上下限", "end of the scale"), limit, ""))
    return steps
