"""Facts of deliveries: by how many days the next month of a monthly table is late.

A table that says something every month is expected to go on. Its next month is due when the catalogue's
lag has passed after that month's end. Nothing is said of a firm that never was in it.
"""

from collections.abc import Callable
from datetime import date

from features.contracts import load_catalogue
from features.definitions.declare import declare
from features.definitions.expressions import days
from features.facts.shapes import NO_DIRECTION
from features.registry import Aggregate, Feature, Grain
from features.windows import column_name

#: Tables by month that providers deliver under a consent, with the reason group of what they say.
_MONTHLY: dict[str, str] = {
    "electricity_month": "R05",
    "gas_month": "R06",
    "water_month": "R06",
    "pension_month": "R12",
    "medical_month": "R12",
    "other_insurance_month": "R12",
    "housing_fund_month": "R12",
    "invoice_month": "R07",
}


def _late(dataset: str) -> Callable[[date], str]:
    def select(as_of_date: date) -> str:
        """The firm's last month on record, and since when the month after it is due."""
        lag = load_catalogue()[dataset].document.available_lag_days
        last = f"SELECT enterprise_key, max(month) AS month FROM visible_{dataset} GROUP BY enterprise_key"
        # The month after it ends on the day before the first of the month after that.
        after = "(month // 100) * 12 + month % 100 + 1"
        ended = f"make_date(({after}) // 12, ({after}) % 12 + 1, 1)"
        late = f"date_diff('day', {ended}, DATE '{as_of_date}') + 1 - {int(lag)}"
        return (
            f"SELECT enterprise_key, CASE WHEN {late} > 0 THEN {late} ELSE 0 END AS late_days "
            f"FROM ({last}) AS last"
        )

    return select


def _overdue(dataset: str, group: str) -> Feature:
    title = load_catalogue()[dataset].document.title
    grain = Grain(f"{dataset}_late", frozenset({dataset}), _late(dataset))
    return declare(
        column_name(f"{dataset}_overdue", "now", "", "days"),
        days(Aggregate(grain, "max(late_days)")),
        NO_DIRECTION, group, f"{title.zh}：下一月份超期未到天数",
        f"{title.en}: days by which the next month is late",
    )  # fmt: skip


FEED_FACTS: tuple[Feature, ...] = tuple(_overdue(name, group) for name, group in _MONTHLY.items())
