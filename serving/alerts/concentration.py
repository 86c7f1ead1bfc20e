"""Concentration 集中度 (W58) of the portfolio, as alarms to the platform: one a month and part."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from features.contracts import load_catalogue
from features.lake import Lake
from features.portfolio import late_rates, open_portfolio
from models.watching.concentration import Concentration, concentrations, load_concentration
from serving.db import Connection

KIND = "concentration"

#: `count` of `limit_per_window` loans are late; the month it was seen in is the window.
_RAISE = """
INSERT INTO alarm (kind, actor, raised_at, window_from, count, limit_per_window)
SELECT %(kind)s, %(part)s, %(now)s, %(month)s, %(late)s, %(loans)s
WHERE NOT EXISTS (SELECT FROM alarm WHERE kind = %(kind)s AND actor = %(part)s AND window_from = %(month)s)
"""


def look_for_concentration(home: Path, now: datetime) -> Sequence[Concentration]:
    """The parts of a home's portfolio that pass a limit, by the loans that the lake knows."""
    rules = load_concentration().at(now.date())
    with open_portfolio(
        Lake(home / "lake").view(), load_catalogue(), now.date(), now=now
    ) as snapshot:
        rates = late_rates(
            snapshot,
            over_days=int(rules.over_days.value),
            months=int(rules.compared_months.value) + 1,
        )
    return concentrations(rates, rules)


async def raise_concentration(
    connection: Connection, found: Sequence[Concentration], now: datetime
) -> int:
    """Raise an alarm for each part, unless it was raised this month; says how many."""
    month = datetime(now.year, now.month, 1)
    raised = 0
    for one in found:
        given = {
            "kind": KIND,
            "part": f"{one.dimension} {one.value}",
            "now": now,
            "month": month,
            "late": one.late,
            "loans": one.loans,
        }
        raised += (await connection.execute(_RAISE, given)).rowcount
    return raised
