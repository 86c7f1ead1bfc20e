"""Checks of figures: ranking, level and stability on the rows of the candidate's own study.

A firm stands in several quarters, and a default in one is mostly the same as in the next. So rates
are tested as if a firm counted once: rows and defaults are scaled by firms over rows.
"""

import numpy as np

from features.contracts import Words
from features.errors import CalibrationError, ModelInputError
from models.arrays import BoolArray
from models.bundle import Bundle
from models.histograms import load_limits
from models.metrics import calibration_line, jeffreys_p_value
from models.stability import population_stability, quantile_bins
from training.evaluate import Estimate
from training.gate_terms import Check, GateLimits, passed
from training.rivals import Rival, compare
from training.study import Sample, Study


def not_worse(study: Study, sample: Sample, champion: Rival | None, limits: GateLimits) -> Check:
    """The candidate's ranking against the champion's, on the candidate's own judged rows."""
    if champion is None:
        return Check(
            "not_worse", "not_judged", Words(zh="没有在用版本可比较", en="nobody serves yet")
        )
    found = compare(
        study,
        sample,
        champion,
        defaults_from=int(limits.defaults_from.value),
        level=limits.comparison_level.value,
    )
    if isinstance(found, Words):
        return Check("not_worse", "failed", found)
    worst = -limits.auc_worse_to.value
    difference = found.auc
    span = f"{difference.difference:+.4f} ({difference.low:+.4f} … {difference.high:+.4f})"
    return Check(
        "not_worse",
        passed(difference.high >= 0 and difference.difference >= worst),
        Words(
            zh=f"与在用版本的 AUC 差 {span}，{found.rows} 行 {found.defaults} 家违约；"
            f"要求区间上端不低于 0 且差不低于 {worst}；{found.left_out.zh}",
            en=f"AUC less the champion's {span} on {found.rows} rows, {found.defaults} firms in default; its upper "
            f"end must reach 0 and it may not be below {worst}; {found.left_out.en}",
        ),
    )


def calibrated_by_grade(bundle: Bundle, sample: Sample, limits: GateLimits) -> Check:
    """No grade whose defaults say its probability is too low (Jeffreys)."""
    grades = bundle.scale.grade_of(bundle.scale.score_of(sample.probability))
    red: list[str] = []
    for grade in bundle.scale.version.grades:
        rows = np.asarray(grades == grade.code)
        if rows.any() and too_low(sample, rows) <= limits.grade_p_above.value:
            red.append(grade.code)
    listed = ", ".join(red)
    return Check(
        "calibrated_by_grade",
        passed(not red),
        Words(
            zh=f"违约概率偏低的等级：{listed or '无'}（Jeffreys p ≤ {limits.grade_p_above.value}）",
            en=f"grades whose probability is too low: {listed or 'none'} "
            f"(Jeffreys p <= {limits.grade_p_above.value})",
        ),
    )


def calibrated_slope(study: Study, sample: Sample, limits: GateLimits) -> Check:
    """The calibration slope's interval must meet the limits."""
    told = study.figures.get("calibration_slope") or _slope(sample)
    low, high = limits.slope_from.value, limits.slope_to.value
    ends = [told.low, told.high] if np.isfinite([told.low, told.high]).all() else [told.value] * 2
    is_near = bool(ends[1] >= low and ends[0] <= high)
    return Check(
        "calibrated_slope",
        passed(is_near),
        Words(
            zh=f"校准斜率 {told.value:.2f}（{ends[0]:.2f} … {ends[1]:.2f}），须与 {low} … {high} 相交",
            en=f"calibration slope {told.value:.2f} ({ends[0]:.2f} … {ends[1]:.2f}) must meet {low} … {high}",
        ),
    )


def stable(bundle: Bundle, study: Study, limits: GateLimits) -> Check:
    """Score between development and later rows."""
    before, after = (
        bundle.scale.score_of(sample.probability).astype(np.float64)
        for sample in (study.development, study.out_of_time)
    )
    rules = load_limits()
    least = int(rules.judged_from.value)
    if min(len(before), len(after)) < least:
        return Check(
            "stable",
            "not_judged",
            Words(
                zh=f"开发 {len(before)} 行、时间外 {len(after)} 行，不足 {least} 行不评判",
                en=f"{len(before)} rows in development and {len(after)} later; fewer than {least} say nothing",
            ),
        )
    bins = quantile_bins(before, cells=int(rules.cells.value))
    shift = population_stability(before, after, bins=bins)
    return Check(
        "stable",
        passed(shift <= limits.shift_to.value),
        Words(
            zh=f"评分稳定性指标 PSI {shift:.3f}，须不超过 {limits.shift_to.value}",
            en=f"stability index of the score {shift:.3f}, at most {limits.shift_to.value}",
        ),
    )


def segment_levels(name: str, sample: Sample, limits: GateLimits) -> Check:
    """Observed over expected defaults of every group of a segment that has enough of them."""
    values = sample.segments.get(name, np.array([], dtype=np.str_))
    judged, off = 0, list[str]()
    for value in np.unique(values[values != ""]).tolist():
        rows = np.asarray(values == value)
        expected = float(sample.probability[rows].sum()) * _firms_a_row(sample, rows)
        if expected < limits.segment_expected_from.value:
            continue
        judged += 1
        if _is_off(sample, rows, limits):
            ratio = sample.is_default[rows].sum() / sample.probability[rows].sum()
            off.append(f"{value} {ratio:.2f}")
    least = limits.segment_expected_from.value
    if not judged:
        words = Words(
            zh=f"没有预期违约达 {least:.0f} 家的分组",
            en=f"no group with {least:.0f} firms expected to default",
        )
        return Check(f"segments_{name}", "not_judged", words)
    span = f"{limits.segment_ratio_from.value} … {limits.segment_ratio_to.value}"
    return Check(
        f"segments_{name}",
        passed(not off),
        Words(
            zh=f"评判 {judged} 组，实际与预期违约之比超出 {span} 的：{'、'.join(off) or '无'}",
            en=f"{judged} groups judged, observed over expected outside {span}: {', '.join(off) or 'none'}",
        ),
    )


def too_low(sample: Sample, rows: BoolArray) -> float:
    """Jeffreys chance that the default rate of some rows is at most their mean probability."""
    scale = _firms_a_row(sample, rows)
    n = max(1, round(int(rows.sum()) * scale))
    defaults = min(n, round(int(sample.is_default[rows].sum()) * scale))
    return jeffreys_p_value(defaults, n, float(sample.probability[rows].mean()))


def _is_off(sample: Sample, rows: BoolArray, limits: GateLimits) -> bool:
    ratio = float(sample.is_default[rows].sum() / sample.probability[rows].sum())
    chance = too_low(sample, rows)
    if ratio > limits.segment_ratio_to.value:
        return chance <= limits.segment_p_above.value
    return ratio < limits.segment_ratio_from.value and 1 - chance <= limits.segment_p_above.value


def _firms_a_row(sample: Sample, rows: BoolArray) -> float:
    return len(np.unique(sample.firm[rows])) / int(rows.sum())


def _slope(sample: Sample) -> Estimate:
    try:
        slope = calibration_line(sample.is_default, sample.probability)[1]
    except (CalibrationError, ModelInputError):
        slope = float("nan")
    return Estimate(slope, slope, slope)
