"""What a model must show before it serves: a list of small checks, each with its sentence.

A check passes, fails, or is not judged because there is nothing to judge; what should be there and is
not fails. Whether a bundle computes what was trained is a matter of safety and can never be overruled.
"""

from models.bundle import Bundle
from training.gate_figures import (
    calibrated_by_grade,
    calibrated_slope,
    not_worse,
    segment_levels,
    stable,
)
from training.gate_identity import keeps_directions, own_study, proof_rows, same_answers
from training.gate_terms import Check, GateLimits, load_gate
from training.rivals import Rival
from training.study import SEGMENTS, Sample, Study


def judge_candidate(
    candidate: Bundle, study: Study, champion: Rival | None, limits: GateLimits | None = None
) -> list[Check]:
    """Ask every question of a trained bundle.

    Parameters
    ----------
    study : Study
        Of the candidate's own training.
    champion : Rival or None
        Who serves now; None where nobody does.
    """
    limits = limits or load_gate()
    judged = judged_sample(study)
    return [
        same_answers(candidate, judged.matrix, limits),
        proof_rows(candidate),
        own_study(candidate, study),
        keeps_directions(candidate, judged.matrix),
        not_worse(study, judged, champion, limits),
        calibrated_by_grade(candidate, judged, limits),
        calibrated_slope(study, judged, limits),
        stable(candidate, study, limits),
        *(segment_levels(name, judged, limits) for name in SEGMENTS),
    ]


def judged_sample(study: Study) -> Sample:
    """Later rows; of an undated label, which has none, the rows held out in development."""
    return study.out_of_time if len(study.out_of_time.firm) else study.development
