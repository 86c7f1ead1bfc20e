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
from features.pipeline import build_features
from features.registry import Registry
from features.scope import PLATFORM, DataScope, Purpose
from features.snapshot import Snapshot, open_snapshot

LABELS = "loan_outcome"
#: Enough firms for a stable comparison; more would only make patterns slower to count.
MAX_REFERENCE = 1_000
#: A bundle keeps how many reference firms answer alike; among fewer, a count could single one out.
MIN_REFERENCE = 50
#: Below this many defaults no validation figure means anything.
MIN_DEFAULTS = 10


@dataclass(frozen=True)
class Cohort:
    """Training rows in the order of their codes.

    Attributes
    ----------
    usccs, origins : tuple of str, length n
        Codes, and the ids their provider uses (the code itself where there is none).
    firm : ndarray of int64, shape (n,)
        Enterprise keys.
    matrix : ndarray of float64, shape (n, k)
        Features in registry order, NaN where unknown.
    is_default : ndarray of bool, shape (n,)
    reference : ndarray of float64, shape (m, k)
        Firms that ratings are compared with: all that may be learned from, with an outcome or not,
        at most `MAX_REFERENCE`.
    features : Registry
    as_of_date : date
    without_consent : int
        Registered firms not looked at, because at either clock no consent for modelling opens all
        the datasets. Whether they have an outcome is not known: that would be a look.
    """

    usccs: tuple[str, ...]
    origins: tuple[str, ...]
    firm: npt.NDArray[np.int64]
    matrix: npt.NDArray[np.float64]
    is_default: npt.NDArray[np.bool_]
    reference: npt.NDArray[np.float64]
    features: Registry
    as_of_date: date
    without_consent: int

    def select(self, names: list[str]) -> "Cohort":
        """The same firms with some of the features."""
        columns = [self.features.names.index(name) for name in names]
        return Cohort(
            self.usccs,
            self.origins,
            self.firm,
            self.matrix[:, columns],
            self.is_default,
            self.reference[:, columns],
            self.features.select(names),
            self.as_of_date,
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
    datasets = frozenset(name for feature in features for name in feature.datasets) | {LABELS}
    scope = DataScope(datasets, Purpose.MODELLING, training_day, grantee=PLATFORM)
    with open_snapshot(lake, catalogue, training_day, scope, now=now) as today:
        consented = _consented(today, datasets)
        outcomes = _outcomes(today)
    with open_snapshot(lake, catalogue, as_of_date, scope, now=now) as then:
        consented &= _consented(then, datasets - {LABELS})
        origins = _origins(then)
        table = build_features(then, features)
    keys, usccs, matrix = table.enterprise_keys.tolist(), table.usccs, table.matrix()
    chosen = sorted(
        (row for row, key in enumerate(keys) if key in outcomes and key in consented),
        key=lambda row: usccs[row],
    )
    names = tuple(usccs[row] for row in chosen)
    cohort = Cohort(
        usccs=names,
        origins=tuple(origins[name] for name in names),
        firm=np.array([keys[row] for row in chosen], dtype=np.int64),
        matrix=matrix[chosen],
        is_default=np.array([outcomes[keys[row]] for row in chosen], dtype=np.bool_),
        reference=_reference(matrix[[key in consented for key in keys]]),
        features=features,
        as_of_date=as_of_date,
        without_consent=sum(key not in consented for key in keys),
    )
    _require_enough(cohort)
    return cohort


def _reference(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Firms with a record, thinned evenly where there are more than a reference needs."""
    known = matrix[~np.isnan(matrix).all(axis=1)]
    step = max(1, -(-len(known) // MAX_REFERENCE))
    return known[::step]


def _require_enough(cohort: Cohort) -> None:
    firms, defaults = len(cohort.usccs), int(cohort.is_default.sum())
    if firms and len(cohort.reference) < MIN_REFERENCE:
        raise CohortError(
            en=f"{len(cohort.reference)} firms may be compared with; a reference needs at least "
            f"{MIN_REFERENCE}, so that none can be singled out.",
            zh=f"可作参照的企业仅 {len(cohort.reference)} 家；参照样本至少需要 {MIN_REFERENCE} 家，以免识别出单个企业。",
        )
    if min(defaults, firms - defaults) < MIN_DEFAULTS:
        raise CohortError(
            en=f"{firms} firms have an outcome and a consent for modelling, {defaults} of them defaulted; "
            f"training needs at least {MIN_DEFAULTS} of each outcome. Firms without consent: "
            f"{cohort.without_consent}.",
            zh=f"有结果且授权建模的企业 {firms} 家，其中违约 {defaults} 家；两类样本均需至少 "
            f"{MIN_DEFAULTS} 家。未授权建模的企业 {cohort.without_consent} 家。",
        )


def _outcomes(snapshot: Snapshot) -> dict[int, bool]:
    """Whether each firm with a visible outcome has ever defaulted."""
    rows = snapshot.connection.execute(
        f"SELECT enterprise_key, bool_or(is_default) FROM visible_{LABELS} GROUP BY enterprise_key"
    ).fetchall()
    return {int(key): bool(defaulted) for key, defaulted in rows}


def _consented(snapshot: Snapshot, datasets: frozenset[str]) -> set[int]:
    """Firms whose consents open every one of the datasets."""
    condition = " AND ".join(sorted(datasets)) or "true"
    rows = snapshot.connection.execute(
        f"SELECT enterprise_key FROM visibility WHERE {condition}"
    ).fetchall()
    return {int(row[0]) for row in rows}


def _origins(snapshot: Snapshot) -> dict[str, str]:
    rows = snapshot.connection.execute("SELECT uscc, origin FROM enterprise").fetchall()
    return {str(uscc): str(origin) if origin else str(uscc) for uscc, origin in rows}
