"""The rating models as specifications: which features, which shape, which words.

Hyper-parameters are fixed here before any outcome was looked at. With about a hundred firms, or a
hundred defaults, a search would only find the noise of the sample; with more, `training.tune` searches
around these.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from features.contracts import Catalogue, Sensitivity, Words
from features.registry import Registry
from models.manifest import ProbabilityKind

Parameter = str | int | float | bool | list[int]

#: Small, shallow and slow to learn; every choice errs on the side of too simple.
_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "objective": "binary",
        "learning_rate": 0.05,
        "max_depth": 3,
        "num_leaves": 8,
        "min_data_in_leaf": 10,
        "min_sum_hessian_in_leaf": 1.0,
        "lambda_l2": 5.0,
        "feature_fraction": 0.5,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "max_bin": 63,
        # `advanced` was measured to break its own constraints on data with missing values
        # (LightGBM 4.7.0); `intermediate` did once in some hundred trials, so `training.directions`
        # sweeps what was fitted and falls back to `basic`, which always held.
        "monotone_constraints_method": "intermediate",
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "verbosity": -1,
    }
)


@dataclass(frozen=True)
class RatingSpec:
    """What is trained, before there is data.

    Parameters
    ----------
    name : str
        Name of the model; a version is given when it is registered.
    datasets : frozenset of str
        The model uses every feature that reads these datasets only.
    probability_kind : {"default_probability", "pd_12m", "event_6m"}
        What the calibrated number may be called.
    label : Words
        What counts as a default, printed under the probability.
    disclaimer : Words
    rounds : int
        Trees, at most.
    is_shaped : bool
        Whether features are held to their directions; False only to measure what the shape costs.
    parameters : mapping
        LightGBM parameters but for seed, threads and directions.
    """

    name: str
    datasets: frozenset[str]
    probability_kind: ProbabilityKind
    label: Words
    disclaimer: Words
    rounds: int = 300
    parameters: Mapping[str, Parameter] = field(default_factory=lambda: _PARAMETERS)
    is_shaped: bool = True

    def features(self, registry: Registry) -> Registry:
        """Return the model's features, in the registry's order."""
        return registry.reading_only(self.datasets)

    def training_parameters(
        self, features: Registry, *, seed: int, threads: int = 1
    ) -> dict[str, Parameter]:
        """LightGBM parameters with the directions of these features as constraints.

        Parameters
        ----------
        features : Registry
            Columns of the training matrix, in order.
        seed : int
            Decides every random choice; the same seed gives the same trees.
        threads : int
            Number of threads; the result is the same for each number only up to rounding, so a
            registered model is trained with 1.
        """
        return {
            **self.parameters,
            "monotone_constraints": [feature.direction * self.is_shaped for feature in features],
            "seed": seed,
            "num_threads": threads,
        }


DISCLAIMER = Words(
    zh="仅供参考，不构成授信承诺",
    en="For reference only; this is not a promise of credit",
)

INVOICE_RATING = RatingSpec(
    name="invoice-rating",
    datasets=frozenset({"invoice_line"}),
    probability_kind="default_probability",
    label=Words(
        zh="违约标签无日期：表示样本企业是否违约，不是未来12个月违约概率（PD）",
        en="undated label: whether a sample firm ever defaulted; not a 12-month PD",
    ),
    disclaimer=DISCLAIMER,
)

#: The name under which the 12-month rating is registered and asked for.
BASE_12M = "base_12m"
#: Room for a few interactions; a leaf holds enough rows that a default more or less moves it little.
_CITY_PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        **_PARAMETERS,
        "max_depth": 4,
        "num_leaves": 16,
        "min_data_in_leaf": 40,
        "feature_fraction": 0.3,
    }
)


def base_12m(catalogue: Catalogue) -> RatingSpec:
    """The 12-month rating: every feature a bank may see with consent.

    The platform's own records are closed to institutions, and the last word on a loan is a label.
    """
    internal = {d.name for d in catalogue if d.document.sensitivity is Sensitivity.INTERNAL}
    return RatingSpec(
        name=BASE_12M,
        datasets=frozenset(catalogue.datasets) - internal - {"loan_outcome"},
        probability_kind="pd_12m",
        label=Words(
            zh="十二个月内违约：逾期超过90天、五级分类次级及以下、核销、代偿、重组或破产受理",
            en="default within 12 months: over 90 days late, substandard or worse, written off, paid by "
            "the guarantor, restructured, or bankruptcy accepted",
        ),
        disclaimer=DISCLAIMER,
        parameters=_CITY_PARAMETERS,
    )
