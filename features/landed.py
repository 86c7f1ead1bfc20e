"""What has come into the lake since a version of it, firm by firm: rows of datasets, repairs that took effect.

Rows are told by their ids, not by the files they came in: a row that landed after a version has a higher
batch number, in whichever file it is now. So nothing is missed when files were merged meanwhile.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from features.contracts import Catalogue
from features.engine import connect, literal
from features.lake import LINE_BITS, LakeView
from features.segments import read_rows
from features.snapshot import REPAIRS

#: Codes of firms by dataset.
Firms = Mapping[str, frozenset[str]]


def landed_since(
    lake: LakeView, catalogue: Catalogue, version: int, datasets: Collection[str]
) -> Firms:
    """Firms of which rows landed after a version, by dataset; a dataset without any is left out.

    Parameters
    ----------
    version : int
        Number of the last commit that is known already.
    datasets : collection of str
        Those that count.
    """
    first = _first_row_after(lake, version)
    looks = [
        f"SELECT {literal(name)} AS dataset, enterprise_key FROM {rows} WHERE row_id >= {first}"
        for name in sorted(datasets)
        if (rows := _rows_from(lake, catalogue, name, first))
    ]
    return _firms(lake, looks, {})


def repairs_since(
    lake: LakeView, catalogue: Catalogue, version: int, after: datetime, until: datetime
) -> Firms:
    """Firms with a repair that took effect in (after, until], or landed after a version and holds by then.

    A notice that takes a repair back counts as well. Firms stand under the dataset of the record.
    """
    first = _first_row_after(lake, version)
    took_effect = f"(repaired_at > $after OR row_id >= {first}) AND repaired_at <= $until"
    looks = [
        f"SELECT {literal(dataset.name)} AS dataset, enterprise_key FROM {lake.rows(dataset)} "
        f"WHERE {took_effect}"
        for dataset in catalogue
        if dataset.document.negative and lake.files(dataset.name)
    ]
    if REPAIRS in catalogue.datasets and lake.files(REPAIRS):
        looks.append(
            f"SELECT dataset, enterprise_key FROM {lake.rows(catalogue[REPAIRS])} "
            f"WHERE {took_effect} OR (repaired_at IS NULL AND row_id >= {first})"
        )
    return _firms(lake, looks, {"after": after, "until": until})


def _first_row_after(lake: LakeView, version: int) -> int:
    known = sum(len(commit.batches) for commit in lake.commits if commit.number <= version)
    return (known + 1) << LINE_BITS


def _rows_from(lake: LakeView, catalogue: Catalogue, dataset: str, first: int) -> str:
    """FROM clause over the files that may hold such rows; empty if there are none."""
    segments = [
        segment
        for segment in lake.segments_of(dataset)
        if segment.rows and max(segment.batches) >= first >> LINE_BITS
    ]
    return read_rows(lake.root, catalogue[dataset], segments) if segments else ""


def _firms(lake: LakeView, looks: list[str], bound: Mapping[str, object]) -> Firms:
    if not looks:
        return {}
    query = (
        f"SELECT dataset, list(DISTINCT party_id) FROM ({' UNION ALL '.join(looks)}) "
        f"JOIN {lake.parties_sql()} ON party_key = enterprise_key GROUP BY dataset ORDER BY dataset"
    )
    with connect(threads=1) as connection:
        found = connection.execute(query, dict(bound)).fetchall()
    return {str(dataset): frozenset(map(str, codes)) for dataset, codes in found}
