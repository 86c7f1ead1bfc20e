"""A built town and its delivered files as views."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from simulator.city import City


@dataclass(frozen=True)
class Town:
    folder: Path
    city: City
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.connection.execute(sql).fetchall()

    def number(self, sql: str) -> float:
        return float(str(self.rows(sql)[0][0]))
