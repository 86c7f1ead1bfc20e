"""Fit, and make sure that the trees keep the directions they were given."""

from collections.abc import Callable
from dataclasses import replace

from features.errors import BundleError
from features.registry import Registry
from models.arrays import FloatArray
from models.directions import turned_columns
from models.rating import RatingSpec
from models.tree_model import read_ensemble
from training.fit import FittedRating

METHOD = "monotone_constraints_method"
#: Binds more than it must, and keeps every direction.
STRICT = "basic"


def fit_to_directions(
    fit: Callable[[RatingSpec], FittedRating],
    spec: RatingSpec,
    features: Registry,
    matrix: FloatArray,
) -> tuple[FittedRating, RatingSpec]:
    """Fit; again with the strict method of constraints if a column turned against its direction.

    Parameters
    ----------
    matrix : ndarray of shape (n, k)
        Rows to sweep from.

    Returns
    -------
    tuple of FittedRating and RatingSpec
        The fit and the specification it was made by.

    Raises
    ------
    BundleError
        If a column turns even so.
    """
    fitted = fit(spec)
    if not turned_features(fitted, features, matrix):
        return fitted, spec
    strict = replace(spec, parameters={**spec.parameters, METHOD: STRICT})
    fitted = fit(strict)
    turned = turned_features(fitted, features, matrix)
    if turned:
        raise BundleError(
            en=f"The trees turn against the direction of {', '.join(turned)}; nothing was registered. Report this.",
            zh=f"模型未满足 {', '.join(turned)} 的方向约束，未予登记，请反馈此问题。",
        )
    return fitted, strict


def turned_features(fitted: FittedRating, features: Registry, matrix: FloatArray) -> list[str]:
    """Names of features whose direction the trees do not keep."""
    ensemble = read_ensemble(fitted.booster.model_to_string())
    directions = {place: feature.direction for place, feature in enumerate(features)}
    return [features.names[place] for place in turned_columns(ensemble, matrix, directions)]
