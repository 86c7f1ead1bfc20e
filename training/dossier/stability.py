"""Whether the firms of the later dates are still those of development, and how each kind of firm fares."""

from collections.abc import Sequence

import numpy as np

from models.explanation_stability import explanation_stability
from models.histograms import load_limits as load_stability_limits
from models.limits import Light
from models.segments import SegmentResult, by_segment
from models.stability import concentration, population_stability, quantile_bins
from training.dossier.blocks import (
    Block,
    Cell,
    Chart,
    Judged,
    Note,
    Section,
    Table,
    judged_table,
    light,
    number,
    text,
)
from training.dossier.review import Review, measured
from training.dossier.speech import NOTHING
from training.dossier.svg import draw_columns
from training.evaluate import LEVEL
from training.study import SEGMENTS

_FEATURES_SHOWN = 12
SEGMENT_WORDS = {
    "size_class": ("规模", "size"),
    "region": ("地区", "region"),
    "industry_section": ("行业门类", "industry section"),
    "entity_type": ("主体类型", "entity type"),
    "first_loan": ("首贷", "first loan"),
}


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


def segments_of(review: Review, name: str) -> list[SegmentResult]:
    """Groups of one segment, a firm counted once."""
    sample = review.later
    values = sample.segments.get(name, np.full(len(sample.firm), ""))
    return by_segment(
        values, sample.is_default, sample.probability, limits=review.limits, level=LEVEL
    )


def segments(review: Review) -> Section:
    """Ranking and level in every kind of firm."""
    say, limits = review.say, review.limits
    least, defaults = limits.segment_rows_from.value, limits.segment_defaults_from.value
    return Section(
        "segments",
        say("客群表现", "Segments"),
        say(
            "每家企业只计一次。实际/预期高于 1 表示该组比模型所说更易违约。黄灯表示指标越界，红灯表示整个 95 % 区间越界；"
            f"不足 {least} 家，或违约与未违约有一方不足 {defaults} 家的客群太小，不评判。",
            "A firm counts once. Observed over expected above 1: riskier than the model says. Amber is a figure "
            "outside its limit, red a whole 95 % interval; a group of fewer than "
            f"{least} firms or {defaults} of either outcome is too small to judge.",
        ),
        tuple(block for name in SEGMENTS for block in _segment(review, name)),
    )


def _segment(review: Review, name: str) -> Sequence[Block]:
    say = review.say
    found, title = segments_of(review, name), say(*SEGMENT_WORDS[name])
    if {segment.value for segment in found} == {""}:
        return [
            Note(
                say(
                    f"{title}：所有企业均未知，无法区分客群。",
                    f"{title}: unknown of every firm, so not told apart.",
                )
            )
        ]
    rows = tuple(
        (
            text(review.segment_title(name, segment.value)),
            number(say.count(segment.n)),
            number(say.count(segment.defaults)),
            number(say.number(segment.auc, 2)),
            number(say.span(*segment.auc_interval, digits=2) if segment.auc_interval else NOTHING),
            number(say.percent(segment.observed, 1)),
            number(say.percent(segment.expected, 1)),
            number(say.number(segment.ratio, 2)),
            number(say.span(*segment.ratio_interval, digits=2)),
            Cell(say("太小，不评判", "too small to judge"), "unjudged")
            if segment.is_too_small
            else light(segment.light, say),
        )
        for segment in found
    )
    head = (
        title,
        say("企业", "firms"),
        say("违约", "defaults"),
        "AUC",
        say("95 % 区间", "95 % interval"),
        say("实际", "observed"),
        say("预期", "expected"),
        say("实际/预期", "observed / expected"),
        say("95 % 区间", "95 % interval"),
        say("灯", "light"),
    )
    return [Table(say(f"按{title}", f"By {title}"), head, rows)]
