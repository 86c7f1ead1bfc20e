"""Test-only features over a negative dataset, and one that reads two datasets."""

from datetime import date

from features.contracts import Words
from features.definitions import REGISTRY
from features.definitions.invoice_grains import SALES, YEAR, turnover
from features.facts import FACTS
from features.registry import RISKIER, Aggregate, Feature, Grain, Registry
from features.windows import Window


def _records(_: date) -> str:
    return "SELECT enterprise_key, decided_on, fine_fen FROM visible_penalty"


PENALTY = Grain("penalty_record", frozenset({"penalty"}), _records, event_date="decided_on")
PENALTIES = Feature(
    "penalties_count_36m",
    "{n}",
    {"n": Aggregate(PENALTY, "count(*)", window=Window(36))},
    "count",
    RISKIER,
    "zero",
    "R01",
    Words(zh="近36个月处罚次数", en="penalties in the last 36 months"),
)
FINES_TO_SALES = Feature(
    "fines_to_sales_ratio_12m",
    "CASE WHEN {sales} > 0 THEN {fines} / {sales} END",
    {
        "sales": turnover(SALES, YEAR),
        "fines": Aggregate(PENALTY, "sum(fine_fen)", window=YEAR, empty="0"),
    },
    "ratio",
    RISKIER,
    "unknown",
    "R01",
    Words(zh="近12个月罚款占销项比", en="fines over sales in the last 12 months"),
)
#: The whole registry, the facts that rules ask about, and the features above.
WHOLE = Registry((*REGISTRY, *FACTS, PENALTIES, FINES_TO_SALES))
#: One feature for each set of datasets that features read; enough where only visibility is at stake.
ONE_EACH = WHOLE.select(
    [
        "sales_amount_sum_12m_cny",
        "monthly_sales_amount_sum_12m_cny",
        PENALTIES.name,
        FINES_TO_SALES.name,
    ]
)
