"""Scopes closed at random: what goes, how often, and that nothing is gained by it."""

from datetime import date

import numpy as np
import pytest

from features.contracts import load_catalogue
from features.definitions import REGISTRY
from models.rating import base_12m
from models.scale import load_scale
from training.consent import ConsentScopes, mask
from training.fit import FitPlan, fit_rating
from training.fitting import load_fitting_rules
from training.scenarios import LaterRows, play_scenarios
from training.splits import grouped_folds
from training.thinning import thinned_weights

CATALOGUE = load_catalogue()
SPEC = base_12m(CATALOGUE)
FEATURES = SPEC.features(REGISTRY)
SCOPES = ConsentScopes.of(FEATURES, CATALOGUE)
#: Two scopes of two features, and a public feature.
PAIR = ConsentScopes(("invoice", "tax"), np.array([[1, 0, 0], [1, 1, 0]], dtype=np.bool_))


def test_a_scope_takes_every_feature_that_reads_one_of_its_datasets() -> None:
    gone = SCOPES.columns(["tax"])
    opened = CATALOGUE.opened_by("tax")
    for feature, is_gone in zip(FEATURES, gone, strict=True):
        assert is_gone == bool(feature.datasets & opened)
    assert gone.any()
    assert not SCOPES.columns([]).any()
    public = ~SCOPES.columns(SCOPES.names)
    names = {name for f, kept in zip(FEATURES, public, strict=True) if kept for name in f.datasets}
    assert {CATALOGUE[name].document.consent_scope for name in names} == {None}


def test_a_feature_of_two_scopes_goes_with_either() -> None:
    assert PAIR.columns(["invoice"]).tolist() == [True, False, False]
    assert PAIR.columns(["tax"]).tolist() == [True, True, False]


def test_random_closings_reach_from_none_to_all_evenly_and_spare_public_data() -> None:
    gone = PAIR.draw(30_000, np.random.default_rng(1))
    assert not gone[:, 2].any()
    # A scope is closed with chance u, u even on 0..1: once in two. Both stay open with chance
    # the mean of (1 - u)^2 = 1/3, and so a feature that needs both goes in 2/3 of the rows.
    assert gone[:, 1].mean() == pytest.approx(1 / 2, abs=0.01)
    assert gone[:, 0].mean() == pytest.approx(2 / 3, abs=0.01)


def test_thinning_keeps_every_default_and_the_totals() -> None:
    is_default = np.arange(1000) < 10
    learns = np.arange(1000) % 2 == 0
    rng = np.random.default_rng(1)
    weight = thinned_weights(is_default, learns, goods_per_default=20, rng=rng)
    # 5 defaults and 495 goods may be learned from; 100 goods stay, each for 4.95.
    assert (weight > 0).sum() == 105
    assert set(weight.round(9)) == {0, 1, 4.95}
    assert weight[is_default & learns].tolist() == [1] * 5
    assert weight.sum() == pytest.approx(500)
    few = thinned_weights(is_default, learns, goods_per_default=99, rng=rng)
    assert few.tolist() == learns.astype(float).tolist()


RNG = np.random.default_rng(8)
ROWS = 3_000
QUALITY = RNG.normal(size=ROWS)
FIRM = np.arange(ROWS)
IS_DEFAULT = RNG.random(ROWS) < 1 / (1 + np.exp(2.5 + 1.2 * QUALITY))


def opened_by_the_good() -> np.ndarray:
    """Three columns that say the same; the first two closed by most firms that have much to hide."""
    matrix = QUALITY[:, None] + RNG.normal(size=(ROWS, 3)) * [0.3, 0.3, 1.5]
    return mask(
        matrix,
        (RNG.random((ROWS, 1)) < 1 / (1 + np.exp(3 * QUALITY[:, None]))) & [True, True, False],
    )


def test_dropout_keeps_the_level_when_what_all_had_opened_is_closed() -> None:
    features = FEATURES.select([f.name for f in list(FEATURES) if f.direction == 0][:3])
    matrix, half = opened_by_the_good(), FIRM % 2 == 0
    later = LaterRows(
        matrix[~half],
        IS_DEFAULT[~half],
        FIRM[~half],
        np.full(ROWS // 2, date(2025, 5, 31), "datetime64[D]"),
    )
    found = {}
    for name, withheld in (
        ("dropout", PAIR.draw(ROWS // 2, np.random.default_rng(1))),
        ("plain", None),
    ):
        every = np.ones(ROWS // 2, dtype=np.bool_)
        folds = grouped_folds(IS_DEFAULT[half], FIRM[half], folds=5, seed=1)
        plan = FitPlan(folds, every, every, withheld=withheld)
        fitted = fit_rating(matrix[half], IS_DEFAULT[half], SPEC, features, seed=1, plan=plan)
        played = play_scenarios(
            later, fitted.probability, PAIR, load_scale(), load_fitting_rules(), seed=1
        )
        found[name] = {scenario.name: scenario for scenario in played}
    assert list(found["dropout"])[:4] == ["full", "without_invoice", "without_tax", "public_only"]
    assert found["dropout"]["public_only"].withheld == ("invoice", "tax")

    def miss(name: str, scenario: str) -> float:
        return abs(np.log(found[name][scenario].figures["observed_expected"].value))

    assert miss("dropout", "full") < 0.25
    assert miss("dropout", "public_only") < 0.25 < miss("plain", "public_only")
    # Closing what speaks against a firm lowers the level, never raises it.
    strategic, full = (
        found["dropout"][n].figures["mean_probability"].value for n in ("strategic", "full")
    )
    assert strategic < full


def test_the_same_seed_plays_the_same_scenarios() -> None:
    rows = LaterRows(
        np.ones((40, 3)),
        np.arange(40) % 4 == 0,
        np.arange(40),
        np.full(40, "2025-05-31", "datetime64[D]"),
    )
    once, twice, other = (
        play_scenarios(
            rows,
            lambda x: np.full(len(x), 0.25),
            PAIR,
            load_scale(),
            load_fitting_rules(),
            seed=seed,
        )
        for seed in (1, 1, 2)
    )
    assert [s.withheld for s in once] == [s.withheld for s in twice]
    assert [s.withheld for s in once] != [s.withheld for s in other]
    # 10 of 40 default and 0.25 is said of each: observed is expected, and no light goes on.
    assert once[0].figures["observed_expected"].value == 1
    assert once[0].figures["grades_red"].value == 0
    wrong = play_scenarios(
        rows, lambda x: np.full(len(x), 0.05), PAIR, load_scale(), load_fitting_rules(), seed=1
    )
    # 10 of 40 under 5 %: Beta(10.5, 30.5) below 0.05 is far under 0.01.
    assert wrong[0].figures["grades_red"].value == 1
