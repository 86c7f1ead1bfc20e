"""A month against the histograms: nothing moved, something moved, too few to say."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import DriftError
from models.bundle import Bundle
from models.drift import Month, measure_drift
from models.histograms import Limit, StabilityLimits, load_limits
from models.stability import population_stability
from tests.unit.models.conftest import Workshop

#: The small model gives most firms one of three grades, which is not what these tests are about.
LIMITS = load_limits().model_copy(
    update={"largest_grade_to": Limit(value=1.0, unit="share", source="test")}
)


def month(workshop: Workshop, shift: float = 0.0, rows: int = 600) -> Month:
    matrix = workshop.sample[:rows].copy()
    matrix[:, 1] += shift
    return Month(np.arange(len(matrix), dtype=np.int64), matrix)


def limits(**values: float) -> StabilityLimits:
    changed = {k: Limit(value=v, unit="test", source="test") for k, v in values.items()}
    return LIMITS.model_copy(update=changed)


def test_the_development_sample_itself_has_not_moved(bundle: Bundle, workshop: Workshop) -> None:
    found = measure_drift(bundle, month(workshop), month(workshop), LIMITS)
    assert found.score_stability == 0
    assert max(shift.stability for shift in found.features) == 0
    assert found.mean_probability == pytest.approx(found.mean_probability_before, abs=1e-12)
    assert found.moves is not None
    assert found.moves.within_one_notch == 1
    assert (found.level, found.reasons) == ("stable", ())


def test_a_moved_feature_is_named_first_and_moves_the_score(
    bundle: Bundle, workshop: Workshop
) -> None:
    found = measure_drift(bundle, month(workshop, 4.0), month(workshop), LIMITS)
    assert found.features[0].name == "buyer_top1_share_12m"
    assert [shift.stability > 0.25 for shift in found.features] == [True] + [False] * 5
    assert found.shifted_gain == found.features[0].gain
    assert found.mean_probability > found.mean_probability_before
    assert found.level == "act"
    assert "score" in found.reasons
    assert "features" in found.reasons
    # Against the rows themselves: the same as counting the scores of both samples.
    moved = month(workshop, 4.0).matrix
    scores = [
        bundle.scale.score_of(bundle.line.probability(bundle.model.margin(rows))).astype(float)
        for rows in (workshop.sample, moved)
    ]
    bins = bundle.histograms.score.bins
    assert found.score_stability == pytest.approx(
        population_stability(scores[0], scores[1], bins=bins), abs=1e-12
    )


def test_missing_values_are_counted_then_and_now(bundle: Bundle, workshop: Workshop) -> None:
    rows = month(workshop)
    rows.matrix[:300, 0] = np.nan
    found = {s.name: s for s in measure_drift(bundle, rows, limits=LIMITS).features}
    first = found["sales_amount_yoy_12m"]
    # Half of the firms lost it, and a tenth of the others had none.
    assert first.missing == pytest.approx(0.55, abs=0.03)
    assert first.missing_before == pytest.approx(0.10, abs=0.03)


def test_a_figure_at_its_limit_and_one_beyond(bundle: Bundle, workshop: Workshop) -> None:
    shift = measure_drift(bundle, month(workshop, 0.6), limits=LIMITS).score_stability
    calm = {"shifted_gain_watch_from": 2.0, "shifted_gain_act_from": 2.0}

    def level(watch: float, act: float) -> str:
        at = limits(watch_from=watch, act_above=act, **calm)
        return measure_drift(bundle, month(workshop, 0.6), limits=at).level

    assert level(np.nextafter(shift, 1), 9.0) == "stable"
    assert level(shift, 9.0) == "watch"
    assert level(0.0, shift) == "watch"
    assert level(0.0, np.nextafter(shift, 0)) == "act"


def test_concentration_and_jumps_ask_for_a_look(bundle: Bundle, workshop: Workshop) -> None:
    calm = {"watch_from": 9.0, "act_above": 9.0, "shifted_gain_watch_from": 2.0}
    same = month(workshop)
    largest = measure_drift(bundle, same, limits=LIMITS).grades.largest_share
    at = limits(**calm, largest_grade_to=largest)
    assert measure_drift(bundle, same, limits=at).level == "stable"
    beyond = limits(**calm, largest_grade_to=np.nextafter(largest, 0))
    found = measure_drift(bundle, same, limits=beyond)
    assert (found.level, found.reasons) == ("watch", ("concentration",))
    turned = replace(same, matrix=same.matrix[::-1].copy())
    found = measure_drift(bundle, turned, same, limits(**calm, one_notch_from=1.0))
    assert (found.level, found.reasons) == ("watch", ("migration",))


def test_firms_are_matched_by_their_key(bundle: Bundle, workshop: Workshop) -> None:
    now = month(workshop)
    shuffled = np.random.default_rng(1).permutation(len(now.firm))[:400]
    earlier = Month(now.firm[shuffled], now.matrix[shuffled])
    found = measure_drift(bundle, now, earlier, LIMITS)
    assert found.moves is not None
    assert found.moves.within_one_notch == 1
    assert int(found.moves.counts.sum()) == 400


def test_too_few_firms_are_not_judged(bundle: Bundle, workshop: Workshop) -> None:
    least = int(LIMITS.judged_from.value)
    assert measure_drift(bundle, month(workshop, rows=least), limits=LIMITS).firms == least
    with pytest.raises(DriftError, match=f"Only {least - 1} firms can be looked at"):
        measure_drift(bundle, month(workshop, rows=least - 1), limits=LIMITS)
