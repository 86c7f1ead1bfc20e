"""Shapes that facts have in common: news of a month, amounts over what bears them, answers of rows.

A public record is *news* for a month after we learnt of it, so consecutive monthly looks miss none and
count none twice. What had happened long before we learnt of it is history, not news.
"""

from datetime import date

from features.clock import end_of
from features.definitions.expressions import Value, clipped
from features.definitions.public_list import is_open
from features.registry import FREE, Aggregate, Grain, Unit
from features.windows import Window, months_before

#: How long a record is news after we learnt of it.
NEWS = Window(1)
#: What had happened before this when we look is no news.
_HISTORY = Window(7)

#: Facts enter no model.
NO_DIRECTION = FREE


def learnt_lately(as_of_date: date) -> str:
    """SQL predicate: we learnt of the record within the month."""
    before = end_of(months_before(as_of_date, NEWS.months)).isoformat(sep=" ")
    return f"available_at > TIMESTAMP '{before}'"


def is_news(happened: str, as_of_date: date) -> str:
    """SQL predicate: it happened lately, and we learnt of it within the month."""
    return f"({learnt_lately(as_of_date)} AND {_HISTORY.covers(happened, as_of_date)})"


def news(
    name: str,
    dataset: str,
    happened: str,
    ended: str | None = None,
    columns: tuple[str, ...] = (),
    where: str = "true",
) -> Grain:
    """Records of one dataset that are news and have not ended; others are left out altogether.

    Parameters
    ----------
    happened, ended : str
        Date columns; `ended` None for records that do not end.
    columns : tuple of str
        Columns or expressions to carry.
    where : str
        Condition on the columns of the dataset.
    """

    def select(as_of_date: date) -> str:
        """Records learnt of within the month."""
        stands = is_open(happened, ended, as_of_date) if ended else "true"
        listed = ", ".join(["enterprise_key", *columns])
        return (
            f"SELECT {listed} FROM visible_{dataset} "
            f"WHERE {is_news(happened, as_of_date)} AND {stands} AND ({where})"
        )

    return Grain(name, frozenset({dataset}), select)


def stated(unit: Unit, value: str, grain: Grain, sql: str, where: str = "") -> Value:
    """A value over rows: 0 without a row, unknown where no row states it; `value` is over `{v}`."""
    of = {"n": Aggregate(grain, "count(*)", where), "v": Aggregate(grain, sql, where)}
    return Value(unit, f"CASE WHEN {{n}} > 0 THEN {value} ELSE 0 END", of)


def borne(burden: Aggregate, base: Aggregate, rows: Aggregate) -> Value:
    """A burden over what bears it: 0 without a row, 10 where a burden falls on nothing."""
    over = clipped(
        "(CASE WHEN {base} > 0 THEN {burden} / {base} WHEN {burden} > 0 AND {base} <= 0 THEN 10 "
        "WHEN {burden} = 0 AND {base} <= 0 THEN 0 END)"
    )
    of = {"burden": burden, "base": base, "n": rows}
    return Value("ratio", f"CASE WHEN {{n}} > 0 THEN {over} ELSE 0 END", of)


def any_row(grain: Grain, holds: str, where: str = "") -> Value:
    """Whether a condition holds for a row: no if there is none, unknown if a row cannot tell."""
    of = {
        "n": Aggregate(grain, "count(*)", where),
        "yes": Aggregate(grain, f"sum(CASE WHEN {holds} THEN 1 ELSE 0 END)", where),
        "told": Aggregate(grain, f"count({holds})", where),
    }
    return Value(
        "flag",
        "CASE WHEN {n} > 0 THEN CASE WHEN {yes} > 0 THEN 1 WHEN {told} = {n} THEN 0 END ELSE 0 END",
        of,
    )
