"""Facts of the register: how a firm ends, who leads and holds it, what it reports and is licensed for."""

from features.definitions.declare import declare
from features.definitions.expressions import Value, count, days, flag
from features.definitions.registration_grains import CHANGE
from features.facts.public_register_grains import (
    AREA,
    ENDING,
    HOLDER_THEN,
    LICENCE_END,
    NEW_CHANGE,
    REPORT_DUE,
    SUSPENSION,
)
from features.facts.shapes import NEWS, NO_DIRECTION, any_row, stated
from features.registry import Aggregate, Feature
from features.windows import Window, column_name

_NOW, _THEN = Aggregate(HOLDER_THEN, "sum(now_ppm)"), Aggregate(HOLDER_THEN, "sum(then_ppm)")


def _moved(value: str) -> str:
    """A value where holders are known on both days; 0 where the firm has none on record at all."""
    return f"CASE WHEN {{now}} IS NULL THEN 0 WHEN {{now}} > 0 AND {{then}} > 0 THEN {value} END"


_STATUS = [
    declare(
        column_name("registration_ending_new", "count", NEWS.name),
        count(Aggregate(ENDING, "count(*)", "event NOT IN ('suspend', 'move_out')")),
        NO_DIRECTION, "R04", "近1个月新增注销、吊销、责令关闭、撤销、清算或简易注销公告数",
        "cancellations, revocations, orders to close, rescissions, liquidations and notices of simple "
        "cancellation learnt of in the last month",
        missing="zero",
    ),
    declare(
        column_name("registration_moved_out_new", "count", NEWS.name),
        count(Aggregate(ENDING, "count(*)", "event = 'move_out'")),
        NO_DIRECTION, "R04", "近1个月新增迁出数", "moves to another registry learnt of in the last month", missing="zero",
    ),
    declare(
        column_name("registration_suspended", "now"), flag(Aggregate(SUSPENSION, "count(*)")),
        NO_DIRECTION, "R04", "当前歇业", "business is suspended now", missing="zero",
    ),
]  # fmt: skip

_CHANGES = [
    declare(
        column_name("legal_rep_changes_new", "count", NEWS.name),
        count(Aggregate(NEW_CHANGE, "count(*)", "change_item = 'legal_rep'")),
        NO_DIRECTION, "R03", "近1个月新增法定代表人变更次数", "changes of the legal representative learnt of in the last month",
        missing="zero",
    ),
    declare(
        column_name("legal_rep_changes", "count", "12m"),
        count(Aggregate(CHANGE, "count(*)", "change_item = 'legal_rep'", Window(12))),
        NO_DIRECTION, "R03", "近12个月法定代表人变更次数", "changes of the legal representative in the last 12 months",
        missing="zero",
    ),
    declare(
        column_name("capital_reduction_new", "max", NEWS.name),
        stated("ratio", "{v}", NEW_CHANGE, "max(reduced)", "change_item = 'capital_down'"),
        NO_DIRECTION, "R03", "近1个月新增减资的最大幅度", "largest reduction of capital learnt of in the last month",
        missing="stated",
    ),
    declare(
        column_name("scope_main_removed_new", "flag", NEWS.name),
        any_row(NEW_CHANGE, "is_main_removed", "change_item = 'scope'"),
        NO_DIRECTION, "R03", "近1个月新增变更删除经营范围首项", "a change learnt of in the last month took the first item out of the business scope",
        missing="stated",
    ),
    declare(
        column_name("address_region_moved_new", "flag", NEWS.name),
        any_row(NEW_CHANGE, "is_other_region", "change_item = 'address'"),
        NO_DIRECTION, "R03", "近1个月新增住所跨县区变更", "a change learnt of in the last month moved the address to another county or district",
        missing="stated",
    ),
]  # fmt: skip

_OWNERS = [
    declare(
        column_name("shareholder_top1_changed", "flag", "6m"),
        Value(
            "flag", _moved("CASE WHEN {same} > 0 THEN 0 ELSE 1 END"),
            {"now": _NOW, "then": _THEN, "same": Aggregate(HOLDER_THEN, "count(*)", "is_top_now AND is_top_then")},
        ),
        NO_DIRECTION, "R03", "第一大股东较6个月前变更", "the largest shareholder is another than six months ago",
        missing="stated",
    ),
    declare(
        column_name("shares_moved", "share", "6m"),
        Value(
            "ratio", _moved("CASE WHEN {gained} > 1000000 THEN 1 ELSE CAST({gained} AS DOUBLE) / 1000000 END"),
            {
                "now": _NOW, "then": _THEN,
                "gained": Aggregate(HOLDER_THEN, "sum(CASE WHEN now_ppm > then_ppm THEN now_ppm - then_ppm ELSE 0 END)"),
            },
        ),
        NO_DIRECTION, "R03", "较6个月前易手的股权比例", "share of the equity that has changed hands in six months",
        missing="stated",
    ),
]  # fmt: skip

_DUTIES = [
    declare(
        column_name("annual_report_missing", "now"),
        Value(
            "flag", "CASE WHEN {n} > 0 THEN 0 WHEN {n} = 0 THEN 1 END",
            {"n": Aggregate(REPORT_DUE, "count(*)", "is_due_year")},
        ),
        NO_DIRECTION, "R04", "最近应报年度的年报至今未报", "the last annual report due has not been filed to this day",
    ),
    declare(
        column_name("licence_lapsed", "max", "12m", "days"),
        days(Aggregate(LICENCE_END, "max(lapsed_days)")),
        NO_DIRECTION, "R24", "近12个月到期未续的许可距到期的最长天数",
        "longest time since a licence lapsed within 12 months and was not renewed", missing="zero",
    ),
    declare(
        column_name("credit_area_lapsed", "flag", "6m"),
        flag(Aggregate(AREA, "count(*)")),
        NO_DIRECTION, "R25", "所代表信用区域的称号近6个月到期未续",
        "the grade of the credit area the body stands for ended within six months", missing="zero",
    ),
]  # fmt: skip

REGISTER_FACTS: tuple[Feature, ...] = (*_STATUS, *_CHANGES, *_OWNERS, *_DUTIES)
