"""What changed between two dates: sums that add up, and sentences that give nothing away."""

import re

import numpy as np
import pytest

from models.bundle import Bundle
from models.changes import ChangeSpeaker, changes_between
from tests.unit.models.watch_world import REGISTRY, draw_firms, make_bundle


@pytest.fixture(scope="module")
def mover(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("changes") / "bundle")


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_add_up_to_the_difference_of_the_scores(mover: Bundle, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, now = draw_firms(80, rng), draw_firms(80, rng)
    hidden = rng.random(len(REGISTRY)) < 0.3
    found = changes_between(mover, before, now, hidden)
    whole = found.now - found.before
    np.testing.assert_array_equal(found.group_points.sum(axis=1) + found.limit_points, whole)
    np.testing.assert_array_equal(found.feature_points.sum(axis=1) + found.limit_points, whole)
    assert (found.feature_points[:, hidden] == 0).all()
    assert len(set(whole.tolist())) > 5


def test_nothing_moved_is_no_change(mover: Bundle) -> None:
    same = draw_firms(10, np.random.default_rng(9))
    found = changes_between(mover, same, same)
    assert not found.group_points.any()
    speaker = ChangeSpeaker(mover, REGISTRY)
    assert speaker.groups(found, 0, same[0], same[0], most=3) == ()


def one(mover: Bundle, **values: tuple[float, float]) -> list[str]:
    """What is said in English of one firm whose given features moved."""
    before = np.array([[0.1, 0.1, 12.0, 0.0, 2e6, 10.0]])
    now = before.copy()
    for name, (was, is_now) in values.items():
        place = list(REGISTRY.names).index(name)
        before[0, place], now[0, place] = was, is_now
    found = changes_between(mover, before, now)
    said = ChangeSpeaker(mover, REGISTRY).groups(found, 0, before[0], now[0], most=3)
    assert all(change.points < 0 for change in said)
    return [change.words.en for change in said]


def test_an_authorised_value_moves_from_band_to_band(mover: Bundle) -> None:
    said = one(mover, sales_yoy=(0.1234567, -0.6234567))[0]
    assert re.fullmatch(r"sales_yoy: from 10–30 % to -70–-50 %, -\d+ points", said)


def test_within_one_band_only_the_direction_is_told(mover: Bundle) -> None:
    said = one(mover, sales_yoy=(-0.01, -0.099))
    assert said
    assert all(
        re.fullmatch(r"\w+: (fell|unchanged, weighs more now), -\d+ points", each) for each in said
    )


def test_a_public_count_is_told_as_it_is(mover: Bundle) -> None:
    said = one(mover, dishonest_count=(0.0, 1.0))[0]
    assert re.fullmatch(r"dishonest_count: from 0 to 1, -\d+ points", said)


def test_no_sentence_holds_a_value_that_needs_a_consent(mover: Bundle) -> None:
    rng = np.random.default_rng(4)
    before, now = draw_firms(200, rng), draw_firms(200, rng)
    found, speaker = changes_between(mover, before, now), ChangeSpeaker(mover, REGISTRY)
    told = 0
    for row in range(len(now)):
        for change in speaker.groups(found, row, before[row], now[row], most=6):
            told += 1
            for vector in (before, now):
                for name in ("sales_yoy", "usage_yoy", "sales_cny"):
                    value = vector[row, list(REGISTRY.names).index(name)]
                    # An end of the range is an edge of a band, too.
                    if not np.isnan(value) and abs(value) != 1:
                        assert f"{abs(value):.4g}" not in change.words.en + change.words.zh
    assert told > 100
