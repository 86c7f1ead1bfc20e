"""The firms of a month as a model would learn from them, so that drift compares like with like.

Looking for drift is part of modelling: it takes the same consent, the same cut of the month, and the
same firms by the same rules as a training would, except that outcomes need not be known yet.
"""

from datetime import date, datetime

import numpy as np

from features.contracts import Catalogue
from features.errors import DriftError
from features.lake import LakeView
from features.pipeline import build_features
from features.registry import Registry
from features.scope import PLATFORM, DataScope, Purpose
from features.snapshot import open_snapshot
from models.bundle import Bundle
from models.drift import Month
from models.record import has_any_record
from training.performance import (
    LABEL_DATASETS,
    PUBLIC_DATASETS,
    load_performance_rules,
    performance,
)

#: Left out of development whatever became of the firm later.
_OUT = frozenset({"in_default", "recently_cured", "dead"})


def look_at_month(
    lake: LakeView,
    catalogue: Catalogue,
    registry: Registry,
    bundle: Bundle,
    *,
    as_of_date: date,
    now: datetime,
) -> Month:
    """Features of a month end for the firms a bundle's kind of model is made of.

    A model with dated labels is made of firms with a live loan that are not in default, any other of
    all firms that let themselves be learned from.

    Raises
    ------
    DriftError
        If there is no such firm.
    CohortError
        If the date is no month end.
    """
    features = registry.select(feature.name for feature in bundle.manifest.features)
    read = frozenset(name for feature in features for name in feature.datasets)
    is_dated = bundle.manifest.probability_kind != "default_probability"
    scope = DataScope(
        read | LABEL_DATASETS | PUBLIC_DATASETS, Purpose.MODELLING, now.date(), grantee=PLATFORM
    )
    firms: list[int] | None = None
    if is_dated:
        with open_snapshot(lake, catalogue, now.date(), scope, now=now) as today:
            called = performance(today, [as_of_date], load_performance_rules()).called[as_of_date]
        firms = sorted(firm for firm, word in called.items() if word not in _OUT)
        if not firms:
            _nobody(as_of_date)
    needed = LABEL_DATASETS if is_dated else read
    with open_snapshot(lake, catalogue, as_of_date, scope, now=now, enterprises=firms) as snapshot:
        snapshot.connection.execute(
            "DELETE FROM enterprise WHERE enterprise_key NOT IN "
            f"(SELECT enterprise_key FROM visibility WHERE {' AND '.join(sorted(needed))})"
        )
        table = build_features(snapshot, features)
    matrix = table.matrix()
    known = has_any_record(bundle.manifest.features, matrix) if len(matrix) else np.zeros(0, bool)
    if not known.any():
        _nobody(as_of_date)
    return Month(table.enterprise_keys[known], matrix[known])


def _nobody(as_of_date: date) -> None:
    raise DriftError(
        en=f"No firm can be looked at for {as_of_date}: none with a live loan and a consent for modelling has a "
        "record by then. Repayments of a month arrive in the next one; choose an earlier month end.",
        zh=f"{as_of_date} 没有可监测的企业：无同时具备在贷、建模授权与记录的企业。当月履约数据次月到达，请选择更早的月末。",
    )
