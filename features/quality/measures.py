"""One pass over a dataset's files: how many rows of which day came in which batch, how late, how full."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from features.clock import end_of
from features.contracts import Dataset, lake_column
from features.engine import connect, identifier, parquet
from features.lake import LINE_BITS, RETIRED_COLUMNS, LakeView


@dataclass(frozen=True)
class Cell:
    """Rows of one batch about one stretch of days that took equally long to arrive.

    Parameters
    ----------
    day : date
        Last day of the month of their event (weekly data: the day itself). Rows that do not date their
        event are put on the day they became available.
    delay_days : int
        Started days from the end of the event's day to `available_at`, at least 0 [days].
    first_available : datetime
        The earliest of them.
    rows, undated, current : int
        All; those without an event date; those no later row has replaced.
    filled : dict of str to int
        Current rows that have a value, by optional column.
    """

    batch_no: int
    day: date
    delay_days: int
    first_available: datetime
    rows: int
    undated: int
    current: int
    filled: Mapping[str, int]


def optional_columns(dataset: Dataset) -> dict[str, str]:
    """Stored name of every column a provider may leave out, by its contract name."""
    return {
        name: next(iter(lake_column(name, column)))
        for name, column in dataset.document.columns.items()
        if column.is_stored and not column.required
    }


def measure(view: LakeView, dataset: Dataset, as_of_date: date, *, by_day: bool) -> list[Cell]:
    """Count the rows known by `as_of_date`.

    Parameters
    ----------
    by_day : bool
        Keep days apart; months are enough unless somebody owes by the week.
    """
    columns = optional_columns(dataset)
    filled = "".join(
        f", count({identifier(stored)}) FILTER (WHERE is_current)" for stored in columns.values()
    )
    day = "event_day" if by_day else "last_day(event_day)"
    query = (
        f"SELECT row_id >> {LINE_BITS} AS batch_no, {day} AS day, "
        "greatest(0, date_diff('day', event_day, CAST(available_at - INTERVAL 1 MICROSECOND AS DATE))) AS delay, "
        "min(available_at), count(*), count(*) FILTER (WHERE is_undated), "
        f"count(*) FILTER (WHERE is_current){filled} "
        f"FROM {known_rows(view, dataset, as_of_date)} GROUP BY ALL ORDER BY ALL"
    )
    with connect() as connection:
        found = connection.execute(query).fetchall()
    return [
        Cell(
            batch, day, delay, first, rows, undated, current, dict(zip(columns, full, strict=True))
        )
        for batch, day, delay, first, rows, undated, current, *full in found
    ]


def known_rows(view: LakeView, dataset: Dataset, as_of_date: date) -> str:
    """FROM clause: rows available by then, with `event_day`, `is_undated` and `is_current`."""
    rows = view.rows(dataset)
    moment = f"TIMESTAMP '{end_of(as_of_date).isoformat(sep=' ')}'"
    retired = parquet(view.retired_files(dataset.name), RETIRED_COLUMNS)
    ended = f"SELECT row_id FROM {retired} WHERE valid_to <= {moment}"
    is_current = f"row_id NOT IN ({ended})" if view.retired_files(dataset.name) else "true"
    event = _event_day(dataset)
    return (
        f"(SELECT *, coalesce({event}, CAST(available_at AS DATE)) AS event_day, "
        f"{event} IS NULL AS is_undated, {is_current} AS is_current "
        f"FROM {rows} WHERE available_at <= {moment})"
    )


def _event_day(dataset: Dataset) -> str:
    name = dataset.document.event_date
    if name is None:
        return "CAST(NULL AS DATE)"
    column = identifier(name)
    if dataset.columns[name].type == "month":
        return f"last_day(make_date({column} // 100, {column} % 100, 1))"
    return f"CAST({column} AS DATE)"


def quantile(counts: Mapping[int, int], share: float) -> int | None:
    """The smallest value that at least this share of the cases does not exceed.

    Examples
    --------
    >>> quantile({0: 5, 3: 4, 40: 1}, 0.5), quantile({0: 5, 3: 4, 40: 1}, 0.91)
    (0, 40)
    """
    needed = share * sum(counts.values())
    reached = 0
    for value in sorted(counts):
        reached += counts[value]
        if reached >= needed:
            return value
    return None
