"""How each kind of firm fares."""

from collections.abc import Sequence

import numpy as np

from models.segments import SegmentResult, by_segment
from training.dossier.blocks import Block, Cell, Note, Section, Table, light, number, text
from training.dossier.review import Review
from training.dossier.speech import NOTHING
from training.evaluate import LEVEL
from training.study import SEGMENTS

SEGMENT_WORDS = {
    "size_class": ("规模", "size"),
    "region": ("地区", "region"),
    "industry_section": ("行业门类", "industry section"),
    "entity_type": ("主体类型", "entity type"),
    "first_loan": ("首贷", "first loan"),
}


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
