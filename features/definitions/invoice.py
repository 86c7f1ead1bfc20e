"""Invoice features 发票特征: what single VAT invoices say about a firm.

Turnover is valid invoices without tax, red notes taken off; void invoices are never turnover. Every
sum runs over whole fen or parts per million, so a value is the same bit for bit whatever the order
of rows, the number of threads or the engine. Nothing looks back further than 36 months.
"""

from datetime import date

from features.contracts import Words
from features.registry import Aggregate, Direction, Feature, Grain, Unit
from features.windows import Window, column_name, last_complete_month

DATASETS = frozenset({"invoice_line"})
LOOK_BACK = Window(36)
YEAR = Window(12)
YEAR_BEFORE = Window(12, offset=12)
MONTHS_ON_GRID = 24

SAFER, RISKIER, FREE = -1, 1, 0

# --- grains: the relations features stand on -----------------------------------------------------


def _lines(as_of_date: date) -> str:
    return (
        "SELECT enterprise_key, direction = 'sales' AS is_sale, status = 'valid' AS is_valid, issued_on, "
        "counterparty_key, amount_fen, tax_fen, "
        "CAST(round(100.0 * tax_fen / nullif(amount_fen, 0)) AS INTEGER) AS rate_percent "
        f"FROM visible_invoice_line WHERE {LOOK_BACK.covers('issued_on', as_of_date)}"
    )


LINE = Grain("invoice", DATASETS, _lines, event_date="issued_on")


def _months(as_of_date: date) -> str:
    """Whole calendar months, 0 the last complete one; a month's part of its year in ppm."""
    number = f"{last_complete_month(as_of_date)} - (year(issued_on) * 12 + month(issued_on) - 1)"
    summed = (
        f"SELECT enterprise_key, is_sale, {number} AS month_no, "
        "CAST(sum(amount_fen) AS BIGINT) AS amount_fen, CAST(count(*) AS BIGINT) AS invoices "
        f"FROM invoice WHERE is_valid GROUP BY enterprise_key, is_sale, {number}"
    )
    return (
        "SELECT *, CASE WHEN year_fen > 0 "
        "THEN CAST(round(1000000.0 * amount_fen / year_fen) AS BIGINT) END AS year_ppm FROM ("
        "SELECT *, sum(amount_fen) OVER (PARTITION BY enterprise_key, is_sale, month_no // 12) AS year_fen "
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
        "CAST(CASE WHEN now_fen > 0 THEN now_fen ELSE 0 END AS BIGINT) AS now_fen, "
        "CAST(CASE WHEN before_fen > 0 THEN before_fen ELSE 0 END AS BIGINT) AS before_fen "
        f"FROM ({summed}) AS summed"
    )
    return (
        "SELECT *, CAST(round(1000000.0 * now_fen / nullif(sum(now_fen) OVER "
        "(PARTITION BY enterprise_key, is_sale), 0)) AS BIGINT) AS now_ppm, "
        "row_number() OVER (PARTITION BY enterprise_key, is_sale "
        f"ORDER BY now_fen DESC, counterparty_key) AS place FROM ({paid}) AS paid"
    )


PARTY = Grain("invoice_party", DATASETS, _parties, parents=(LINE,))

# --- expressions --------------------------------------------------------------------------------


def _share(part: str, whole: str) -> str:
    """A part of a whole; nothing can be said where the whole is not positive."""
    return f"CASE WHEN {whole} > 0 THEN {part} / {whole} END"


def _clipped(value: str) -> str:
    """Ratios end at -1 and 10; NULL stays NULL (least and greatest would lose it)."""
    return f"CASE WHEN {value} < -1 THEN -1 WHEN {value} > 10 THEN 10 ELSE {value} END"


def _change(now: str, before: str) -> str:
    return _clipped(f"({_share(now, before)}) - 1")


def _relative_slope(months: int) -> str:
    """OLS slope over a month grid divided by its mean [1/month]; months without invoices count as 0."""
    sum_x = months * (months - 1) // 2
    spread = months * sum(x * x for x in range(months)) - sum_x * sum_x
    slope = f"({months}.0 * {{xy}} - {sum_x}.0 * {{y}}) / {spread}.0"
    return _clipped(f"({_share(slope, '({y} / ' + str(months) + '.0)')})")


def _variation() -> str:
    """Standard deviation of twelve monthly parts of the year over their mean."""
    mean = "({ppm} / 12.0)"
    variance = f"({{ppm2}} / 12.0 - {mean} * {mean})"
    return f"CASE WHEN {{ppm}} > 0 THEN sqrt(CASE WHEN {variance} > 0 THEN {variance} ELSE 0 END) / {mean} END"


def _correlation() -> str:
    """Pearson correlation of two years' monthly parts over twelve slots."""
    covariance = "(12.0 * {xy} - {x} * {y})"
    spreads = "((12.0 * {xx} - {x} * {x}) * (12.0 * {yy} - {y} * {y}))"
    return f"CASE WHEN {{x}} > 0 AND {{y}} > 0 AND {spreads} > 0 THEN {covariance} / sqrt({spreads}) END"


# --- aggregates ---------------------------------------------------------------------------------

_SIDE = {"sales": "is_sale", "purchase": "NOT is_sale"}
_SIDE_WORDS = {"sales": Words(zh="销项", en="sales"), "purchase": Words(zh="进项", en="purchase")}


def _sum(column: str, where: str, window: Window) -> Aggregate:
    return Aggregate(LINE, f"sum({column})", where, window, empty="0")


def _count(where: str, window: Window) -> Aggregate:
    return Aggregate(LINE, "count(*)", where, window, empty="0")


def _turnover(side: str, window: Window) -> Aggregate:
    return _sum("amount_fen", f"is_valid AND {_SIDE[side]}", window)


def _grid(sql: str, side: str, months: int) -> Aggregate:
    return Aggregate(MONTH, sql, f"{_SIDE[side]} AND month_no < {months}", empty="0")


def _last(window: Window) -> Words:
    return Words(zh=f"近{window.months}个月", en=f"in the last {window.months} months")


# --- features -----------------------------------------------------------------------------------


def _feature(
    name: str,
    expression: str,
    of: dict[str, Aggregate],
    unit: Unit,
    direction: Direction,
    group: str,
    zh: str,
    en: str,
    *,
    is_recency: bool = False,
) -> Feature:
    words = Words(zh=zh, en=en)
    return Feature(name, expression, of, unit, direction, "unknown", group, words, is_recency)


def _turnover_features(side: str) -> list[Feature]:
    word = _SIDE_WORDS[side]
    features = [
        _feature(
            column_name(f"{side}_amount", "sum", window.name, "cny"),
            "{fen} / 100.0",
            {"fen": _turnover(side, window)},
            "cny",
            SAFER,
            "R07",
            f"{_last(window).zh}{word.zh}金额",
            f"{word.en} amount {_last(window).en}",
            is_recency=window.months <= 3,
        )
        for window in (Window(3), Window(6), YEAR)
    ]
    windows = (Window(3), Window(6), YEAR) if side == "sales" else (YEAR,)
    features += [
        _feature(
            column_name(f"{side}_invoices", "count", window.name),
            "{n}",
            {"n": _count(f"is_valid AND {_SIDE[side]}", window)},
            "count",
            SAFER,
            "R07",
            f"{_last(window).zh}{word.zh}发票张数",
            f"{word.en} invoices {_last(window).en}",
            is_recency=window.months <= 3,
        )
        for window in windows
    ]
    features += [
        _feature(
            column_name(f"{side}_active_months", "count", f"{months}m"),
            "{n}",
            {"n": _grid("count(*)", side, months)},
            "count",
            SAFER,
            "R07",
            f"近{months}个月有{word.zh}发票的月数",
            f"months with a {word.en} invoice, of the last {months}",
        )
        for months in ((12, 24) if side == "sales" else (12,))
    ]
    return features


def _presence_features() -> list[Feature]:
    return [
        _feature(
            column_name("sales_active_days", "count", "12m"),
            "{n}",
            {"n": Aggregate(DAY, "count(*)", "is_sale", YEAR, empty="0")},
            "count",
            SAFER,
            "R07",
            "近12个月有销项发票的天数",
            "days with a sales invoice in the last 12 months",
        ),
        _feature(
            column_name("sales_invoice_amount", "median", "12m", "cny"),
            "{fen} / 100.0",
            {
                "fen": Aggregate(
                    LINE, "median(amount_fen)", "is_valid AND is_sale AND amount_fen > 0", YEAR
                )
            },
            "cny",
            FREE,
            "R07",
            "近12个月单张销项发票金额中位数",
            "median sales invoice in the last 12 months",
        ),
        _feature(
            column_name("sales_history", "months"),
            "{days} / 30.4375",
            {"days": Aggregate(DAY, "max(days_ago)", "is_sale")},
            "months",
            SAFER,
            "R07",
            "距首张销项发票的月数（最多36）",
            "months since the first sales invoice (36 at most)",
        ),
    ]


def _growth_features() -> list[Feature]:
    features: list[Feature] = []
    for side, windows in (("sales", (Window(3), YEAR)), ("purchase", (YEAR,))):
        word = _SIDE_WORDS[side]
        for window in windows:
            before = Window(window.months, offset=12)
            features.append(
                _feature(
                    column_name(f"{side}_amount", "yoy", window.name),
                    _change("{now}", "{before}"),
                    {"now": _turnover(side, window), "before": _turnover(side, before)},
                    "ratio",
                    SAFER,
                    "R27",
                    f"{_last(window).zh}{word.zh}金额同比",
                    f"{word.en} amount {_last(window).en} against a year earlier",
                    is_recency=window.months <= 3,
                )
            )
    features.append(
        _feature(
            column_name("sales_amount", "change", "6m"),
            _change("{now}", "{before}"),
            {
                "now": _turnover("sales", Window(6)),
                "before": _turnover("sales", Window(6, offset=6)),
            },
            "ratio",
            SAFER,
            "R27",
            "近6个月销项金额与此前6个月相比",
            "sales amount of the last 6 months against the 6 before",
        )
    )
    features.append(
        _feature(
            column_name("sales_invoices", "yoy", "12m"),
            _change("{now}", "{before}"),
            {
                "now": _count("is_valid AND is_sale", YEAR),
                "before": _count("is_valid AND is_sale", YEAR_BEFORE),
            },
            "ratio",
            SAFER,
            "R27",
            "近12个月销项发票张数同比",
            "sales invoices in the last 12 months against a year earlier",
        )
    )
    for side, spans in (("sales", (6, 12)), ("purchase", (12,))):
        features += [
            _feature(
                column_name(f"{side}_amount", "slope", f"{months}m"),
                _relative_slope(months),
                {
                    "y": _grid("sum(amount_fen)", side, months),
                    "xy": _grid(f"sum(amount_fen * ({months - 1} - month_no))", side, months),
                },
                "ratio",
                SAFER,
                "R27",
                f"近{months}个整月{_SIDE_WORDS[side].zh}金额的月均趋势",
                f"monthly trend of {_SIDE_WORDS[side].en} amounts over {months} whole months",
            )
            for months in spans
        ]
    return features


def _continuity_features(side: str) -> list[Feature]:
    word = _SIDE_WORDS[side]
    return [
        _feature(
            column_name(side, "days_since_last"),
            "{days}",
            {"days": Aggregate(DAY, "min(days_ago)", _SIDE[side])},
            "days",
            RISKIER,
            "R28",
            f"距最近一张{word.zh}发票的天数",
            f"days since the last {word.en} invoice",
            is_recency=True,
        ),
        _feature(
            column_name(f"{side}_gap", "max", "12m", "days"),
            "{days}",
            {"days": Aggregate(DAY, "max(silent_days)", _SIDE[side])},
            "days",
            RISKIER,
            "R28",
            f"近12个月最长无{word.zh}发票天数",
            f"longest run of days without a {word.en} invoice in the last 12 months",
            is_recency=True,
        ),
    ]


def _stability_features() -> list[Feature]:
    features = [
        _feature(
            column_name(f"{side}_amount", "cv", "12m"),
            _variation(),
            {
                "ppm": _grid("sum(year_ppm)", side, 12),
                "ppm2": _grid("sum(year_ppm * year_ppm)", side, 12),
            },
            "ratio",
            RISKIER,
            "R29",
            f"近12个整月{_SIDE_WORDS[side].zh}金额变异系数",
            f"variation of monthly {_SIDE_WORDS[side].en} amounts over 12 whole months",
        )
        for side in ("sales", "purchase")
    ]
    squares = {
        "x": "sum(now_ppm)",
        "y": "sum(before_ppm)",
        "xy": "sum(now_ppm * before_ppm)",
        "xx": "sum(now_ppm * now_ppm)",
        "yy": "sum(before_ppm * before_ppm)",
    }
    features += [
        _feature(
            column_name("sales_peak_month", "share", "12m"),
            "CASE WHEN {ppm} > 1000000 THEN 1 ELSE {ppm} / 1000000.0 END",
            {"ppm": Aggregate(MONTH, "max(year_ppm)", "is_sale AND month_no < 12")},
            "ratio",
            FREE,
            "R29",
            "近12个整月最高单月销项金额占比",
            "share of the best month in 12 whole months of sales",
        ),
        _feature(
            column_name("sales_season", "correlation", "24m"),
            _correlation(),
            {key: Aggregate(SEASON, sql, empty="0") for key, sql in squares.items()},
            "ratio",
            FREE,
            "R29",
            "近两年销项金额月度分布的相关性",
            "correlation of the last two years' monthly sales profiles",
        ),
    ]
    return features


def _party_features(party: str, side: str, zh: str, group: str) -> list[Feature]:
    """Concentration and churn of one side's counterparties.

    For suppliers only their loss is read as a warning; few suppliers can be a choice.
    """
    is_side = _SIDE[side]
    concentrated: Direction = RISKIER if party == "buyer" else FREE

    def over(sql: str, where: str = "") -> Aggregate:
        return Aggregate(PARTY, sql, f"{is_side} AND {where}" if where else is_side, empty="0")

    def ppm_share(sql: str, where: str = "") -> tuple[str, dict[str, Aggregate]]:
        return "CASE WHEN {all} > 0 THEN {ppm} / 1000000.0 END", {
            "ppm": over(sql, where),
            "all": over("sum(now_fen)"),
        }

    def part(where: str, column: str) -> tuple[str, dict[str, Aggregate]]:
        return _share("{part}", "{all}"), {
            "part": over(f"sum({column})", where),
            "all": over(f"sum({column})"),
        }

    hhi = "CASE WHEN {all} > 0 THEN {ppm} / 1000000000000.0 END"
    top1, top5 = ppm_share("max(now_ppm)"), ppm_share("sum(now_ppm)", "place <= 5")
    lost, new = part("now_fen = 0", "before_fen"), part("before_fen = 0", "now_fen")
    features = [
        _feature(
            column_name(party, "count", "12m"), "{n}", {"n": over("count(*)", "now_fen > 0")},
            "count", SAFER, group, f"近12个月{zh}数", f"{party}s in the last 12 months",
        ),
        _feature(
            column_name(f"{party}_top1", "share", "12m"), *top1, "ratio", concentrated, group,
            f"近12个月第一大{zh}占比", f"share of the largest {party} in the last 12 months",
        ),
        _feature(
            column_name(party, "hhi", "12m"), hhi,
            {"ppm": over("sum(now_ppm * now_ppm)"), "all": over("sum(now_fen)")},
            "ratio", concentrated, group,
            f"近12个月{zh}集中度（赫芬达尔指数）", f"{party} concentration (Herfindahl) in the last 12 months",
        ),
        _feature(
            column_name(party, "churn", "12m"), *lost, "ratio", RISKIER, group,
            f"上年度{zh}在近12个月流失的金额占比", f"share of last year's {party} volume that is gone",
        ),
    ]  # fmt: skip
    if party == "buyer":
        features += [
            _feature(
                column_name("buyer_top5", "share", "12m"), *top5, "ratio", RISKIER, group,
                f"近12个月前五大{zh}占比", "share of the five largest buyers in the last 12 months",
            ),
            _feature(
                column_name("buyer_new", "share", "12m"), *new, "ratio", FREE, group,
                f"近12个月新{zh}金额占比", "share of sales to buyers that are new in the last 12 months",
            ),
        ]  # fmt: skip
    return features


def _correction_features() -> list[Feature]:
    features: list[Feature] = []
    for side in ("sales", "purchase"):
        is_side, word = _SIDE[side], _SIDE_WORDS[side]
        valid = _count(f"is_valid AND {is_side}", YEAR)
        red = _count(f"is_valid AND {is_side} AND amount_fen < 0", YEAR)
        every = _count(is_side, YEAR)
        void = _count(f"NOT is_valid AND {is_side}", YEAR)
        features += [
            _feature(
                column_name(f"{side}_red_count", "share", "12m"), _share("{part}", "{all}"),
                {"part": red, "all": valid}, "ratio", RISKIER, "R09",
                f"近12个月{word.zh}红冲张数占比", f"share of red notes among {word.en} invoices in 12 months",
            ),
            _feature(
                column_name(f"{side}_void_count", "share", "12m"), _share("{part}", "{all}"),
                {"part": void, "all": every}, "ratio", RISKIER, "R09",
                f"近12个月{word.zh}作废张数占比", f"share of void {word.en} invoices in 12 months",
            ),
        ]  # fmt: skip
    positive = "is_valid AND is_sale AND amount_fen > 0"
    features.append(
        _feature(
            column_name("sales_red_amount", "share", "12m"), _share("-{part}", "{all}"),
            {
                "part": _sum("amount_fen", "is_valid AND is_sale AND amount_fen < 0", YEAR),
                "all": _sum("amount_fen", positive, YEAR),
            },
            "ratio", RISKIER, "R09", "近12个月红冲金额占销项金额比",
            "amount taken back by red notes over sales in 12 months",
        )
    )  # fmt: skip
    return features


def _balance_features() -> list[Feature]:
    sales, purchase = _turnover("sales", YEAR), _turnover("purchase", YEAR)
    tax_out = _sum("tax_fen", "is_valid AND is_sale", YEAR)
    tax_in = _sum("tax_fen", "is_valid AND NOT is_sale", YEAR)
    return [
        _feature(
            column_name("purchase_to_sales", "ratio", "12m"), _clipped(f"({_share('{p}', '{s}')})"),
            {"p": purchase, "s": sales}, "ratio", FREE, "R31",
            "近12个月进项与销项金额之比", "purchases over sales in the last 12 months",
        ),
        _feature(
            column_name("gross_margin_amount", "sum", "12m", "cny"), "({s} - {p}) / 100.0",
            {"s": sales, "p": purchase}, "cny", SAFER, "R31",
            "近12个月销项减进项金额", "sales minus purchases in the last 12 months",
        ),
        _feature(
            column_name("vat_payable", "ratio", "12m"), _clipped(f"({_share('({o} - {i})', '{s}')})"),
            {"o": tax_out, "i": tax_in, "s": sales}, "ratio", FREE, "R31",
            "近12个月销项税减进项税占销项金额比", "output less input VAT over sales in the last 12 months",
        ),
    ]  # fmt: skip


def _tax_rate_features() -> list[Feature]:
    def of(side: str, rate: str) -> dict[str, Aggregate]:
        where = f"is_valid AND {_SIDE[side]} AND amount_fen > 0"
        return {
            "part": _sum("amount_fen", f"{where} AND {rate}", YEAR),
            "all": _sum("amount_fen", where, YEAR),
        }

    def mean(side: str) -> dict[str, Aggregate]:
        where = f"is_valid AND {_SIDE[side]} AND amount_fen > 0"
        return {"tax": _sum("tax_fen", where, YEAR), "all": _sum("amount_fen", where, YEAR)}

    kinds = Aggregate(
        LINE,
        "count(DISTINCT rate_percent)",
        "is_valid AND is_sale AND amount_fen > 0",
        YEAR,
        empty="0",
    )
    return [
        _feature(
            column_name("sales_tax_rate", "mean", "12m"), _share("{tax}", "{all}"), mean("sales"),
            "ratio", FREE, "R32", "近12个月销项平均税率", "mean tax rate of sales in the last 12 months",
        ),
        _feature(
            column_name("purchase_tax_rate", "mean", "12m"), _share("{tax}", "{all}"), mean("purchase"),
            "ratio", FREE, "R32", "近12个月进项平均税率", "mean tax rate of purchases in the last 12 months",
        ),
        _feature(
            column_name("sales_tax_rate_kinds", "count", "12m"), "{n}", {"n": kinds},
            "count", FREE, "R32", "近12个月销项税率档数", "different tax rates of sales in the last 12 months",
        ),
        _feature(
            column_name("sales_low_rate", "share", "12m"), _share("{part}", "{all}"),
            of("sales", "rate_percent BETWEEN 1 AND 3"), "ratio", FREE, "R32",
            "近12个月低税率（1–3%）销项占比", "share of sales taxed at 1 to 3 % in the last 12 months",
        ),
        _feature(
            column_name("sales_zero_rate", "share", "12m"), _share("{part}", "{all}"),
            of("sales", "rate_percent = 0"), "ratio", FREE, "R32",
            "近12个月零税率或免税销项占比", "share of untaxed sales in the last 12 months",
        ),
        _feature(
            column_name("purchase_zero_rate", "share", "12m"), _share("{part}", "{all}"),
            of("purchase", "rate_percent = 0"), "ratio", FREE, "R32",
            "近12个月零税率或免税进项占比", "share of untaxed purchases in the last 12 months",
        ),
    ]  # fmt: skip


FEATURES: tuple[Feature, ...] = (
    *_turnover_features("sales"),
    *_turnover_features("purchase"),
    *_presence_features(),
    *_growth_features(),
    *_continuity_features("sales"),
    *_continuity_features("purchase"),
    *_stability_features(),
    *_party_features("buyer", "sales", "购方", "R08"),
    *_party_features("supplier", "purchase", "销方", "R30"),
    *_correction_features(),
    *_balance_features(),
    *_tax_rate_features(),
)
