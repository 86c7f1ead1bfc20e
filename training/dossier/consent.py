"""How the model does when firms close part of what they could open."""

from collections.abc import Sequence

import numpy as np

from models.limits import Light, worst_light
from training.dossier.blocks import Block, Cell, Note, Section, Table, light, number, text
from training.dossier.review import Review
from training.dossier.speech import NOTHING
from training.evaluate import Estimate
from training.study import Scenario

_NAMES = {
    "full": ("全部已授权", "all that firms opened"),
    "public_only": ("仅公开数据", "public data only"),
    "strategic": ("各自关闭最不利的一项", "each firm closes what speaks most against it"),
}


def consent(review: Review) -> Section:
    """Figures by scenario, with the targets and which of them are missed."""
    say, limits = review.say, review.limits
    slope, ratio = limits.calibration_slope.amber, limits.segment_observed_expected.amber
    return Section(
        "consent",
        say("授权情景", "Consent scenarios"),
        say(
            "模型不变，只遮住被关闭授权范围的数据：违约概率在任何授权下都应保持含义不变。"
            f"目标：校准斜率 {slope.below}–{slope.above}，实际/预期 {ratio.below}–{ratio.above}，没有红灯等级。"
            "黄灯为指标越界，红灯为整个 95 % 区间越界或有红灯等级。",
            "The model stays and what is closed is hidden: a probability has to mean the same under any consent. "
            f"Targets: slope {slope.below} to {slope.above}, observed over expected {ratio.below} to "
            f"{ratio.above}, no red grade. Amber is a figure outside, red a whole 95 % interval outside or a "
            "red grade.",
        ),
        tuple(_blocks(review)),
    )


def _blocks(review: Review) -> Sequence[Block]:
    say, scenarios = review.say, review.study.scenarios
    if not scenarios:
        return [
            Note(
                say(
                    "本次训练没有演算授权情景，因此不能说明模型在缺少授权时的表现。",
                    "No consent scenario was played in this training, so nothing is known of the model under closed "
                    "scopes.",
                )
            )
        ]
    missed = [_name(review, s) for s in scenarios if scenario_light(review, s) != "green"]
    told = Note(
        say(
            f"{len(scenarios)} 种情景中有 {len(missed)} 种未达目标：{say.listed(missed)}。",
            f"{len(missed)} of {len(scenarios)} scenarios miss a target: {say.listed(missed)}.",
        )
    )
    return [_table(review), told]


def scenario_light(review: Review, scenario: Scenario) -> Light | None:
    """Worst light of a scenario's slope, level and grades; None if neither was measured."""
    limits, figures = review.limits, scenario.figures
    found: set[Light] = set()
    for name, limit in (
        ("calibration_slope", limits.calibration_slope),
        ("observed_expected", limits.segment_observed_expected),
    ):
        figure = figures.get(name)
        if figure is not None and np.isfinite(figure.value):
            is_out = bool(np.isfinite([figure.low, figure.high]).all()) and limit.excludes(
                figure.low, figure.high
            )
            found.add("red" if is_out else limit.light(figure.value))
    if figures.get("grades_red", Estimate(0, 0, 0)).value > 0:
        found.add("red")
    return worst_light(found)


def _table(review: Review) -> Table:
    say = review.say
    rows = tuple(
        (
            text(_name(review, scenario)),
            text(_withheld(review, scenario)),
            _estimate(review, scenario, "auc"),
            _estimate(review, scenario, "calibration_slope"),
            _estimate(review, scenario, "observed_expected"),
            number(_lights(review, scenario)),
            light(scenario_light(review, scenario), say),
        )
        for scenario in review.study.scenarios
    )
    return Table(
        say(
            "关闭授权后的表现（时间外，括号内 95 % 区间）",
            "Under closed scopes, out of time (95 % interval)",
        ),
        (
            say("情景", "scenario"),
            say("关闭的授权范围", "closed scopes"),
            "AUC",
            say("校准斜率", "calibration slope"),
            say("实际/预期", "observed / expected"),
            say("红/黄等级", "red / amber grades"),
            say("灯", "light"),
        ),
        rows,
    )


def _name(review: Review, scenario: Scenario) -> str:
    say, name = review.say, scenario.name
    if name in _NAMES:
        return say(*_NAMES[name])
    if name.startswith("random_"):
        place = name.removeprefix("random_")
        return say(f"随机 {place}", f"at random {place}")
    scope = name.removeprefix("without_")
    return say(f"关闭 {scope}", f"without {scope}")


def _withheld(review: Review, scenario: Scenario) -> str:
    if scenario.withheld:
        return review.say.listed(list(scenario.withheld))
    is_own = scenario.name == "strategic"
    return review.say("各企业不同", "differs by firm") if is_own else review.say("无", "none")


def _estimate(review: Review, scenario: Scenario, name: str) -> Cell:
    figure = scenario.figures.get(name)
    return number(review.say.estimate(figure, 2) if figure else NOTHING)


def _lights(review: Review, scenario: Scenario) -> str:
    told = [scenario.figures.get(name) for name in ("grades_red", "grades_amber")]
    return " / ".join(review.say.count(figure.value) if figure else NOTHING for figure in told)
