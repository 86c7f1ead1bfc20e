"""A change of a firm's rows, and the statement that makes it for some variants of the firm."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from features.contracts import Dataset
from features.engine import identifier


@dataclass(frozen=True)
class Change:
    """One change of a dataset's rows, in SQL over its lake columns.

    Parameters
    ----------
    dataset : str
    action : {"set", "remove", "add"}
        Change rows, take them away, or add one: a copy of each row that meets `where`, or a row of
        nothing but `values` where `where` is empty.
    where : str
        Which rows.
    values : mapping of str to str
        What columns become; none to remove.
    unless : str
        A row is not added where the dataset has one that meets this.
    """

    dataset: str
    action: Literal["set", "remove", "add"]
    where: str
    values: Mapping[str, str]
    unless: str = ""

    def is_seen_by(self, query: str, datasets: Collection[str]) -> bool:
        """Whether a query of some datasets can tell: rows come or go, or a column is set that it names."""
        if self.dataset not in datasets:
            return False
        return self.action != "set" or any(is_named(name, query) for name in self.values)

    def would_change(self, rows: str) -> str:
        """Query that has a row if any of a relation's rows would be another; of one to add, if it has none."""
        if self.action == "add" and not self.where:
            return (
                f"SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM {rows} WHERE {self.unless or 'false'})"
            )
        said = [(name, sql) for name, sql in self.values.items() if name != "available_at"]
        differs = [f"{identifier(name)} IS DISTINCT FROM ({sql})" for name, sql in said]
        is_other = " OR ".join(differs) if self.action == "set" else "true"
        return f"SELECT 1 FROM {rows} WHERE ({self.where or 'true'}) AND ({is_other}) LIMIT 1"

    def statement(self, dataset: Dataset, table: str, keys: Iterable[int]) -> str:
        """Statement that makes the change in a table, for variants under these keys."""
        listed = ", ".join(map(str, keys))
        whose = f"enterprise_key IN ({listed})"
        where = f"{whose} AND ({self.where})" if self.where else whose
        kinds = dataset.lake_columns()
        values = {name: f"CAST({sql} AS {kinds[name]})" for name, sql in self.values.items()}
        if self.action == "remove":
            return f"DELETE FROM {table} WHERE {where}"
        if self.action == "set":
            made = ", ".join(f"{identifier(name)} = {sql}" for name, sql in values.items())
            return f"UPDATE {table} SET {made} WHERE {where}"
        said = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in values.items())
        if self.where:
            return f"INSERT INTO {table} SELECT * REPLACE ({said}) FROM {table} WHERE {where}"
        known = f"SELECT enterprise_key FROM {table} WHERE {self.unless or 'false'}"
        variants = f"SELECT unnest(CAST([{listed}] AS INTEGER[])) AS enterprise_key"
        return (
            f"INSERT INTO {table} BY NAME SELECT enterprise_key, {said} FROM ({variants}) "
            f"WHERE enterprise_key NOT IN ({known})"
        )


def is_named(column: str, query: str) -> bool:
    """Whether a query names a column.

    Examples
    --------
    >>> is_named("paid", "SELECT sum(paid) FROM t"), is_named("paid", "SELECT paid_on FROM t")
    (True, False)
    """
    return re.search(rf"\b{column}\b", query) is not None
