"""What an early warning must show before its alerts are raised; modest, since it never changes a rating.

Its figures are those of its own later months, kept in the manifest, which the id of the bundle seals.
"""

from math import inf

from features.contracts import Words
from models.bundle import Bundle
from training.gate_identity import proof_rows
from training.gate_terms import Check, load_gate, passed
from training.warning import load_warning_rules


def judge_warning(candidate: Bundle) -> list[Check]:
    """Ask every question of a trained warning; a figure that is absent fails."""
    return [proof_rows(candidate), _ranks(candidate), _alerts_few(candidate), _slope(candidate)]


def _ranks(candidate: Bundle) -> Check:
    least = load_warning_rules().served_auc_low_from.value
    low = candidate.manifest.metrics.get("auc_low", -inf)
    return Check(
        "ranks",
        passed(low > least),
        Words(
            zh=f"较晚月份 AUC 的 95% 下限 {low:.3f}，须高于 {least}",
            en=f"lower end of the AUC on later months {low:.3f}, must be above {least}",
        ),
    )


def _alerts_few(candidate: Bundle) -> Check:
    most = load_warning_rules().served_share_up_to.value
    metrics = candidate.manifest.metrics
    share = metrics.get("alerted_share_highest", inf) if "cut_off" in metrics else inf
    return Check(
        "alerts_few",
        passed(share <= most),
        Words(
            zh=f"预警最多的月份占在贷企业 {share:.1%}，不得超过 {most:.0%}",
            en=f"{share:.1%} of live borrowers alerted in the busiest later month, at most {most:.0%}",
        ),
    )


def _slope(candidate: Bundle) -> Check:
    limits, metrics = load_gate(), candidate.manifest.metrics
    low, high = metrics.get("calibration_slope_low", inf), metrics.get("calibration_slope_high", -inf)  # fmt: skip
    least, most = limits.slope_from.value, limits.slope_to.value
    return Check(
        "calibrated_slope",
        passed(high >= least and low <= most),
        Words(
            zh=f"校准斜率 {low:.2f} … {high:.2f}，须与 {least} … {most} 相交",
            en=f"calibration slope {low:.2f} … {high:.2f} must meet {least} … {most}",
        ),
    )
