"""The early warning as a specification: the base rating's features and shape, another question."""

from dataclasses import replace

from features.contracts import Catalogue, Words
from models.rating import RatingSpec, base_12m

#: The name under which the early warning is registered and asked for.
ALERT_6M = "alert_6m"


def alert_6m(catalogue: Catalogue) -> RatingSpec:
    """Probability that a live borrower gets into trouble within six months.

    The platform's own warnings are internal records, so they are no feature.
    """
    return replace(
        base_12m(catalogue),
        name=ALERT_6M,
        probability_kind="event_6m",
        label=Words(
            zh="六个月内风险事件：逾期超过30天、未逾期而列为关注及以下、违约、列为失信被执行人、破产受理或清算、注销吊销",
            en="event within 6 months: over 30 days late, special mention or worse though not late, default, "
            "named a dishonest debtor, bankruptcy accepted or liquidation, closing",
        ),
        disclaimer=Words(
            zh="仅供贷后关注参考，不构成对企业的信用评价",
            en="A hint to look after a loan; this is not a rating of the enterprise",
        ),
    )
