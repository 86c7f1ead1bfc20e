"""Whether the level of the probability holds: by grade, and for all firms together."""

from collections.abc import Sequence

import numpy as np

from models.validation_tests import TestResult, hosmer_lemeshow, level_test, spiegelhalter
from training.dossier.blocks import (
    Block,
    Chart,
    Judged,
    Section,
    Table,
    judged_table,
    light,
    number,
    text,
)
from training.dossier.review import Review
from training.dossier.speech import NOTHING, Speech
from training.dossier.svg import Whisker, draw_whiskers
from training.evaluate import LEVEL
from training.study import Sample


def calibration(review: Review) -> Section:
    """Grades with observed rate, mean probability, interval and light; tests of the whole."""
    say = review.say
    return Section(
        "calibration",
        say("各等级校准", "Calibration by grade"),
        say(
            "每家企业只计其首个时间外日期。若实际违约率明显高于平均违约概率（Jeffreys p 值很小），该等级亮黄灯或红灯；"
            "九个等级全部正确时，约三分之一的样本也会出现一个黄灯。",
            "A firm counts once, with its first date out of time. Where more firms default than the mean probability "
            "allows (a small Jeffreys p-value), the light is amber or red; of nine right grades, one sample in "
            "three shows an amber.",
        ),
        (
            _grade_table(review),
            *_grade_chart(review),
            judged_table(say("整体检验", "Tests of the whole"), whole_tests(review), say),
        ),
    )


def _grade_table(review: Review) -> Table:
    say = review.say
    rows = [
        (
            text(test.code),
            number(say.count(test.n)),
            number(say.count(test.defaults)),
            number(say.percent(test.mean_probability)),
            number(say.percent(test.observed_rate)),
            number(_span(say, test.interval)),
            number(say.number(test.p_value)),
            number(say.number(test.binomial_p_value)),
            light(test.light, say),
        )
        for test in review.grades
    ]
    p, y = review.later.probability, review.later.is_default
    every = level_test(
        say("合计", "all"), y.size, int(y.sum()), float(p.mean()), limits=review.limits, level=LEVEL
    )
    rows.append(
        (
            text(every.code),
            number(say.count(every.n)),
            number(say.count(every.defaults)),
            number(say.percent(every.mean_probability)),
            number(say.percent(every.observed_rate)),
            number(_span(say, every.interval)),
            number(say.number(every.p_value)),
            number(say.number(every.binomial_p_value)),
            light(every.light, say),
        )
    )
    return Table(
        say("各等级：平均违约概率与实际违约率", "Mean probability and default rate by grade"),
        (
            say("等级", "grade"),
            say("企业", "firms"),
            say("违约", "defaults"),
            say("平均违约概率", "mean probability"),
            say("实际违约率", "default rate"),
            say("95 % Jeffreys 区间", "95 % Jeffreys interval"),
            say("Jeffreys p", "Jeffreys p"),
            say("二项 p", "binomial p"),
            say("灯", "light"),
        ),
        tuple(rows),
    )


def _span(say: Speech, ends: tuple[float, float] | None) -> str:
    return NOTHING if ends is None else f"{say.percent(ends[0])} … {say.percent(ends[1])}"


def _grade_chart(review: Review) -> Sequence[Block]:
    say = review.say
    whiskers = [
        Whisker(t.code, t.interval.low, t.observed_rate, t.interval.high, t.mean_probability)
        for t in review.grades
        if t.interval and t.observed_rate is not None and t.mean_probability is not None
    ]
    title = say("实际违约率（95 % 区间）与平均违约概率", "Default rate (95 %) and mean probability")
    words = (
        say("对数刻度", "logarithmic"),
        say("实际违约率", "default rate"),
        say("平均违约概率", "mean probability"),
    )
    rows = [
        (text(w.name), number(say.percent(w.value)), number(say.percent(w.expected)))
        for w in whiskers
    ]
    table = Table(title, (say("等级", "grade"), *words[1:]), tuple(rows))
    return [Chart(title, draw_whiskers(title, whiskers, words, lambda v: f"{100 * v:g} %"), table)]


def whole_tests(review: Review) -> list[Judged]:
    """Tests of all grades and rows together, a firm counted once."""
    say, limits, sample = review.say, review.limits, review.later
    grade = review.bundle.scale.grade_of(review.bundle.scale.score_of(sample.probability))
    hosmer = hosmer_lemeshow(sample.is_default, sample.probability, grade, in_sample=False)
    told = f"χ²({hosmer.degrees}) = {say.number(hosmer.statistic, 2)}, p = {say.number(hosmer.p_value)}"
    found = [Judged("Hosmer–Lemeshow", told, limits.hosmer_lemeshow.light(hosmer.p_value))]
    brier = _spiegelhalter(sample)
    if brier is not None:
        told = f"z = {say.number(brier.statistic, 2)}, p = {say.number(brier.p_value)}"
        lit = limits.spiegelhalter.light(brier.statistic)
        found.append(Judged("Spiegelhalter", told, lit))
    return found


def _spiegelhalter(sample: Sample) -> TestResult | None:
    is_certain = np.isin(sample.probability, [0.0, 0.5, 1.0])
    return None if is_certain.all() else spiegelhalter(sample.is_default, sample.probability)
