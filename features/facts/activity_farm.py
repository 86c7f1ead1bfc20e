"""Farm facts 涉农事实: a cover that ended.

What an insurer paid stands in free words (`claims`), so a disaster cannot be read from it.
"""

from datetime import date

from features.definitions.declare import declare
from features.definitions.expressions import days
from features.registry import RISKIER, Aggregate, Feature, Grain
from features.windows import column_name

_DATASET = "agri_insurance"


def _ended(as_of_date: date) -> str:
    """Policies that had begun, with the days since their cover ended; 0 while it runs."""
    day = f"DATE '{as_of_date}'"
    return (
        f"SELECT enterprise_key, CASE WHEN to_date < {day} THEN date_diff('day', to_date, {day}) ELSE 0 END AS days "
        f"FROM visible_{_DATASET} WHERE from_date <= {day} AND coalesce(insured, true)"
    )


_ENDED = Grain("farm_cover_ended", frozenset({_DATASET}), _ended)

FACTS: tuple[Feature, ...] = (
    declare(
        column_name("farm_cover_ended", "days"),
        days(Aggregate(_ENDED, "min(days)")), RISKIER, "R25",
        "距涉农保险保障终止的天数（在保为0）", "days since the last farm cover ended, 0 while one runs",
        is_recency=True,
    ),
)  # fmt: skip
