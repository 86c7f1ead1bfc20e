"""Invoice features a second time, in plain Python: no SQL, no window code of ours, exact fractions.

Slow and literal on purpose. It reads what a firm's rows say at `as_of`; visibility is not its matter.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from statistics import median

Values = dict[str, float | None]


@dataclass(frozen=True)
class Invoice:
    """One invoice of a firm."""

    is_sale: bool
    is_valid: bool
    issued_on: date
    party: int
    fen: int
    tax: int


@dataclass(frozen=True)
class Month:
    """One row of the monthly table, `month` as YYYYMM."""

    month: int
    out: int
    red: int


def days_in(year: int, month: int) -> int:
    """Length of a month, counted day by day."""
    day = date(year, month, 1)
    while (day + timedelta(days=1)).month == month:
        day += timedelta(days=1)
    return day.day


def months_ago(day: date, months: int) -> date:
    """The same day so many months ago, one month at a time; month ends stay month ends."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    is_end = (day + timedelta(days=1)).day == 1
    last = days_in(year, month)
    return date(year, month, last if is_end else min(day.day, last))


def last_whole_month(day: date) -> tuple[int, int]:
    """Year and month of the last calendar month that is over when the day is."""
    tomorrow = day + timedelta(days=1)
    before = tomorrow.replace(day=1) - timedelta(days=1)
    return before.year, before.month


def months_between(year: int, month: int, end: tuple[int, int]) -> int:
    """Whole months from a month to the end month; 0 for the end month itself."""
    return (end[0] - year) * 12 + end[1] - month


def over(part: float | Fraction, whole: float | Fraction) -> Fraction | None:
    """A quotient, or nothing."""
    return Fraction(part) / Fraction(whole) if whole > 0 else None


def ended(value: Fraction | None) -> Fraction | None:
    """A ratio between -1 and 10."""
    return None if value is None else max(Fraction(-1), min(Fraction(10), value))


def ppm(part: int, whole: int) -> int | None:
    """Parts per million, half away from zero."""
    value = ended(over(part, whole))
    if value is None:
        return None
    size = math.floor(abs(value) * 1_000_000 + Fraction(1, 2))
    return size if value >= 0 else -size


def growth(now: int, before: int) -> Fraction | None:
    """Change against an earlier amount."""
    value = over(now, before)
    return ended(None if value is None else value - 1)


def slope(amounts: Sequence[int]) -> Fraction | None:
    """Least-squares slope of amounts, oldest first, over their mean."""
    n = len(amounts)
    mean_x, mean_y = Fraction(n - 1, 2), Fraction(sum(amounts), n)
    rise = sum((x - mean_x) * (y - mean_y) for x, y in enumerate(amounts))
    run = sum((x - mean_x) ** 2 for x in range(n))
    return ended(over(rise / run, mean_y))


def variation(parts: Sequence[int]) -> float | None:
    """Population standard deviation over the mean."""
    mean = Fraction(sum(parts), len(parts))
    if mean <= 0:
        return None
    variance = sum((p - mean) ** 2 for p in parts) / len(parts)
    return min(10.0, math.sqrt(variance) / float(mean))


def correlation(xs: Sequence[int], ys: Sequence[int]) -> float | None:
    """Pearson correlation."""
    n = len(xs)
    mean_x, mean_y = Fraction(sum(xs), n), Fraction(sum(ys), n)
    spread_x = sum((x - mean_x) ** 2 for x in xs)
    spread_y = sum((y - mean_y) ** 2 for y in ys)
    if mean_x <= 0 or mean_y <= 0 or not spread_x or not spread_y:
        return None
    together = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return float(together) / (math.sqrt(spread_x) * math.sqrt(spread_y))


def invoice_features(invoices: Sequence[Invoice], as_of: date) -> Values:
    """Every feature of single invoices for one firm."""
    lines = [i for i in invoices if months_ago(as_of, 36) < i.issued_on <= as_of]
    values: dict[str, float | Fraction | None] = {}
    for is_sale in (True, False):
        rows = [i for i in lines if i.is_sale is is_sale]
        _side(values, rows, as_of, is_sale=is_sale)
    _both(values, lines, as_of)
    if not lines:
        return dict.fromkeys(values)
    return {name: None if v is None else float(v) for name, v in values.items()}


def _within(rows: Sequence[Invoice], as_of: date, months: int, offset: int = 0) -> list[Invoice]:
    after, until = months_ago(as_of, months + offset), months_ago(as_of, offset)
    return [i for i in rows if after < i.issued_on <= until]


def _fen(rows: Sequence[Invoice]) -> int:
    return sum(i.fen for i in rows)


def _side(
    values: dict[str, float | Fraction | None],
    rows: Sequence[Invoice],
    as_of: date,
    *,
    is_sale: bool,
) -> None:
    name = "sales" if is_sale else "purchase"
    valid = [i for i in rows if i.is_valid]
    year, year_before = _within(valid, as_of, 12), _within(valid, as_of, 12, 12)
    for months in (3, 6, 12):
        recent = _within(valid, as_of, months)
        values[f"{name}_amount_sum_{months}m_cny"] = Fraction(_fen(recent), 100)
        if is_sale or months == 12:
            values[f"{name}_invoices_count_{months}m"] = len(recent)
    values[f"{name}_amount_yoy_12m"] = growth(_fen(year), _fen(year_before))
    _grid(values, name, valid, as_of, is_sale=is_sale)
    _silence(values, name, valid, as_of)
    _parties(values, "buyer" if is_sale else "supplier", year, year_before)
    reds = [i for i in year if i.fen < 0]
    every = _within(rows, as_of, 12)
    values[f"{name}_red_count_share_12m"] = over(len(reds), len(year))
    values[f"{name}_void_count_share_12m"] = over(len(every) - len(year), len(every))
    positive = [i for i in year if i.fen > 0]
    values[f"{name}_tax_rate_mean_12m"] = ended(over(sum(i.tax for i in positive), _fen(positive)))
    untaxed = [i for i in positive if _rate(i) == 0]
    values[f"{name}_zero_rate_share_12m"] = over(_fen(untaxed), _fen(positive))
    if is_sale:
        _sales_only(values, valid, positive, reds, as_of)


def _rate(invoice: Invoice) -> int:
    """Tax rate in whole percent, half away from zero."""
    rate = Fraction(100 * invoice.tax, invoice.fen)
    size = math.floor(abs(rate) + Fraction(1, 2))
    return size if rate >= 0 else -size


def _sales_only(
    values: dict[str, float | Fraction | None],
    valid: Sequence[Invoice],
    positive: Sequence[Invoice],
    reds: Sequence[Invoice],
    as_of: date,
) -> None:
    quarter, before = _within(valid, as_of, 3), _within(valid, as_of, 3, 12)
    values["sales_amount_yoy_3m"] = growth(_fen(quarter), _fen(before))
    half, half_before = _within(valid, as_of, 6), _within(valid, as_of, 6, 6)
    values["sales_amount_change_6m"] = growth(_fen(half), _fen(half_before))
    year, year_before = _within(valid, as_of, 12), _within(valid, as_of, 12, 12)
    values["sales_invoices_yoy_12m"] = growth(len(year), len(year_before))
    values["sales_invoice_amount_median_12m_cny"] = (
        median([Fraction(i.fen, 100) for i in positive]) if positive else None
    )
    values["sales_red_amount_share_12m"] = ended(over(-_fen(reds), _fen(positive)))
    values["sales_tax_rate_kinds_count_12m"] = len({_rate(i) for i in positive})
    low = [i for i in positive if 1 <= _rate(i) <= 3]
    values["sales_low_rate_share_12m"] = over(_fen(low), _fen(positive))
    values["sales_active_days_count_12m"] = len({i.issued_on for i in positive})
    first = min((i.issued_on for i in valid if i.fen > 0), default=None)
    values["sales_history_months"] = (
        None if first is None else Fraction((as_of - first).days) / Fraction("30.4375")
    )


def _grid(
    values: dict[str, float | Fraction | None],
    name: str,
    valid: Sequence[Invoice],
    as_of: date,
    *,
    is_sale: bool,
) -> None:
    end = last_whole_month(as_of)
    amounts: dict[int, int] = defaultdict(int)
    for i in valid:
        amounts[months_between(i.issued_on.year, i.issued_on.month, end)] += i.fen
    now, before = [amounts[m] for m in range(12)], [amounts[m] for m in range(12, 24)]
    values[f"{name}_active_months_count_12m"] = sum(fen > 0 for fen in now)
    values[f"{name}_amount_slope_12m"] = slope(now[::-1])
    parts = [ppm(fen, sum(now)) or 0 for fen in now]
    values[f"{name}_amount_cv_12m"] = variation(parts)
    if not is_sale:
        return
    values["sales_active_months_count_24m"] = sum(fen > 0 for fen in now + before)
    values["sales_amount_slope_6m"] = slope(now[5::-1])
    values["sales_peak_month_share_12m"] = (
        min(Fraction(1), Fraction(max(parts), 1_000_000)) if sum(now) > 0 else None
    )
    parts_before = [ppm(fen, sum(before)) or 0 for fen in before]
    values["sales_season_correlation_24m"] = correlation(parts, parts_before)


def _silence(
    values: dict[str, float | Fraction | None], name: str, valid: Sequence[Invoice], as_of: date
) -> None:
    """The longest run of days is found by walking through the year day by day."""
    days = {i.issued_on for i in valid if i.fen > 0}
    values[f"{name}_days_since_last"] = (as_of - max(days)).days if days else None
    start = months_ago(as_of, 12)
    longest = run = None
    day = min(days, default=as_of + timedelta(days=1))
    if day <= start:
        longest, run, day = 0, 0, start + timedelta(days=1)
        # The invoice before the year began the silence; only its days inside the year count.
    while day <= as_of:
        if run is None:
            longest, run = 0, 0
        elif day in days:
            longest, run = max(longest or 0, run + 1), 0
        else:
            run += 1
            longest = max(longest or 0, run)
        day += timedelta(days=1)
    values[f"{name}_gap_max_12m_days"] = longest


def _parties(
    values: dict[str, float | Fraction | None],
    party: str,
    year: Sequence[Invoice],
    year_before: Sequence[Invoice],
) -> None:
    everyone = {i.party for i in (*year, *year_before)}

    def worth(rows: Sequence[Invoice]) -> dict[int, int]:
        return {p: max(0, _fen([i for i in rows if i.party == p])) for p in everyone}

    now, before = worth(year), worth(year_before)
    total, total_before = sum(now.values()), sum(before.values())
    parts = sorted((ppm(fen, total) or 0 for fen in now.values()), reverse=True)

    def held(top: Callable[[], int], scale: int = 1_000_000) -> Fraction | None:
        return Fraction(top(), scale) if total > 0 else None

    values[f"{party}_count_12m"] = sum(fen > 0 for fen in now.values())
    values[f"{party}_top1_share_12m"] = held(lambda: parts[0])
    values[f"{party}_hhi_12m"] = held(lambda: sum(p * p for p in parts), 10**12)
    lost = sum(fen for p, fen in before.items() if now[p] == 0)
    values[f"{party}_churn_12m"] = over(lost, total_before)
    if party == "buyer":
        values["buyer_top5_share_12m"] = held(lambda: sum(parts[:5]))
        new = sum(fen for p, fen in now.items() if before[p] == 0)
        values["buyer_new_share_12m"] = over(new, total)


def _both(
    values: dict[str, float | Fraction | None], lines: Sequence[Invoice], as_of: date
) -> None:
    year = [i for i in _within(lines, as_of, 12) if i.is_valid]
    sales, bought = [i for i in year if i.is_sale], [i for i in year if not i.is_sale]
    values["purchase_to_sales_ratio_12m"] = ended(over(_fen(bought), _fen(sales)))
    values["gross_margin_amount_sum_12m_cny"] = Fraction(_fen(sales) - _fen(bought), 100)
    tax = sum(i.tax for i in sales) - sum(i.tax for i in bought)
    values["vat_payable_ratio_12m"] = ended(over(tax, _fen(sales)))


def month_features(table: Sequence[Month], as_of: date) -> Values:
    """Every feature of the monthly table for one firm, but for those of its buyers."""
    end = last_whole_month(as_of)
    over_by_then = [(months_between(*divmod(row.month, 100), end), row) for row in table]
    newest = min((m for m, _ in over_by_then if 0 <= m < 3), default=0)
    rows = {m - newest: row for m, row in over_by_then if 0 <= m - newest < 24}
    out = [rows[m].out if m in rows else 0 for m in range(24)]
    red = sum(row.red for m, row in rows.items() if m < 12)
    values: dict[str, Fraction | int | None] = {
        "monthly_sales_amount_sum_12m_cny": Fraction(sum(out[:12]), 100),
        "monthly_sales_active_months_count_12m": sum(fen > 0 for fen in out[:12]),
        "monthly_sales_amount_yoy_12m": growth(sum(out[:12]), sum(out[12:])),
        "monthly_red_amount_share_12m": ended(over(red, sum(out[:12]) + red)),
        "monthly_sales_amount_yoy_3m": growth(sum(out[:3]), sum(out[12:15])),
        "monthly_sales_amount_slope_6m": slope(out[5::-1]),
        "monthly_sales_gap_max_12m_months": _longest_silence([fen > 0 for fen in out]),
    }
    if not rows:
        return dict.fromkeys(values)
    return {name: None if v is None else float(v) for name, v in values.items()}


def _longest_silence(is_sold: Sequence[bool]) -> int:
    """Longest run of the first twelve months without sales; before the first sale nothing counts."""
    if not any(is_sold):
        return 12
    first = max(m for m, sold in enumerate(is_sold) if sold)
    longest = run = 0
    for sold in is_sold[: min(first, 12)]:
        run = 0 if sold else run + 1
        longest = max(longest, run)
    return longest
