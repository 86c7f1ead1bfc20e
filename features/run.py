"""What one ingest run carries from file to file until its commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import duckdb

from features.contracts import Column, Dataset
from features.engine import identifier, parquet
from features.lake import RETIRED_COLUMNS, Batch, LakeWriter
from features.mapping import Mapping as ProviderMapping
from features.segments import Segment, read_rows
from features.vault import Vault


@dataclass
class Run:
    """One run: a connection with the tables `party`, `staged` and `checked`, and the batches so far."""

    connection: duckdb.DuckDBPyConnection
    writer: LakeWriter
    mapping: ProviderMapping
    vault: Vault
    now: datetime
    max_rejected_share: float
    batches: list[Batch] = field(default_factory=list)

    @property
    def dataset(self) -> Dataset:
        """The dataset every file of the run belongs to."""
        return self.mapping.dataset

    @property
    def personal(self) -> dict[str, Column]:
        """Columns that never reach the lake in plain."""
        return self.dataset.personal

    def count(self, relation: str) -> int:
        """Number of rows of a relation, with a WHERE clause if need be."""
        return int(self.rows(f"SELECT count(*) FROM {relation}")[0][0])

    def rows(self, query: str) -> list[tuple]:  # type: ignore[type-arg]  # a row is whatever the query selects
        """All rows of a query; DuckDB keeps no result for later."""
        return self.connection.execute(query).fetchall()

    def make(self, table: str, columns: Mapping[str, tuple[str, Sequence[object]]]) -> None:
        """A table from Python columns of equal length, each with its SQL type.

        Goes through bound lists: the way over Arrow would load pandas, which takes a second.
        """
        listed = ", ".join(
            f"unnest(${name}::{kind}[]) AS {identifier(name)}"
            for name, (kind, _) in columns.items()
        )
        values = {name: list(column) for name, (_, column) in columns.items()}
        self.connection.execute(
            f"CREATE OR REPLACE TABLE {identifier(table)} AS SELECT {listed}", values
        )

    def landed_rows(self, between: tuple[date, date] | None = None) -> str:
        """FROM clause over the dataset's rows in the lake or written earlier in this run.

        With two days, only over files that can hold an event between them.
        """
        segments = self._segments()
        if between is not None:
            segments = [segment for segment in segments if segment.may_hold(*between)]
        return read_rows(self.writer.root, self.dataset, segments)

    def retired_rows(self) -> str:
        """FROM clause over the rows that others have superseded."""
        files = [self.writer.root / s.retired for s in self._segments() if s.retired]
        return parquet(files, RETIRED_COLUMNS)

    def _segments(self) -> list[Segment]:
        landed = self.writer.view.segments_of(self.dataset.name)
        return [*landed, *(batch.segment for batch in self.batches)]
