"""Facts of mortgages of real estate: those that are news, and to whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import count
from features.facts.shapes import NEWS, NO_DIRECTION, news
from features.registry import Aggregate, Feature
from features.snapshot import Snapshot
from features.windows import column_name

DATASET = "realestate_mortgage"
_NEW = news(
    "mortgage_new", DATASET, "registered_on", "cancelled_on",
    columns=("registered_on", "mortgagee_id"),
)  # fmt: skip
NEW_MORTGAGES = column_name("mortgages_new", "count", NEWS.name)

MORTGAGE_FACTS: tuple[Feature, ...] = (
    declare(
        NEW_MORTGAGES, count(Aggregate(_NEW, "count(*)")), NO_DIRECTION, "R19", "近1个月新增不动产抵押数",
        "mortgages of real estate learnt of in the last month", missing="zero",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class NewMortgage:
    """A mortgage that is news.

    Attributes
    ----------
    mortgagee : str or None
        USCC of whom the property is mortgaged to; None where the register does not state it.
    """

    registered_on: date
    mortgagee: str | None


def new_mortgages(snapshot: Snapshot) -> dict[str, list[NewMortgage]]:
    """The mortgages that `NEW_MORTGAGES` counts, by the code of the firm."""
    query = (
        f"SELECT e.uscc, n.registered_on, nullif(n.mortgagee_id, '') FROM ({_NEW.select(snapshot.as_of_date)}) n "
        "JOIN enterprise e USING (enterprise_key)"
    )
    found: dict[str, list[NewMortgage]] = {}
    for uscc, registered_on, mortgagee in snapshot.connection.execute(query).fetchall():
        found.setdefault(uscc, []).append(NewMortgage(registered_on, mortgagee))
    return found


def to_others(
    mortgages: Collection[NewMortgage], institution: str, granted_on: date | None
) -> float:
    """How many were registered after a grant for another than the lender; NaN where that is not stated.

    Examples
    --------
    >>> day, later = date(2026, 5, 1), date(2026, 5, 2)
    >>> to_others([NewMortgage(later, "OTHER"), NewMortgage(later, None)], "BANK", day)
    1.0
    >>> to_others([NewMortgage(later, "BANK"), NewMortgage(later, None)], "BANK", day)
    nan
    >>> to_others([NewMortgage(later, "BANK"), NewMortgage(day, "OTHER")], "BANK", day)
    0.0
    """
    since = [one for one in mortgages if granted_on is None or one.registered_on > granted_on]
    others = sum(one.mortgagee not in {None, institution} for one in since)
    is_unstated = any(one.mortgagee is None for one in since)
    return float("nan") if is_unstated and not others else float(others)
