"""Where two sources state the same fact and disagree: `conflicts.yaml`, counted as of a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import Field

from features.contracts import Catalogue, Words
from features.documents import Document, load_document
from features.errors import QualityError
from features.lake import LakeView
from features.scope import DataScope, Purpose
from features.snapshot import Snapshot, open_snapshot

CONFLICTS_PATH = Path(__file__).parent / "conflicts.yaml"


class Tolerance(Document):
    """How far two values may lie apart: the larger of a distance [unit] and a share of the larger one."""

    absolute: float = Field(ge=0)
    ratio: float = Field(ge=0, le=1)


class Conflict(Document):
    """One comparison; see the head of `conflicts.yaml`."""

    name: str
    zh: str
    en: str
    datasets: list[str] = Field(min_length=1)
    a: Words
    b: Words
    unit: Literal["yuan", "persons", "flag"]
    tolerance: Tolerance
    only: Literal["greater"] | None = None
    sql: str


class ConflictDocument(Document):
    """`conflicts.yaml` as written."""

    version: int
    in_force: date
    conflicts: list[Conflict]


@dataclass(frozen=True)
class Example:
    """One pair that conflicts; `place` is its month, year or day where it has one."""

    uscc: str
    place: str | None
    value_a: float
    value_b: float


@dataclass(frozen=True)
class ConflictCount:
    """What one comparison found.

    Parameters
    ----------
    compared, conflicting : int
        Pairs in which both sources state a value; those of them too far apart.
    enterprises : int
        Enterprises with a conflicting pair.
    examples : tuple of Example
        The first by code and place.
    """

    conflict: Conflict
    compared: int
    conflicting: int
    enterprises: int
    examples: tuple[Example, ...]

    @property
    def share(self) -> float | None:
        """Conflicting share of the pairs in [0, 1]; None where nothing could be compared."""
        return self.conflicting / self.compared if self.compared else None


@cache
def load_conflicts(path: Path = CONFLICTS_PATH) -> tuple[Conflict, ...]:
    """Every comparison of the file.

    Raises
    ------
    QualityError
        If the file is not what `ConflictDocument` says.
    """
    return tuple(load_document(path, ConflictDocument, QualityError).conflicts)


def count_conflicts(
    view: LakeView,
    catalogue: Catalogue,
    as_of_date: date,
    *,
    now: datetime,
    conflicts: Sequence[Conflict],
    examples: int = 5,
) -> list[ConflictCount]:
    """Run the comparisons whose datasets the catalogue has.

    Parameters
    ----------
    examples : int
        How many conflicting pairs to name.

    Raises
    ------
    QualityError
        If a comparison does not fit the stored columns.

    Notes
    -----
    The look is the platform's own (purpose `self_report`, no grantee), so repaired and unpublishable
    records stay out of it.
    """
    runnable = [c for c in conflicts if all(name in catalogue.datasets for name in c.datasets)]
    opened = frozenset(name for conflict in runnable for name in conflict.datasets)
    scope = DataScope(opened, Purpose.SELF_REPORT, max(as_of_date, now.date()))
    with open_snapshot(view, catalogue, as_of_date, scope, now=now) as snapshot:
        return [_count(snapshot, conflict, examples) for conflict in runnable]


def _count(snapshot: Snapshot, conflict: Conflict, examples: int) -> ConflictCount:
    connection = snapshot.connection
    pairs = conflict.sql.replace(":as_of", f"DATE '{snapshot.as_of_date}'")
    try:
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE pair AS SELECT enterprise_key, CAST(place AS VARCHAR) AS place, "
            f"value_a, value_b, {_too_far(conflict)} AS is_conflict FROM ("
            "SELECT enterprise_key, place, CAST(value_a AS DOUBLE) AS value_a, CAST(value_b AS DOUBLE) AS value_b "
            f"FROM ({pairs})) WHERE value_a IS NOT NULL AND value_b IS NOT NULL"
        )
    except duckdb.Error as wrong:
        kind = type(wrong).__name__
        raise QualityError(
            en=f"The comparison '{conflict.name}' does not fit the stored columns of "
            f"{', '.join(conflict.datasets)} ({kind}). Correct its sql.",
            zh=f"比对“{conflict.name}”与 {'、'.join(conflict.datasets)} 的入库列不符（{kind}），请修正其 sql。",
        ) from wrong
    compared, conflicting, enterprises = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE is_conflict), "
        "count(DISTINCT enterprise_key) FILTER (WHERE is_conflict) FROM pair"
    ).fetchall()[0]
    found = connection.execute(
        "SELECT uscc, place, value_a, value_b FROM pair JOIN enterprise USING (enterprise_key) "
        f"WHERE is_conflict ORDER BY uscc, place, value_a, value_b LIMIT {examples:d}"
    ).fetchall()
    named = tuple(Example(*row) for row in found)
    return ConflictCount(conflict, compared, conflicting, enterprises, named)


def _too_far(conflict: Conflict) -> str:
    """SQL predicate over `value_a` and `value_b`."""
    distance = "value_a - value_b" if conflict.only else "abs(value_a - value_b)"
    bounds = conflict.tolerance
    limit = (
        f"greatest({bounds.absolute!r}, {bounds.ratio!r} * greatest(abs(value_a), abs(value_b)))"
    )
    return f"{distance} > {limit}"
