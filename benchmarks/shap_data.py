"""A seeded stand-in for a city's feature table: heavy tails, counts, ratios, 12 % missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

FEATURES = 100
MISSING_SHARE = 0.12
TREES = 300
#: Columns go missing together, source by source, as they do when a consent is refused.
SOURCES = 10
#: Counts that one model reads as codes of a category.
CATEGORIES = (1, 5, 9)
_LABEL_TERMS = 40
_DEFAULT_RATE = 0.1
_SEED = 20261121


@dataclass(frozen=True)
class City:
    """Firms with features and a label.

    Parameters
    ----------
    matrix : ndarray of shape (n, 100)
        Amounts (log-normal), counts (negative binomial), ratios and changes of either sign.
    is_default : ndarray of shape (n,)
    """

    matrix: FloatArray
    is_default: npt.NDArray[np.bool_]


def make_city(rows: int, *, seed: int = _SEED) -> City:
    """Make up firms; the same seed gives the same firms."""
    rng = np.random.default_rng(seed)
    kinds = (
        lambda: np.round(rng.lognormal(10.0, 2.0, rows), 2),
        lambda: rng.negative_binomial(2, 0.1, rows).astype(np.float64),
        lambda: np.round(rng.beta(2.0, 3.0, rows), 4),
        lambda: np.round(rng.standard_t(3, rows), 4),
    )
    matrix = np.column_stack([kinds[column % len(kinds)]() for column in range(FEATURES)])
    ranked = (np.argsort(np.argsort(matrix, axis=0), axis=0) + 0.5) / rows - 0.5
    weights = rng.normal(size=_LABEL_TERMS)
    risk = ranked[:, :_LABEL_TERMS] @ weights
    pairs = rng.integers(0, FEATURES, (_LABEL_TERMS, 2))
    for one, other in pairs:
        risk += 2.0 * rng.normal() * ranked[:, one] * ranked[:, other]
    cut = np.quantile(risk + rng.logistic(0.0, 0.3, rows), 1 - _DEFAULT_RATE)
    is_default = risk + rng.logistic(0.0, 0.3, rows) > cut
    for columns in source_columns():
        matrix[np.ix_(rng.random(rows) < MISSING_SHARE, columns)] = np.nan
    return City(matrix, is_default)


def source_columns() -> Iterator[npt.NDArray[np.int64]]:
    """Columns of each source."""
    return (np.arange(source, FEATURES, SOURCES) for source in range(SOURCES))


def train_trees(city: City, *, depth: int, with_categories: bool = False) -> lgb.Booster:
    """Train 300 trees of the asked depth, at most 31 leaves each, on one thread."""
    parameters = {
        "objective": "binary",
        "learning_rate": 0.05,
        "max_depth": depth,
        "num_leaves": min(2**depth, 31),
        "min_data_in_leaf": 20,
        "deterministic": True,
        "force_row_wise": True,
        "seed": _SEED,
        "num_threads": 1,
        "verbosity": -1,
    }
    data = lgb.Dataset(
        city.matrix,
        city.is_default.astype(np.float64),
        categorical_feature=list(CATEGORIES) if with_categories else [],  # pyright: ignore[reportArgumentType] - columns
    )
    return lgb.train(parameters, data, num_boost_round=TREES)


def hostile_classes(sample: FloatArray, thresholds: FloatArray) -> Mapping[str, FloatArray]:
    """Rows of each kind that implementations of trees are known to differ on."""
    rng = np.random.default_rng(_SEED)
    edges = thresholds[np.isfinite(thresholds)]
    codes = np.isin(np.arange(sample.shape[1]), CATEGORIES)
    everywhere = np.ones(sample.shape[1], dtype=bool)

    def with_values(values: npt.ArrayLike, columns: npt.NDArray[np.bool_]) -> FloatArray:
        is_changed = (rng.random(sample.shape) < 0.3) & columns  # noqa: PLR2004  three in ten
        drawn = rng.choice(np.asarray(values, dtype=np.float64), sample.shape)
        return np.where(is_changed, drawn, sample)

    tiny = [1e-35, -1e-35, float(np.float32(1e-35)), 1e-36, 5e-324, 2e-35]
    near = np.concatenate([edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf)])
    return {
        "as they are": sample,
        "30 % more missing": with_values([np.nan], everywhere),
        "at and 1 ulp off thresholds": with_values(near, everywhere),
        "zeros of both signs and tiny values": with_values([0.0, -0.0, *tiny], everywhere),
        "infinite and huge values": with_values([np.inf, -np.inf, 1e300, -1e300], everywhere),
        "unseen and huge codes": with_values(
            [500, 2.0**31 - 1, 2.0**31, 3e9, np.inf, -np.inf], codes
        ),
        "negative and fractional codes": with_values([-1, -0.5, 0.5, 2.7, 30.999], codes),
    }
