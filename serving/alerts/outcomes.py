"""What came of alerts, as labels for training: one Parquet file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from features.engine import connect, literal
from serving.alerts.steps import Outcome
from serving.auth.rows import fetch_all
from serving.db import Connection

#: Below the home.
WHERE = Path("labels") / "alert_outcomes.parquet"

#: Which institution it was, and what its people wrote, is nothing to learn from.
_OUTCOMES = """
SELECT DISTINCT uscc, signal, level, began_at::date AS began_on, found_on, closed_at::date AS closed_on, outcome
FROM alert WHERE state = 'closed' AND institution <> 'platform'
ORDER BY closed_on, uscc, signal, level, began_on, found_on, outcome
"""


@dataclass(frozen=True)
class OutcomeRow:
    """One closed alert.

    Attributes
    ----------
    level : str
        The last it had.
    found_on : date
        Date of the data in which the signal held last.
    """

    uscc: str
    signal: str
    level: str
    began_on: date
    found_on: date
    closed_on: date
    outcome: Outcome


async def read_outcomes(connection: Connection) -> list[OutcomeRow]:
    """Every closed alert, the oldest first."""
    return await fetch_all(connection, OutcomeRow, _OUTCOMES, {})


def write_outcomes(found: Sequence[OutcomeRow], target: Path) -> int:
    """Write all of them, so that a reader sees the old file or the new one.

    Returns
    -------
    int
        How many rows the file has; without any none is written.
    """
    if not found:
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(".new")
    columns = {
        "uscc": [one.uscc for one in found],
        "signal": [one.signal for one in found],
        "level": [one.level for one in found],
        "began_on": [one.began_on for one in found],
        "found_on": [one.found_on for one in found],
        "closed_on": [one.closed_on for one in found],
        "outcome": [str(one.outcome) for one in found],
    }
    with connect(threads=1) as connection:
        connection.execute(
            "CREATE TABLE outcomes (uscc VARCHAR, signal VARCHAR, level VARCHAR, began_on DATE, found_on DATE, "
            "closed_on DATE, outcome VARCHAR)"
        )
        unnested = ", ".join(f"unnest(${name})" for name in columns)
        connection.execute(f"INSERT INTO outcomes SELECT {unnested}", columns)
        connection.execute(f"COPY outcomes TO {literal(str(beside))} (FORMAT parquet)")
    beside.replace(target)
    return len(found)
