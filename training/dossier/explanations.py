"""What counts most over many firms, and three firms taken apart."""

from collections.abc import Sequence

import numpy as np

from models.arrays import FloatArray
from models.explain import Explanation, explain
from training.dossier.beeswarm import beeswarm
from training.dossier.blocks import Block, Cell, Chart, Section, Table, number, text
from training.dossier.review import Review
from training.dossier.svg import Bar, draw_bars

_LISTED = 15
#: Where in the ranking of risk the three firms stand.
_PLACES = (0.05, 0.50, 0.95)


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
