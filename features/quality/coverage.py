"""How many of the enterprises that should be in a dataset have a row in a month."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from features.contracts import Catalogue, Dataset
from features.engine import connect
from features.lake import LakeView
from features.quality.measures import known_rows
from features.scope import DataScope, Purpose
from features.snapshot import CONSENTS, open_snapshot


@dataclass(frozen=True)
class Coverage:
    """Enterprises of one dataset.

    Parameters
    ----------
    base : int
        Enterprises on the register at `as_of`; for authorised and secret data those of them with a
        live consent, to whomever, whose scope opens the dataset.
    by_month : dict of int to int
        How many of them have a row in the month (YYYYMM).
    """

    base: int
    by_month: Mapping[int, int]

    def share(self, month: int) -> float | None:
        """Covered share in [0, 1]; None where nobody should be covered."""
        return self.by_month.get(month, 0) / self.base if self.base else None


def enterprise_keys(
    view: LakeView, catalogue: Catalogue, as_of_date: date, *, now: datetime
) -> tuple[frozenset[int], Mapping[str, frozenset[int]]]:
    """Enterprises on the register, and those of them under live consent, by consent scope.

    A consent's state is its latest event; of events at one instant the most restrictive holds, as in
    the snapshot itself.
    """
    until = max(as_of_date, now.date())
    scope = DataScope(frozenset({CONSENTS}), Purpose.SELF_REPORT, until)
    day = f"DATE '{as_of_date}'"
    with open_snapshot(view, catalogue, as_of_date, scope, now=now) as snapshot:
        known = snapshot.connection.execute("SELECT enterprise_key FROM enterprise").fetchall()
        consented = snapshot.connection.execute(
            "SELECT scope, list(DISTINCT enterprise_key) FROM ("
            "SELECT enterprise_key, unnest(scopes) AS scope FROM ("
            "SELECT *, row_number() OVER (PARTITION BY enterprise_key, consent_id ORDER BY occurred_at DESC, "
            "CASE event WHEN 'granted' THEN 2 WHEN 'narrowed' THEN 1 ELSE 0 END, event_id DESC) AS place "
            f"FROM visible_{CONSENTS} WHERE occurred_at < {day} + INTERVAL 1 DAY) "
            "WHERE place = 1 AND event IN ('granted', 'narrowed') "
            f"AND valid_from <= {day} AND valid_to >= {day}) "
            "WHERE enterprise_key IN (SELECT enterprise_key FROM enterprise) GROUP BY scope"
        ).fetchall()
    return frozenset(key for (key,) in known), {name: frozenset(keys) for name, keys in consented}


def cover(view: LakeView, dataset: Dataset, as_of_date: date, base: frozenset[int]) -> Coverage:
    """Count the enterprises of `base` with a current row, month by month."""
    with connect() as connection:
        connection.execute(
            "CREATE TABLE base AS SELECT unnest($keys::INTEGER[]) AS enterprise_key",
            {"keys": sorted(base)},
        )
        found = connection.execute(
            "SELECT CAST(strftime(event_day, '%Y%m') AS INTEGER) AS month, count(DISTINCT enterprise_key) "
            f"FROM {known_rows(view, dataset, as_of_date)} "
            "WHERE is_current AND enterprise_key IN (SELECT enterprise_key FROM base) "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
    return Coverage(len(base), dict(found))


def base_of(
    dataset: Dataset, registered: frozenset[int], consented: Mapping[str, frozenset[int]]
) -> frozenset[int]:
    """Who should be in a dataset."""
    if not dataset.needs_consent:
        return registered
    return consented.get(dataset.document.consent_scope or "", frozenset())
