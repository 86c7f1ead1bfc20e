"""Counts that go with a bundle: enough firms in each, nothing lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.errors import ModelDocumentError, ModelInputError
from models.bundle import Bundle
from models.histograms import Histogram, load_limits, make_histograms, merge_small
from tests.unit.models.conftest import Workshop

LEAST = int(load_limits().firms_a_cell_from.value)
VALUES = st.floats(-1e6, 1e6).map(lambda v: round(v, 2)) | st.sampled_from([0.0, 1.0, np.nan])


@given(arrays(np.float64, st.tuples(st.integers(LEAST, 120), st.just(2)), elements=VALUES))
def test_no_count_is_of_few_firms_and_none_is_lost(matrix: np.ndarray) -> None:
    rows = len(matrix)
    found = make_histograms(matrix, np.arange(rows), np.full(rows, 0.1))
    for told in (found.score, *found.features):
        assert sum(told.counts) == rows
        assert all(count == 0 or count >= LEAST for count in told.counts)
        # A cell of nobody stands only where all or none are missing.
        assert 0 not in told.counts[:-1] or told.counts[-1] == rows


@given(st.lists(st.integers(0, 40), min_size=1, max_size=9))
def test_merging_keeps_the_sum_and_leaves_no_small_cell(counts: list[int]) -> None:
    edges = [float(k) for k in range(len(counts) - 1)]
    ends, cells = merge_small(edges, counts, 10)
    assert sum(cells) == sum(counts)
    assert len(ends) == len(cells) - 1
    assert set(ends) <= set(edges)
    assert min(cells) >= 10 or len(cells) == 1


def test_edges_of_features_tell_no_amount() -> None:
    rng = np.random.default_rng(5)
    matrix = rng.lognormal(10, 2, (600, 1))
    edges = np.array(make_histograms(matrix, np.arange(600), np.full(600, 0.1)).features[0].edges)
    assert len(edges) == 9
    assert all(edge == float(f"{edge:.1e}") for edge in edges.tolist())
    assert not set(edges.tolist()) & set(matrix[:, 0].tolist())


def test_a_bundle_keeps_its_development_sample_as_counts(
    bundle: Bundle, workshop: Workshop
) -> None:
    found = bundle.histograms
    assert found.rows == len(workshop.sample)
    probability = bundle.line.probability(bundle.model.margin(workshop.sample))
    score = bundle.scale.score_of(probability)
    assert found.mean_probability == pytest.approx(probability.mean(), abs=1e-15)
    assert found.score.bins.count(score).tolist() == found.score.counts
    assert [int(np.isnan(column).sum()) for column in workshop.sample.T] == [
        told.counts[-1] for told in found.features
    ]


def test_too_few_rows_are_not_told() -> None:
    with pytest.raises(ModelInputError, match=f"{LEAST - 1} rows cannot be told in counts"):
        make_histograms(np.ones((LEAST - 1, 1)), np.arange(LEAST - 1), np.full(LEAST - 1, 0.1))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"edges": [1.0], "counts": [1, 2]}, "two counts more than edges"),
        ({"edges": [], "counts": [1, -2]}, "none below 0"),
        ({"edges": [2.0, 1.0], "counts": [1, 2, 3, 4]}, "edges must ascend"),
    ],
)
def test_a_histogram_that_cannot_be_is_refused(told: dict[str, list[float]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Histogram.model_validate(told)


def test_limits_say_where_a_mistake_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("limits") / "stability.yaml"
    path.write_text("effective_from: 2026-11-01\ncels: 3\n")
    with pytest.raises(ModelDocumentError, match="'cels' is not a known key; did you mean 'cells'"):
        load_limits(path)
