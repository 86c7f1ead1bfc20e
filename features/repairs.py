"""Whose records were repaired in a span of time: what a look of yesterday shows and one of today may not."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from features.contracts import Catalogue
from features.engine import connect, identifier, literal
from features.lake import LakeView
from features.snapshot import REPAIRS


def repaired_between(
    lake: LakeView, catalogue: Catalogue, after: datetime, until: datetime
) -> set[int]:
    """Enterprise keys with a repair whose moment lies in (after, until].

    It may be a repair that hides nothing; none that hides something is missing.
    """
    looks = [
        f"SELECT enterprise_key FROM {lake.rows(dataset)} WHERE repaired_at > $after AND repaired_at <= $until"
        for dataset in catalogue
        if (dataset.document.negative or dataset.name == REPAIRS) and lake.files(dataset.name)
    ]
    if not looks:
        return set()
    with connect(threads=1) as connection:
        rows = connection.execute(
            f"SELECT DISTINCT enterprise_key FROM ({' UNION ALL '.join(looks)})",
            {"after": after, "until": until},
        ).fetchall()
    return {int(key) for (key,) in rows}


@dataclass(frozen=True)
class Repaired:
    """A record of a firm that no look but a replay shows any more.

    Attributes
    ----------
    record_no : str
        First column of the record's key beside the firm's code.
    repaired_at : datetime
        When whoever recorded it decided so.
    """

    dataset: str
    record_no: str
    repaired_at: datetime


def repairs_since(
    lake: LakeView,
    catalogue: Catalogue,
    enterprise_key: int,
    datasets: Collection[str],
    since: datetime,
    until: datetime,
) -> list[Repaired]:
    """Records of one firm whose repair became known, or took effect, in (since, until].

    Parameters
    ----------
    datasets : collection of str
        Where the records are.
    """
    looks: list[str] = []
    for name in sorted(datasets):
        dataset = catalogue[name]
        own_key = next((key for key in dataset.lake_key() if key != "enterprise_key"), "row_id")
        if dataset.document.negative and lake.files(name):
            record_no = f"CAST({identifier(own_key)} AS VARCHAR)"
            looks.append(_look(lake.rows(dataset), literal(name), record_no))
    if REPAIRS in catalogue.datasets and lake.files(REPAIRS):
        looks.append(_look(lake.rows(catalogue[REPAIRS]), "dataset", "record_no"))
    if not looks:
        return []
    query = (
        "SELECT dataset, record_no, min(repaired_at) AS repaired_at "
        f"FROM ({' UNION ALL '.join(looks)}) WHERE list_contains($datasets, dataset) "
        "GROUP BY ALL ORDER BY repaired_at, dataset, record_no"
    )
    bound = {
        "firm": enterprise_key,
        "since": since,
        "until": until,
        "datasets": sorted(datasets),
    }
    with connect(threads=1) as connection:
        rows = connection.execute(query, bound).fetchall()
    return [Repaired(str(dataset), str(number), at) for dataset, number, at in rows]


def _look(rows: str, dataset: str, record_no: str) -> str:
    return (
        f"SELECT {dataset} AS dataset, {record_no} AS record_no, repaired_at FROM {rows} "
        "WHERE enterprise_key = $firm AND repaired_at <= $until "
        "AND greatest(repaired_at, available_at) > $since"
    )
