"""The first screen: what was found, in lights."""

from models.limits import Light, worst_light
from training.dossier.blocks import Judged, Note, Section, judged_table
from training.dossier.calibration import whole_tests
from training.dossier.consent import scenario_light
from training.dossier.figures import FIGURES, auc_fall, figure_light, limits_of
from training.dossier.review import Review
from training.dossier.segments import SEGMENT_WORDS, segments_of
from training.dossier.stability import shifts


def summary(review: Review) -> Section:
    """Every judged figure with its light, and how many of each there are."""
    say, rows = review.say, verdicts(review)
    kinds: tuple[Light | None, ...] = ("red", "amber", "green", None)
    red, amber, green, nothing = (sum(row.light == kind for row in rows) for kind in kinds)
    return Section(
        "summary",
        say("结论一览", "At a glance"),
        say(
            "绿灯为在阈值内，黄灯须解释，红灯须处理或不得启用；没有灯不等于绿灯。",
            "Green is within its limit, amber needs an explanation, red needs action or the model may not serve; "
            "no light is not green.",
        ),
        (
            Note(
                say(
                    f"红 {red} · 黄 {amber} · 绿 {green} · 不评判 {nothing}",
                    f"{red} red · {amber} amber · {green} green · {nothing} not judged",
                )
            ),
            judged_table(say("评判项目", "What was judged"), rows, say),
        ),
    )


def verdicts(review: Review) -> list[Judged]:
    """What was judged, in the order of the page."""
    return [
        *_performance(review),
        _grades(review),
        *whole_tests(review),
        *shifts(review),
        *(_segment(review, name) for name in SEGMENT_WORDS),
        _scenarios(review),
    ]


def _performance(review: Review) -> list[Judged]:
    say, rows = review.say, list[Judged]()
    for name in limits_of(review):
        figure = review.study.figures.get(name)
        if figure is not None:
            zh, en, digits = FIGURES[name]
            told = say.estimate(figure, digits)
            rows.append(Judged(say(zh, en), told, figure_light(review, name, figure)))
    fall = auc_fall(review)
    lit = None if fall is None else review.limits.auc_fall.light(fall)
    name = say("AUC：开发期减时间外", "AUC: development less out of time")
    return [*rows, Judged(name, say.number(fall), lit)]


def _grades(review: Review) -> Judged:
    say = review.say
    lights: list[Light] = [test.light for test in review.grades if test.light is not None]
    red, amber = lights.count("red"), lights.count("amber")
    told = say(
        f"{len(lights)} 个等级中 {red} 红 {amber} 黄",
        f"{red} red, {amber} amber of {len(lights)} grades",
    )
    return Judged(
        say("各等级校准（最差）", "calibration by grade (worst)"), told, worst_light(lights)
    )


def _segment(review: Review, name: str) -> Judged:
    say, (zh, en) = review.say, SEGMENT_WORDS[name]
    found = segments_of(review, name)
    lights: list[Light | None] = [segment.light for segment in found if not segment.is_too_small]
    told = say(
        f"{len(found)} 组中 {len(lights)} 组可评判", f"{len(lights)} of {len(found)} groups judged"
    )
    return Judged(say(f"客群：{zh}（最差）", f"segments: {en} (worst)"), told, worst_light(lights))


def _scenarios(review: Review) -> Judged:
    say = review.say
    lights: list[Light | None] = [scenario_light(review, s) for s in review.study.scenarios]
    met = lights.count("green")
    told = say(f"{len(lights)} 种中 {met} 种达标", f"{met} of {len(lights)} on target")
    return Judged(say("授权情景（最差）", "consent scenarios (worst)"), told, worst_light(lights))
