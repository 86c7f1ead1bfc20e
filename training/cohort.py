"""Who a model learns from: labelled firms whose consents allow it, as one matrix.

Two clocks decide. Features are those visible at `as_of_date` to the platform under live consents for
purpose `modelling`; labels, and the right to learn from a firm at all, are those of the day of
training.
"""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from features.contracts import Catalogue
from features.errors import CohortError
from features.lake import LakeView
from features.pipeline import FeatureTable, build_features
from features.registry import Registry
from features.scope import DataScope, Purpose
from features.snapshot import Snapshot, open_snapshot

PLATFORM = "platform"
LABELS = "loan_outcome"
#: Below this many defaults no validation figure means anything.
MIN_DEFAULTS = 10


@dataclass(frozen=True)
class Cohort:
    """Training rows in the order of their codes.

    Attributes
    ----------
    usccs, origins : tuple of str, length n
        Codes, and the ids their provider uses (the code itself where there is none).
    matrix : ndarray of float64, shape (n, k)
        Features in registry order, NaN where unknown.
    is_default : ndarray of bool, shape (n,)
    features : Registry
    as_of_date : date
    labelled : int
        Firms with an outcome, before consent was asked.
    without_consent : int
        Labelled firms left out because a consent for modelling is missing at either clock.
    """

    usccs: tuple[str, ...]
    origins: tuple[str, ...]
    matrix: npt.NDArray[np.float64]
    is_default: npt.NDArray[np.bool_]
    features: Registry
    as_of_date: date
    labelled: int
    without_consent: int

    def select(self, names: list[str]) -> "Cohort":
        """The same firms with some of the features."""
        columns = [self.features.names.index(name) for name in names]
        return Cohort(
            self.usccs,
            self.origins,
            self.matrix[:, columns],
            self.is_default,
            self.features.select(names),
            self.as_of_date,
            self.labelled,
            self.without_consent,
        )


def build_cohort(
    lake: LakeView, catalogue: Catalogue, features: Registry, *, as_of_date: date, now: datetime
) -> Cohort:
    """Join features as of one date with the outcomes known on the day of training.

    Parameters
    ----------
    now : datetime
        The moment of training, Asia/Shanghai wall time.

    Raises
    ------
    CohortError
        If too few labelled firms remain, or all have the same outcome.
    """
    training_day = now.date()
    datasets = frozenset(name for feature in features for name in feature.datasets)
    scope = DataScope(datasets | {LABELS}, Purpose.MODELLING, training_day, grantee=PLATFORM)
    with open_snapshot(lake, catalogue, training_day, scope, now=now) as today:
        outcomes = _outcomes(today, datasets)
    with open_snapshot(lake, catalogue, as_of_date, scope, now=now) as then:
        table = build_features(then, features)
        origins = _origins(then)
        consented = _consented(then, datasets)
    return _join(table, outcomes, consented, origins, features)


def _outcomes(snapshot: Snapshot, datasets: frozenset[str]) -> dict[int, tuple[bool, bool]]:
    """Per firm with an outcome: whether it defaulted, and whether it may be learned from today.

    Whether a firm has an outcome at all is counted past consent, so that the report can say how
    many are left out; what the outcome was is read only inside it.
    """
    may_learn = " AND ".join(f"v.{name}" for name in sorted(datasets | {LABELS}))
    rows = snapshot.connection.execute(
        f"SELECT o.enterprise_key, bool_or(o.is_default), bool_and({may_learn}) "
        f"FROM visible_{LABELS} o JOIN visibility v USING (enterprise_key) GROUP BY o.enterprise_key"
    ).fetchall()
    return {int(key): (bool(default), bool(allowed)) for key, default, allowed in rows}


def _consented(snapshot: Snapshot, datasets: frozenset[str]) -> set[int]:
    condition = " AND ".join(sorted(datasets)) or "true"
    rows = snapshot.connection.execute(
        f"SELECT enterprise_key FROM visibility WHERE {condition}"
    ).fetchall()
    return {int(row[0]) for row in rows}


def _origins(snapshot: Snapshot) -> dict[str, str]:
    rows = snapshot.connection.execute("SELECT uscc, origin FROM enterprise").fetchall()
    return {str(uscc): str(origin) if origin else str(uscc) for uscc, origin in rows}


def _join(
    table: FeatureTable,
    outcomes: dict[int, tuple[bool, bool]],
    consented: set[int],
    origins: dict[str, str],
    features: Registry,
) -> Cohort:
    keys, usccs, matrix = table.enterprise_keys.tolist(), table.usccs, table.matrix()
    labelled = [row for row, key in enumerate(keys) if key in outcomes]
    chosen = sorted(
        (row for row in labelled if outcomes[keys[row]][1] and keys[row] in consented),
        key=lambda row: usccs[row],
    )
    is_default = np.array([outcomes[keys[row]][0] for row in chosen], dtype=np.bool_)
    defaults = int(is_default.sum())
    if min(defaults, len(chosen) - defaults) < MIN_DEFAULTS:
        raise CohortError(
            en=f"Of {len(labelled)} labelled firms {len(chosen)} may be learned from, "
            f"{defaults} of them defaulted; training needs at least {MIN_DEFAULTS} of each outcome.",
            zh=f"{len(labelled)} 家有标签企业中仅 {len(chosen)} 家可用于建模，其中违约 {defaults} 家；"
            f"两类样本均需至少 {MIN_DEFAULTS} 家。",
        )
    names = tuple(usccs[row] for row in chosen)
    return Cohort(
        usccs=names,
        origins=tuple(origins[name] for name in names),
        matrix=matrix[chosen],
        is_default=is_default,
        features=features,
        as_of_date=table.as_of_date,
        labelled=len(labelled),
        without_consent=len(labelled) - len(chosen),
    )
