"""The first screen: what was found, in lights."""

from training.dossier.blocks import Cell, Note, Section, Table, light, number, text
from training.dossier.consent import scenario_light
from training.dossier.figures import FIGURES, auc_fall, figure_light
from training.dossier.review import Review
from training.dossier.stability import SEGMENT_WORDS, score_shift, segments_of
from models.limits import Light, worst_light

_LISTED = ("auc", "ks", "calibration_slope", "calibration_intercept")


def summary(review: Review) -> Section:
    """Every judged figure with its light, and how many of each there are."""
    say = review.say
    rows = _rows(review)
    told = {
        lit: sum(found == lit for _, _, found in rows) for lit in ("red", "amber", "green", None)
    }
    count = Note(
        say(
            f"红 {told['red']} · 黄 {told['amber']} · 绿 {told['green']} · 不评判 {told[None]}",
            f"{told['red']} red · {told['amber']} amber · {told['green']} green · {told[None]} not judged",
        )
    )
    cells: tuple[tuple[Cell, ...], ...] = tuple(
        (text(name), number(figure), light(lit, say)) for name, figure, lit in rows
    )
    head = (say("项目", "item"), say("结果", "result"), say("灯", "light"))
    return Section(
        "summary",
        say("结论一览", "At a glance"),
        say(
            "绿灯为在阈值内，黄灯须解释，红灯须处理或不得启用；没有灯不等于绿灯。",
            "Green is within its limit, amber needs an explanation, red needs action or the model may not serve; "
            "no light is not green.",
        ),
        (count, Table(say("评判项目", "What was judged"), head, cells)),
    )


def _rows(review: Review) -> list[tuple[str, str, Light | None]]:
    say, rows = review.say, list[tuple[str, str, Light | None]]()
    for name in _LISTED:
        figure = review.study.figures.get(name)
        if figure is not None:
            zh, en, digits = FIGURES[name]
            lit = figure_light(review, name, figure)
            rows.append((say(zh, en), say.estimate(figure, digits), lit))
    fall = auc_fall(review)
    lit = None if fall is None else review.limits.auc_fall.light(fall)
    rows.append((say("AUC 较开发期下降", "AUC fallen since development"), say.number(fall), lit))
    tested = [test for test in review.grades if test.light is not None]
    told = say(
        f"{sum(test.light == 'red' for test in tested)} 红 {sum(test.light == 'amber' for test in tested)} 黄 / "
        f"{len(tested)} 个等级",
        f"{sum(test.light == 'red' for test in tested)} red, {sum(test.light == 'amber' for test in tested)} amber "
        f"of {len(tested)} grades",
    )
    lit = worst_light([test.light for test in tested])
    rows.append((say("各等级校准（最差）", "calibration by grade (worst)"), told, lit))
    shift, lit = score_shift(review)
    rows.append((say("评分 PSI", "PSI of the score"), say.number(shift), lit))
    for name, words in SEGMENT_WORDS.items():
        found = segments_of(review, name)
        judged = [segment.light for segment in found if not segment.is_too_small]
        told = say(f"{len(judged)} / {len(found)} 组可评判", f"{len(judged)} of {len(found)} groups judged")
        rows.append((say(f"分组：{words[0]}（最差）", f"segments: {words[1]} (worst)"), told, worst_light(judged)))
    lights = [scenario_light(review, scenario) for scenario in review.study.scenarios]
    told = say(
        f"{sum(lit == 'green' for lit in lights)} / {len(lights)} 种达标",
        f"{sum(lit == 'green' for lit in lights)} of {len(lights)} on target",
    )
    rows.append((say("授权情景（最差）", "consent scenarios (worst)"), told, worst_light(lights)))
    return rows
