"""Whether the firms of the later dates are still those of development."""

import numpy as np

from models.explanation_stability import explanation_stability
from models.histograms import load_limits as load_stability_limits
from models.limits import Light
from models.stability import concentration, population_stability, quantile_bins
from training.dossier.blocks import (
    Cell,
    Chart,
    Judged,
    Section,
    Table,
    judged_table,
    light,
    number,
    text,
)
from training.dossier.review import Review, measured
from training.dossier.svg import draw_columns

_FEATURES_SHOWN = 12


def score_shift(review: Review) -> tuple[float, Light | None]:
    """Stability index of the score, development to later rows; no light for small samples."""
    score_of = review.bundle.scale.score_of
    before, after = (
        score_of(sample.probability).astype(np.float64)
        for sample in (review.study.development, review.study.out_of_time)
    )
    cells = int(load_stability_limits().cells.value)
    shift = population_stability(before, after, bins=quantile_bins(before, cells=cells))
    return shift, _shift_light(review, shift)


def _shift_light(review: Review, shift: float) -> Light | None:
    """Few rows differ by chance alone, so they are not judged."""
    least = load_stability_limits().judged_from.value
    fewest = min(len(s.firm) for s in (review.study.development, review.study.out_of_time))
    return review.limits.population_stability.light(shift) if fewest >= least else None


def stability(review: Review) -> Section:
    """Shift of score, grades and important features, and of the explanation itself."""
    say = review.say
    return Section(
        "stability",
        say("稳定性", "Stability"),
        say(
            "PSI 与 CSI 比较开发期与时间外的分布：低于 0.10 稳定，0.10–0.25 关注，高于 0.25 须处理；它们不是统计检验。",
            "PSI and CSI compare development with the later dates: below 0.10 stable, up to 0.25 watch, above act; "
            "they are no tests.",
        ),
        (
            judged_table(say("开发期与时间外", "Development and out of time"), shifts(review), say),
            _grade_shares(review),
            _feature_shifts(review),
        ),
    )


def shifts(review: Review) -> list[Judged]:
    """What moved between development and the later dates."""
    say = review.say
    shift, lit = score_shift(review)
    names = review.study.features
    before, after = (
        dict(zip(names, found.importance.tolist(), strict=True))
        for found in (review.explained_before, review.explained)
    )
    tau = measured(lambda: explanation_stability(before, after))
    told = None if tau is None else review.limits.explanation_stability.light(tau)
    share = concentration([test.n for test in review.grades]).largest_share
    wide: Light = "green" if share <= load_stability_limits().largest_grade_to.value else "amber"
    return [
        Judged(say("评分 PSI", "PSI of the score"), say.number(shift), lit),
        Judged(
            say("特征重要性排序的 Kendall τ", "Kendall τ of the ranking of features"),
            say.number(tau),
            told,
        ),
        Judged(say("最大等级占比", "share of the largest grade"), say.percent(share, 1), wide),
    ]


def _grade_shares(review: Review) -> Chart:
    say, scale = review.say, review.bundle.scale
    codes = [grade.code for grade in scale.version.grades]
    shares = [
        np.array([(scale.grade_of(scale.score_of(s.probability)) == code).mean() for code in codes])
        for s in (review.study.development, review.study.out_of_time)
    ]
    title = say("各等级占比", "Share of each grade")
    names = (say("开发期", "development"), say("时间外", "out of time"))
    rows = [
        (text(code), *(number(say.percent(float(side[at]), 1)) for side in shares))
        for at, code in enumerate(codes)
    ]
    drawn = draw_columns(
        title,
        codes,
        list(zip(names, shares, strict=True)),
        say("占比", "share"),
        lambda v: say.percent(v, 0),
    )
    return Chart(title, drawn, Table(title, (say("等级", "grade"), *names), tuple(rows)))


def _feature_shifts(review: Review) -> Table:
    say, cells = review.say, int(load_stability_limits().cells.value)
    before, after = review.study.development.matrix, review.study.out_of_time.matrix
    rows: list[tuple[Cell, ...]] = []
    for column in review.important[:_FEATURES_SHOWN]:
        bins = quantile_bins(before[:, column], cells=cells)
        shift = population_stability(before[:, column], after[:, column], bins=bins)
        known = [float(np.isfinite(side[:, column]).mean()) for side in (before, after)]
        rows.append(
            (
                text(review.feature_title(column)),
                number(say.number(shift)),
                *(number(say.percent(share, 1)) for share in known),
                light(_shift_light(review, shift), say),
            )
        )
    return Table(
        say("最重要特征的 CSI", "CSI of the most important features"),
        (
            say("特征", "feature"),
            "CSI",
            say("开发期有值", "known in development"),
            say("时间外有值", "known out of time"),
            say("灯", "light"),
        ),
        tuple(rows),
    )
