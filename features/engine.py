"""DuckDB connections with our settings, and the few helpers every SQL writer needs."""

from collections.abc import Iterable
from pathlib import Path

import duckdb


def connect(
    *, threads: int | None = None, memory_limit: str | None = None
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that never reaches for the network.

    Parameters
    ----------
    threads : int, optional
        Worker threads; all cores when omitted.
    memory_limit : str, optional
        E.g. `"700MB"`; DuckDB spills to disk beyond it.
    """
    connection = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    # In a notebook without ipywidgets DuckDB has no bar, and refuses to be told to show none.
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() != [(False,)]:
        connection.execute("SET enable_progress_bar = false")
    if threads is not None:
        connection.execute(f"SET threads = {threads:d}")
    if memory_limit is not None:
        connection.execute("SET memory_limit = ?", [memory_limit])
    return connection


def identifier(name: str) -> str:
    """A quoted SQL identifier.

    Examples
    --------
    >>> identifier("amount")
    '"amount"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted SQL string.

    Examples
    --------
    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def readable(path: Path) -> str:
    """A quoted path for a reader that expands patterns: this file, whatever its name looks like.

    Examples
    --------
    >>> readable(Path("may[1].parquet"))
    "'may[[]1].parquet'"
    """
    return literal("".join(f"[{char}]" if char in "*?[" else char for char in str(path)))


def parquet(paths: Iterable[Path], columns: dict[str, str]) -> str:
    """FROM clause over Parquet files of one known shape; an empty relation when there are none."""
    listed = [readable(path) for path in paths]
    if listed:
        return f"read_parquet([{', '.join(listed)}])"
    empty = ", ".join(
        f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in columns.items()
    )
    return f"(SELECT {empty} WHERE false)"
