"""Six features of a small model; imports nothing of training, so that bare processes can use it."""

from features.contracts import Words
from features.registry import Aggregate, Direction, Feature, Grain, Registry

LINES = Grain(
    "invoices", frozenset({"invoice_line"}), lambda day: f"SELECT 1 AS x, DATE '{day}' AS day"
)


def make_feature(name: str, group: str, direction: Direction, sql: str = "sum(x)") -> Feature:
    return Feature(
        name=name,
        expression="{a}",
        of={"a": Aggregate(LINES, sql)},
        unit="ratio",
        direction=direction,
        missing="unknown",
        group=group,
        words=Words(zh=name, en=name),
    )


REGISTRY = Registry(
    (
        make_feature("sales_amount_yoy_12m", "R27", -1),
        make_feature("buyer_top1_share_12m", "R08", 1),
        make_feature("sales_amount_cv_12m", "R29", 1),
        make_feature("sales_active_months_count_12m", "R07", -1),
        make_feature("buyer_count_12m", "R08", -1),
        make_feature("sales_days_since_last", "R28", 0),
    )
)
