"""The relations invoice features stand on, and the aggregates they take from them.

Turnover is valid invoices without tax, red notes taken off; void invoices are never turnover. Every
sum runs over whole fen or parts per million, so a value is the same bit for bit whatever the order
of rows, the number of threads or the engine. Nothing looks back further than 36 months.
"""

from dataclasses import dataclass
from datetime import date

from features.definitions.expressions import parts_per_million
from features.registry import Aggregate, Grain
from features.windows import Window, last_complete_month

DATASETS = frozenset({"invoice_line"})
LOOK_BACK = Window(36)
QUARTER, HALF_YEAR, YEAR = Window(3), Window(6), Window(12)
YEAR_BEFORE = Window(12, offset=12)
MONTHS_ON_GRID = 24


@dataclass(frozen=True)
class Side:
    """Sales or purchases: what the columns are called and which rows count."""

    name: str
    where: str
    zh: str
    en: str
    party: str
    party_zh: str

    @property
    def positive(self) -> str:
        """Condition: valid invoices of this side, red notes left out."""
        return f"is_valid AND {self.where} AND amount_fen > 0"


SALES = Side("sales", "is_sale", "销项", "sales", "buyer", "购方")
PURCHASE = Side("purchase", "NOT is_sale", "进项", "purchases", "supplier", "销方")

# --- relations ----------------------------------------------------------------------------------


def _lines(as_of_date: date) -> str:
    """Single invoices, void ones included; the tax rate in whole percent."""
    return (
        "SELECT enterprise_key, direction = 'sales' AS is_sale, status = 'valid' AS is_valid, issued_on, "
        "counterparty_key, amount_fen, tax_fen, "
        "CAST(round(100 * CAST(tax_fen AS DOUBLE) / nullif(amount_fen, 0)) AS BIGINT) AS rate_percent "
        f"FROM visible_invoice_line WHERE {LOOK_BACK.covers('issued_on', as_of_date)}"
    )


LINE = Grain("invoice", DATASETS, _lines, event_date="issued_on")


def _months(as_of_date: date) -> str:
    """Whole calendar months, 0 the last complete one; a month's part of its year in ppm."""
    number = f"{last_complete_month(as_of_date)} - (year(issued_on) * 12 + month(issued_on) - 1)"
    summed = (
        f"SELECT enterprise_key, is_sale, {number} AS month_no, "
        "sum(amount_fen) AS amount_fen "
        f"FROM invoice WHERE is_valid GROUP BY enterprise_key, is_sale, {number}"
    )
    return (
        f"SELECT *, {parts_per_million('amount_fen', 'year_fen')} AS year_ppm FROM ("
        "SELECT *, sum(amount_fen) OVER (PARTITION BY enterprise_key, is_sale, month_no < 12) AS year_fen "
        f"FROM ({summed}) AS summed WHERE month_no BETWEEN 0 AND {MONTHS_ON_GRID - 1}) AS placed"
    )


MONTH = Grain("invoice_month_grid", DATASETS, _months, parents=(LINE,))


def _seasons(_: date) -> str:
    """A calendar month of the last year beside the same month a year before."""
    return (
        "SELECT enterprise_key, month_no % 12 AS slot, "
        "coalesce(max(CASE WHEN month_no < 12 THEN year_ppm END), 0) AS now_ppm, "
        "coalesce(max(CASE WHEN month_no >= 12 THEN year_ppm END), 0) AS before_ppm "
        "FROM invoice_month_grid WHERE is_sale GROUP BY enterprise_key, month_no % 12"
    )


SEASON = Grain("invoice_season", DATASETS, _seasons, parents=(LINE, MONTH))


def _days(as_of_date: date) -> str:
    """Days with an invoice, how long ago, and the silence that followed each inside the last year."""
    after, until = YEAR.bounds(as_of_date)
    year_days = (until - after).days
    return (
        "SELECT *, CASE WHEN next_days_ago < "
        f"{year_days} THEN (CASE WHEN days_ago > {year_days} THEN {year_days} ELSE days_ago END) "
        "- next_days_ago END AS silent_days FROM ("
        "SELECT *, coalesce(lead(days_ago) OVER (PARTITION BY enterprise_key, is_sale "
        "ORDER BY issued_on), 0) AS next_days_ago FROM ("
        "SELECT DISTINCT enterprise_key, is_sale, issued_on, "
        f"date_diff('day', issued_on, DATE '{as_of_date}') AS days_ago "
        "FROM invoice WHERE is_valid AND amount_fen > 0) AS days) AS followed"
    )


DAY = Grain("invoice_day", DATASETS, _days, event_date="issued_on", parents=(LINE,))


def _parties(as_of_date: date) -> str:
    """Counterparties with what they were worth in the last year and in the year before."""
    now, before = YEAR.covers("issued_on", as_of_date), YEAR_BEFORE.covers("issued_on", as_of_date)
    summed = (
        "SELECT enterprise_key, is_sale, counterparty_key, "
        f"coalesce(sum(amount_fen) FILTER (WHERE {now}), 0) AS now_fen, "
        f"coalesce(sum(amount_fen) FILTER (WHERE {before}), 0) AS before_fen "
        f"FROM invoice WHERE is_valid AND ({now} OR {before}) "
        "GROUP BY enterprise_key, is_sale, counterparty_key"
    )
    paid = (
        "SELECT enterprise_key, is_sale, counterparty_key, "
        "CASE WHEN now_fen > 0 THEN now_fen ELSE 0 END AS now_fen, "
        "CASE WHEN before_fen > 0 THEN before_fen ELSE 0 END AS before_fen "
        f"FROM ({summed}) AS summed"
    )
    all_fen = "sum(now_fen) OVER (PARTITION BY enterprise_key, is_sale)"
    return (
        f"SELECT *, {parts_per_million('now_fen', 'all_fen')} AS now_ppm FROM (SELECT *, {all_fen} AS all_fen, "
        "row_number() OVER (PARTITION BY enterprise_key, is_sale "
        f"ORDER BY now_fen DESC, counterparty_key) AS place FROM ({paid}) AS paid) AS placed"
    )


PARTY = Grain("invoice_party", DATASETS, _parties, parents=(LINE,))

# --- aggregates ---------------------------------------------------------------------------------


def sum_of(column: str, where: str, window: Window) -> Aggregate:
    """Sum over single invoices."""
    return Aggregate(LINE, f"sum({column})", where, window, empty="0")


def count_of(where: str, window: Window) -> Aggregate:
    """Number of single invoices."""
    return Aggregate(LINE, "count(*)", where, window, empty="0")


def turnover(side: Side, window: Window) -> Aggregate:
    """Valid invoices without tax, red notes taken off [fen]."""
    return sum_of("amount_fen", f"is_valid AND {side.where}", window)


def over_months(sql: str, side: Side, months: int, where: str = "") -> Aggregate:
    """An aggregate over the last whole calendar months."""
    condition = f"{side.where} AND month_no < {months}" + (f" AND {where}" if where else "")
    return Aggregate(MONTH, sql, condition, empty="0")


def over_seasons(sql: str) -> Aggregate:
    """An aggregate over the twelve calendar months of two years of sales."""
    return Aggregate(SEASON, sql, empty="0")


def over_parties(sql: str, side: Side, where: str = "") -> Aggregate:
    """An aggregate over one side's counterparties."""
    condition = f"{side.where} AND {where}" if where else side.where
    return Aggregate(PARTY, sql, condition, empty="0")
