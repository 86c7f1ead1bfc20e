"""Month lists `YYYYMM，value；YYYYMM，value；` as SQL: reading them, and what is wrong with them."""

from features.contracts import Column
from features.engine import literal
from features.quality_rules import load_rules

#: A month list; `{between}` and `{end}` are its marks.
_MONTH_LIST = (
    r"\s*((19|20)[0-9]{{2}}(0[1-9]|1[0-2]){between}-?[0-9]+(\.[0-9]+)?)"
    r"({end}\s*(19|20)[0-9]{{2}}(0[1-9]|1[0-2]){between}-?[0-9]+(\.[0-9]+)?)*({end})?\s*"
)


def month_list_value(raw: str) -> str:
    """Months with their values, oldest first, so that the order of delivery decides nothing."""
    marks = load_rules().month_lists
    form = _MONTH_LIST.format(between=marks.between, end=marks.end)
    parts = f"list_filter(string_split({raw}, {literal(marks.end)}), lambda part: trim(part) <> '')"
    month = f"CAST(split_part(part, {literal(marks.between)}, 1) AS INTEGER)"
    value = f"CAST(split_part(part, {literal(marks.between)}, 2) AS DOUBLE)"
    items = f"list_transform({parts}, lambda part: struct_pack(month := {month}, value := {value}))"
    return f"CASE WHEN regexp_full_match({raw}, {literal(form)}) THEN list_sort({items}) END"


def month_list_problems(column: Column, value: str) -> list[tuple[str, str]]:
    """Conditions under which a list that could be read is wrong, each with its reason."""
    months = f"list_transform({value}, lambda item: item.month)"
    count = f"list_transform({months}, lambda month: month // 100 * 12 + month % 100)"
    values = f"list_transform({value}, lambda item: item.value)"
    found = [
        (f"list_min({values}) <= 0", "not_positive"),
        (f"len({value}) > list_unique({months})", "duplicate_month"),
        (
            f"list_max({count}) - list_min({count}) > {load_rules().month_lists.window}",
            "month_too_old",
        ),
    ]
    if column.unit == "heads":
        parts = f"list_filter({values}, lambda heads: heads <> floor(heads))"
        found.insert(0, (f"len({parts}) > 0", "not_an_integer"))
    return found


def is_in_future(value: str, now_month: int) -> str:
    """Condition: a month list has a month after the one given (YYYYMM)."""
    return f"list_max(list_transform({value}, lambda item: item.month)) > {now_month}"
