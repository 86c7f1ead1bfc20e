"""Which persons no row speaks of any more, and the deletion of their keys."""

from collections.abc import Mapping
from pathlib import Path

from features.contracts import Catalogue, Column, Dataset
from features.engine import connect, parquet
from features.lake import DELETION_COLUMNS, LakeView
from features.vault import Vault


def forget_persons(
    view: LakeView, catalogue: Catalogue, deletions: Mapping[str, Path], vault: Vault
) -> int:
    """Delete the keys of persons whose every row goes; the number of keys deleted.

    Parameters
    ----------
    deletions : mapping of dataset name to Path
        Files that name the rows that go.
    """
    leaving = [_persons(view, catalogue[name], deletions, going=True) for name in deletions]
    leaving = [query for query in leaving if query]
    if not leaving:
        return 0
    staying = [_persons(view, dataset, deletions, going=False) for dataset in catalogue]
    query = (
        f"SELECT owner, party_id, token FROM ({_union(leaving)} EXCEPT {_union(staying)}) "
        f"LEFT JOIN {view.parties_sql()} ON party_key = firm"
    )
    with connect() as connection:
        gone = connection.execute(query).fetchall()
    subjects = [owner or vault.unidentified(str(uscc), str(token)) for owner, uscc, token in gone]
    return sum(vault.forget(str(subject)) for subject in subjects)


def _union(queries: list[str]) -> str:
    return f"({' UNION ALL '.join(query for query in queries if query)})"


def _persons(
    view: LakeView, dataset: Dataset, deletions: Mapping[str, Path], *, going: bool
) -> str:
    """Query of (owner, firm, token) over the rows that go, or stay: what their subjects are made of.

    A person is known by the token of an ID number, or by a value at a firm (see `Vault.subject`).
    """
    if not dataset.personal or not view.files(dataset.name):
        return ""
    condition = "false" if going else "true"
    if dataset.name in deletions:
        listed = parquet([deletions[dataset.name]], DELETION_COLUMNS)
        condition = f"row_id {'IN' if going else 'NOT IN'} (SELECT row_id FROM {listed})"
    parts: list[str] = []
    for name, column in dataset.personal.items():
        owner = _owner(dataset, column)
        parts.append(
            f"SELECT {owner} AS owner, CASE WHEN {owner} IS NULL THEN enterprise_key END AS firm, "
            f"CASE WHEN {owner} IS NULL THEN {name}_token END AS token "
            f"FROM {view.rows(dataset)} WHERE {name}_token IS NOT NULL AND {condition}"
        )
    return " UNION ALL ".join(parts)


def _owner(dataset: Dataset, column: Column) -> str:
    """The stored token of the ID number a personal column belongs to."""
    subject = dataset.columns.get(column.subject or "")
    if subject is not None and subject.personal == "id_number":
        return f"{column.subject}_token"
    return "CAST(NULL AS VARCHAR)"
