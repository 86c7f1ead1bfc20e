"""Business as usual 照常经营: the rows a firm would bring in the months ahead if it changed nothing.

An assumption in data (`usual.yaml`), not a forecast: a month repeats the same month of the year before, a
fall of the last quarter goes on and a rise does not, and what is owed stays owed.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.contracts import Dataset
from features.documents import Document, load_document
from features.engine import identifier
from features.errors import CatalogueError
from features.windows import months_before

USUAL_PATH = Path(__file__).parent / "usual.yaml"
#: Days one more month adds to what is overdue.
_DAYS_OF_MONTH = 30
#: Columns of the days looked at.
_OF_DAY = ["number_", "months_", "later_"]


class Habit(Document):
    """How one dataset goes on.

    Parameters
    ----------
    repeats : {"year_before", "latest", "yearly"}
    axis : str
        Month or date column on which rows follow one another.
    apart : list of str
        Columns whose values go on each by itself, as accounts do.
    dates : list of str
        Date columns that move with the axis.
    level, scaled : str and list of str
        Where the quarter's `level` fell against the year before, `scaled` columns fall alike.
    stands : list of str
        Columns that keep their latest value.
    ages : list of str
        Days that go on counting once they have begun.
    year : str, optional
        Column with the year a yearly record is about.
    """

    repeats: Literal["year_before", "latest", "yearly"]
    axis: str
    apart: list[str] = Field(default_factory=list)
    dates: list[str] = Field(default_factory=list)
    level: str | None = None
    scaled: list[str] = Field(default_factory=list)
    stands: list[str] = Field(default_factory=list)
    ages: list[str] = Field(default_factory=list)
    year: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column it names."""
        named = (*self.apart, *self.dates, *self.scaled, *self.stands, *self.ages)
        return tuple(dict.fromkeys(c for c in (self.axis, *named, self.level, self.year) if c))


class Usual(Document):
    """Business as usual, by dataset."""

    valid_from: date
    source: str
    silent_after_months: int = Field(gt=0)
    datasets: Mapping[str, Habit]

    def rows_ahead(self, dataset: Dataset, held: str, as_of_date: date, days: str) -> str:
        """Query of the rows that have arrived by each of some days, in the columns of `held`.

        Parameters
        ----------
        held : str
            Relation of one firm's rows known by `as_of_date`.
        days : str
            Relation of `(number_, months_, later_)`: whole months from `as_of_date` to the day `later_`. In
            the rows of a day its number stands as the firm's key.
        """
        habit = self.datasets.get(dataset.name)
        if habit is None:
            return f"SELECT * FROM {held} WHERE false"
        kinds = dataset.lake_columns()
        if habit.repeats == "yearly":
            return _yearly(habit, kinds, held, as_of_date, days)
        alive = months_before(as_of_date, self.silent_after_months + 1)
        one = f"SELECT *, {_day(habit.axis, kinds)} AS day_ FROM {held}"
        if habit.repeats == "latest":
            return _latest(habit, kinds, one, alive, days)
        return _year_before(habit, kinds, one, alive, days)


@cache
def load_usual(path: Path = USUAL_PATH) -> Usual:
    """Read the assumption.

    Raises
    ------
    CatalogueError
        If the file is wrong.
    """
    return load_document(path, Usual, CatalogueError)


def _day(axis: str, kinds: Mapping[str, str]) -> str:
    """The axis as a date; a month stands at its first day."""
    if kinds[axis] == "INTEGER":
        return f"make_date({axis} // 100, {axis} % 100, 1)"
    return f"CAST({axis} AS DATE)"


def _moved(names: Iterable[str], kinds: Mapping[str, str], months: str) -> dict[str, str]:
    """Columns with `months` (SQL) added; each keeps its type."""
    found: dict[str, str] = {}
    for name in names:
        if kinds[name] == "INTEGER":
            number = f"({name} // 100 * 12 + {name} % 100 - 1 + {months})"
            found[name] = f"CAST({number} // 12 * 100 + {number} % 12 + 1 AS INTEGER)"
        else:
            found[name] = f"CAST({name} + to_months(CAST({months} AS INTEGER)) AS {kinds[name]})"
    return found


def _all_but(*helpers: str) -> str:
    return f"* EXCLUDE ({', '.join([*helpers, *_OF_DAY])})"


def _replaced(values: Mapping[str, str]) -> str:
    values = {**values, "enterprise_key": "CAST(number_ AS INTEGER)"}
    return ", ".join(f"{sql} AS {identifier(name)}" for name, sql in values.items())


def _over(habit: Habit) -> str:
    return f"OVER (PARTITION BY {', '.join(['enterprise_key', *map(identifier, habit.apart)])})"


def _latest(habit: Habit, kinds: Mapping[str, str], one: str, alive: date, days: str) -> str:
    values = _moved([habit.axis, *habit.dates, "available_at"], kinds, "ahead_")
    for name in habit.ages:
        aged = f"CASE WHEN {name} > 0 THEN {name} + {_DAYS_OF_MONTH} * ahead_ ELSE {name} END"
        values[name] = f"CAST({aged} AS {kinds[name]})"
    newest = f"SELECT *, max(day_) {_over(habit)} AS newest_ FROM ({one})"
    each = f"(SELECT *, unnest(range(1, CAST(months_ AS BIGINT) + 1)) AS ahead_ FROM {days})"
    return (
        f"SELECT {_all_but('day_', 'newest_', 'ahead_')} REPLACE ({_replaced(values)}) FROM ({newest}) "
        f"CROSS JOIN {each} WHERE day_ = newest_ AND newest_ > DATE '{alive}'"
    )


def _year_before(habit: Habit, kinds: Mapping[str, str], one: str, alive: date, days: str) -> str:
    over = _over(habit)
    newest = f"SELECT *, max(day_) {over} AS newest_ FROM ({one})"
    more = [f"arg_max({n}, day_) {over} AS stands_{p}_" for p, n in enumerate(habit.stands)]
    if habit.level:
        now = "day_ > newest_ - INTERVAL 3 MONTH"
        then = "day_ > newest_ - INTERVAL 15 MONTH AND day_ <= newest_ - INTERVAL 12 MONTH"
        sums = [
            f"greatest(coalesce(sum({habit.level}) FILTER (WHERE {when}) {over}, 0), 0)"
            for when in (now, then)
        ]
        more.append(
            f"least(1.0, coalesce(CAST({sums[0]} AS DOUBLE) / nullif({sums[1]}, 0), 1.0)) AS fall_"
        )
    told = ", ".join(["*", *more])
    values = _moved([habit.axis, *habit.dates, "available_at"], kinds, "12")
    for name in habit.scaled:
        scaled = f"{name} * fall_"
        whole = f"round({scaled})" if kinds[name] == "BIGINT" else scaled
        values[name] = f"CAST({whole} AS {kinds[name]})"
    values |= {name: f"stands_{place}_" for place, name in enumerate(habit.stands)}
    helpers = ["day_", "newest_", *(f"stands_{p}_" for p in range(len(habit.stands)))]
    helpers += ["fall_"] if habit.level else []
    return (
        f"SELECT {_all_but(*helpers)} REPLACE ({_replaced(values)}) "
        f"FROM (SELECT {told} FROM ({newest})) CROSS JOIN {days} WHERE newest_ > DATE '{alive}' "
        "AND day_ + INTERVAL 12 MONTH > newest_ "
        "AND day_ + INTERVAL 12 MONTH <= newest_ + to_months(CAST(months_ AS INTEGER))"
    )


def _yearly(habit: Habit, kinds: Mapping[str, str], held: str, as_of_date: date, days: str) -> str:
    values = _moved([habit.axis, *habit.dates, "available_at"], kinds, "12")
    if habit.year:
        values[habit.year] = f"{habit.year} + 1"
    again = f"{habit.axis} + INTERVAL 12 MONTH"
    return (
        f"SELECT {_all_but()} REPLACE ({_replaced(values)}) FROM {held} CROSS JOIN {days} "
        f"WHERE {again} > DATE '{as_of_date}' AND {again} <= later_"
    )
