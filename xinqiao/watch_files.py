"""Runs of the watch on disk: a Parquet file a day, whole or not at all."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from models.signals.levels import Level
from models.watching.record import Held, Key, Moved
from xinqiao.features import write_parquet

_SCHEMA = pa.schema(
    [
        ("as_of", pa.date32()),
        ("institution", pa.string()),
        ("uscc", pa.string()),
        ("signal", pa.string()),
        ("level", pa.string()),
        ("way", pa.int8()),
        ("since", pa.date32()),
    ]
)


#: What a model says of a finding, in both languages.
Says = Mapping[Key, tuple[tuple[str, str], ...]]
_SAID = (pa.field("says_zh", pa.list_(pa.string())), pa.field("says_en", pa.list_(pa.string())))


def write_findings(
    held: Mapping[Key, Held], day: date, path: Path, says: Says | None = None
) -> None:
    """Write signals that hold, a row each; with what models say of them where that is given."""
    keys = sorted(held)
    columns: dict[str, list[object]] = {
        "as_of": [day] * len(keys),
        "institution": [key[0] for key in keys],
        "uscc": [key[1] for key in keys],
        "signal": [key[2] for key in keys],
        "level": [str(held[key].level) for key in keys],
        "way": [held[key].way for key in keys],
        "since": [held[key].since for key in keys],
    }
    schema = _SCHEMA
    if says is not None:
        schema = pa.schema([*_SCHEMA, *_SAID])
        columns["says_zh"] = [[zh for zh, _ in says.get(key, ())] for key in keys]
        columns["says_en"] = [[en for _, en in says.get(key, ())] for key in keys]
    write_parquet(pa.table(columns, schema=schema), path)


def keep_run(folder: Path, held: Mapping[Key, Held], day: date) -> None:
    """Keep a run for the next one; a later run of the same day takes its place."""
    write_findings(held, day, folder / f"{day}.parquet")


def latest_run(folder: Path, before: date) -> dict[Key, Held]:
    """What held at the last run that speaks for an earlier day; nothing where there was none."""
    earlier = [path for path in sorted(folder.glob("*.parquet")) if path.stem < f"{before}"]
    if not earlier:
        return {}
    return {
        (row["institution"], row["uscc"], row["signal"]): Held(
            Level(row["level"]), row["way"], row["since"]
        )
        for row in pq.read_table(earlier[-1]).to_pylist()
    }


def write_moves(moved: Sequence[Moved], path: Path) -> None:
    """Write what differs from the run before, a row each; what holds as before is left out."""
    told = [one for one in moved if one.move != "same"]
    columns: dict[str, list[object]] = {
        "institution": [one.key[0] for one in told],
        "uscc": [one.key[1] for one in told],
        "signal": [one.key[2] for one in told],
        "move": [one.move for one in told],
        "before": [None if one.before is None else str(one.before) for one in told],
        "now": [None if one.now is None else str(one.now) for one in told],
    }
    schema = pa.schema([(name, pa.string()) for name in columns])
    write_parquet(pa.table(columns, schema=schema), path)
