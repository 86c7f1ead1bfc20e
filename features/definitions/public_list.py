"""What entries of public lists have in common: they begin, and most of them end.

Registers, lists and court records are public, so a firm that is not on one has none: features over them
count 0. An end that lies after `as_of` has not come yet, even where the record already states it.
"""

from datetime import date

from features.registry import Grain


def is_open(began: str, ended: str, as_of_date: date) -> str:
    """SQL predicate: the entry began by the end of `as_of` and has not ended by then."""
    day = f"DATE '{as_of_date}'"
    return f"({began} <= {day} AND ({ended} IS NULL OR {ended} > {day}))"


def lasts(until: str, as_of_date: date) -> str:
    """SQL predicate: the day of `as_of` is not past the last day stated, if one is."""
    return f"({until} IS NULL OR {until} >= DATE '{as_of_date}')"


def entries(
    name: str, dataset: str, began: str, ended: str | None = None, columns: tuple[str, ...] = ()
) -> Grain:
    """Entries of one list by `as_of`; `is_now` says whether each still stands.

    Parameters
    ----------
    began, ended : str
        Date columns; `ended` None for entries that do not end.
    columns : tuple of str
        Further columns or expressions to carry.
    """

    def select(as_of_date: date) -> str:
        now = is_open(began, ended, as_of_date) if ended else "true"
        listed = ", ".join(["enterprise_key", began, f"{now} AS is_now", *columns])
        return f"SELECT {listed} FROM visible_{dataset} WHERE {began} <= DATE '{as_of_date}'"

    return Grain(name, frozenset({dataset}), select, event_date=began)
