from dataclasses import fields, replace

import numpy as np
import pytest

from features.errors import ModelInputError, ScopeError
from models.bundle import Bundle, load_bundle
from models.scorer import Scorer, confidence_of
from tests.unit.models.conftest import Workshop
from tests.unit.models.small_registry import REGISTRY


@pytest.fixture(scope="module")
def scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle)


def two_datasets(bundle: Bundle) -> Bundle:
    """The bundle as if its first feature read public registration data."""
    first, *rest = bundle.manifest.features
    changed = [first.model_copy(update={"datasets": ["reg_basic"]}), *rest]
    scopes = {"invoice_line": "invoice", "reg_basic": None}
    manifest = bundle.manifest.model_copy(update={"features": changed, "consent_scopes": scopes})
    return replace(bundle, manifest=manifest)


def test_ratings_hang_together(scorer: Scorer, workshop: Workshop) -> None:
    found = scorer.rate(workshop.sample)
    scale = scorer.bundle.scale
    total = found.base_points + found.group_points.sum(axis=1) + found.points_limit
    assert np.array_equal(total, found.score)
    assert np.array_equal(found.score, scale.score_of(found.probability))
    assert np.array_equal(found.grade, scale.grade_of(found.score))
    assert np.array_equal(found.group_points.sum(axis=1), found.feature_points.sum(axis=1))
    assert len(found) == len(workshop.sample)
    assert (found.coverage, found.confidence) == (1.0, "H")


def test_one_row_is_rated_as_in_a_batch_and_after_reloading(
    scorer: Scorer, workshop: Workshop
) -> None:
    again = Scorer(load_bundle(scorer.bundle.path, REGISTRY))
    sample = workshop.sample[:40].copy()
    sample[0], sample[1], sample[2] = np.nan, np.inf, -np.inf
    batch = scorer.rate(sample)
    for row in range(len(sample)):
        alone = again.rate(sample[row : row + 1])
        for field in fields(batch):
            whole, single = getattr(batch, field.name), getattr(alone, field.name)
            if isinstance(whole, np.ndarray):
                assert np.array_equal(whole[row : row + 1], single, equal_nan=field.name != "grade")
            else:
                assert whole == single


def test_intervals_are_those_of_the_grade(scorer: Scorer, workshop: Workshop) -> None:
    found = scorer.rate(workshop.sample)
    for place, code in enumerate(found.grade.tolist()):
        rate = scorer.bundle.manifest.grades[code]
        assert found.probability_low[place] == rate.low
        assert found.probability_high[place] == rate.high


def test_a_grade_without_validation_firms_has_no_interval(
    bundle: Bundle, workshop: Workshop
) -> None:
    blind = replace(bundle, manifest=bundle.manifest.model_copy(update={"grades": {}}))
    found = Scorer(blind).rate(workshop.sample[:3])
    assert np.isnan(found.probability_low).all()
    assert np.isnan(found.probability_high).all()


def test_constrained_features_move_the_score_one_way_only(
    scorer: Scorer, workshop: Workshop
) -> None:
    for column, feature in enumerate(REGISTRY):
        if feature.direction == 0:
            continue
        sweep = np.repeat(workshop.sample[:20], 50, axis=0)  # the other columns keep their gaps
        sweep[:, column] = np.tile(np.linspace(0, 12, 50), 20)
        margin = scorer.rate(sweep).margin.reshape(20, 50)
        assert (np.diff(margin, axis=1) * feature.direction >= -1e-12).all()
    moved = [f.name for f, m in zip(REGISTRY, scorer.bundle.model.gains, strict=True) if m > 0]
    assert "buyer_top1_share_12m" in moved


def test_withheld_data_of_the_model_name_the_consent(scorer: Scorer, workshop: Workshop) -> None:
    with pytest.raises(ScopeError, match=r"all of it is withheld.*consent scope 'invoice'") as why:
        scorer.rate(workshop.sample, {"invoice_line", "reg_basic"})
    assert "'invoice'" in why.value.zh


def test_data_the_model_does_not_read_may_be_withheld(scorer: Scorer, workshop: Workshop) -> None:
    free, told = scorer.rate(workshop.sample), scorer.rate(workshop.sample, {"reg_basic"})
    assert np.array_equal(free.score, told.score)
    assert told.coverage == 1.0


def test_a_withheld_part_costs_nothing_and_gives_nothing(
    bundle: Bundle, workshop: Workshop
) -> None:
    scorer = Scorer(two_datasets(bundle))
    hidden = scorer.hidden_columns({"invoice_line"})
    assert 0 < hidden.sum() < len(hidden)
    told = scorer.rate(workshop.sample, {"invoice_line"})
    assert not told.feature_points[:, hidden].any()
    assert told.base_points_full_scope == scorer.rate(workshop.sample).base_points
    total = told.base_points + told.group_points.sum(axis=1) + told.points_limit
    assert np.array_equal(total, told.score)
    # What is withheld cannot be read through the rating.
    other = workshop.sample.copy()
    other[:, hidden] = 99.0
    assert np.array_equal(scorer.rate(other, {"invoice_line"}).score, told.score)


def test_coverage_is_the_share_of_gain_that_can_be_seen(bundle: Bundle) -> None:
    scorer = Scorer(two_datasets(bundle))
    gains = bundle.model.gains
    assert scorer.coverage(()) == 1.0
    assert scorer.coverage({"reg_basic"}) == pytest.approx(1 - gains[0] / gains.sum())
    assert scorer.coverage({"reg_basic", "invoice_line"}) == 0.0


@pytest.mark.parametrize(
    ("coverage", "letter"),
    [(1.0, "H"), (0.7, "H"), (0.6999, "M"), (0.4, "M"), (0.3999, "L"), (0.0, "L")],
)
def test_confidence_steps(coverage: float, letter: str) -> None:
    assert confidence_of(coverage) == letter


@pytest.mark.parametrize(
    "matrix", [np.zeros((2, 5)), np.zeros(6), np.zeros((2, 6), dtype=np.float32)]
)
def test_a_matrix_that_does_not_fit_is_refused(scorer: Scorer, matrix: np.ndarray) -> None:
    with pytest.raises(ModelInputError, match="needs 6 float64 columns"):
        scorer.rate(matrix)


def test_no_firm_is_no_rating(scorer: Scorer) -> None:
    assert len(scorer.rate(np.empty((0, 6)))) == 0
