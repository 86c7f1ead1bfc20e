"""Invoice features 发票特征: what single VAT invoices say about a firm.

Read a definition as a sentence: its name, what it is, which way risk runs, the reason it is filed
under, and the words a credit officer would use. The relations behind it are in `invoice_grains`,
the shapes of value in `expressions`.
"""

from features.contracts import Words
from features.definitions.expressions import (
    Value,
    change,
    clipped,
    correlation,
    count,
    days,
    quotient,
    ratio,
    relative_slope,
    share,
    variation,
    yuan,
)
from features.definitions.invoice_grains import (
    DAY,
    HALF_YEAR,
    LINE,
    MONTH,
    PURCHASE,
    QUARTER,
    SALES,
    YEAR,
    YEAR_BEFORE,
    Side,
    count_of,
    over_months,
    over_parties,
    over_seasons,
    sum_of,
    turnover,
)
from features.registry import FREE, RISKIER, SAFER, Aggregate, Direction, Feature
from features.windows import Window, column_name


def _feature(
    name: str,
    value: Value,
    direction: Direction,
    group: str,
    zh: str,
    en: str,
    *,
    is_recency: bool = False,
) -> Feature:
    """An invoice feature; without invoices nothing is known, so missing stays missing."""
    words = Words(zh=zh, en=en)
    return Feature(
        name, value.expression, value.of, value.unit, direction, "unknown", group, words, is_recency
    )


def _size(side: Side) -> list[Feature]:
    """How much is invoiced, how often, and in how many months."""
    is_sales = side is SALES
    amounts = [
        _feature(
            column_name(f"{side.name}_amount", "sum", window.name, "cny"),
            yuan(turnover(side, window)), SAFER, "R07",
            f"近{window.months}个月{side.zh}金额", f"{side.name} amount in the last {window.months} months",
            is_recency=window is QUARTER,
        )
        for window in (QUARTER, HALF_YEAR, YEAR)
    ]  # fmt: skip
    counts = [
        _feature(
            column_name(f"{side.name}_invoices", "count", window.name),
            count(count_of(f"is_valid AND {side.where}", window)), SAFER, "R07",
            f"近{window.months}个月{side.zh}发票张数", f"{side.name} invoices in the last {window.months} months",
            is_recency=window is QUARTER,
        )
        for window in ((QUARTER, HALF_YEAR, YEAR) if is_sales else (YEAR,))
    ]  # fmt: skip
    active = [
        _feature(
            column_name(f"{side.name}_active_months", "count", f"{months}m"),
            count(over_months("count(*)", side, months, "amount_fen > 0")), SAFER, "R07",
            f"近{months}个月有{side.zh}发票的月数", f"months with a {side.name} invoice, of the last {months}",
        )
        for months in ((12, 24) if is_sales else (12,))
    ]  # fmt: skip
    return [*amounts, *counts, *active]


_PRESENCE = [
    _feature(
        column_name("sales_active_days", "count", "12m"),
        count(Aggregate(DAY, "count(*)", "is_sale", YEAR, empty="0")), SAFER, "R07",
        "近12个月有销项发票的天数", "days with a sales invoice in the last 12 months",
    ),
    _feature(
        column_name("sales_invoice_amount", "median", "12m", "cny"),
        yuan(Aggregate(LINE, "median(amount_fen)", SALES.positive, YEAR)),
        FREE, "R07",
        "近12个月单张销项发票金额中位数", "median sales invoice in the last 12 months",
    ),
    _feature(
        column_name("sales_history", "months"),
        Value("months", "{days} / CAST(30.4375 AS DOUBLE)", {"days": Aggregate(DAY, "max(days_ago)", "is_sale")}),
        SAFER, "R07",
        "距首张销项发票的月数（最多36）", "months since the first sales invoice (36 at most)",
    ),
]  # fmt: skip


def _growth_on_year(side: Side, window: Window) -> Feature:
    before = Window(window.months, offset=12)
    return _feature(
        column_name(f"{side.name}_amount", "yoy", window.name),
        change(turnover(side, window), turnover(side, before)), SAFER, "R27",
        f"近{window.months}个月{side.zh}金额同比",
        f"{side.name} amount in the last {window.months} months against a year earlier",
        is_recency=window is QUARTER,
    )  # fmt: skip


def _trend(side: Side, months: int) -> Feature:
    """Amounts are weighted by their month's place, the oldest month at 0."""
    return _feature(
        column_name(f"{side.name}_amount", "slope", f"{months}m"),
        ratio(
            relative_slope(months),
            y=over_months("sum(amount_fen)", side, months),
            xy=over_months(f"sum(amount_fen * ({months - 1} - month_no))", side, months),
        ),
        SAFER, "R27",
        f"近{months}个整月{side.zh}金额的月均趋势",
        f"monthly trend of {side.name} amounts over {months} whole months",
    )  # fmt: skip


_GROWTH = [
    _growth_on_year(SALES, QUARTER),
    _growth_on_year(SALES, YEAR),
    _growth_on_year(PURCHASE, YEAR),
    _feature(
        column_name("sales_amount", "change", "6m"),
        change(turnover(SALES, HALF_YEAR), turnover(SALES, Window(6, offset=6))), SAFER, "R27",
        "近6个月销项金额与此前6个月相比", "sales amount of the last 6 months against the 6 before",
    ),
    _feature(
        column_name("sales_invoices", "yoy", "12m"),
        change(count_of("is_valid AND is_sale", YEAR), count_of("is_valid AND is_sale", YEAR_BEFORE)),
        SAFER, "R27",
        "近12个月销项发票张数同比", "sales invoices in the last 12 months against a year earlier",
    ),
    _trend(SALES, 6),
    _trend(SALES, 12),
    _trend(PURCHASE, 12),
]  # fmt: skip


def _silence(side: Side) -> list[Feature]:
    """How long the firm has been, and has ever been, without an invoice."""
    return [
        _feature(
            column_name(side.name, "days_since_last"),
            days(Aggregate(DAY, "min(days_ago)", side.where)), RISKIER, "R28",
            f"距最近一张{side.zh}发票的天数", f"days since the last {side.name} invoice",
            is_recency=True,
        ),
        _feature(
            column_name(f"{side.name}_gap", "max", "12m", "days"),
            days(Aggregate(DAY, "max(silent_days)", side.where)), RISKIER, "R28",
            f"近12个月最长无{side.zh}发票天数",
            f"longest run of days without a {side.name} invoice in the last 12 months",
            is_recency=True,
        ),
    ]  # fmt: skip


def _variation(side: Side) -> Feature:
    return _feature(
        column_name(f"{side.name}_amount", "cv", "12m"),
        ratio(
            variation(),
            ppm=over_months("sum(year_ppm)", side, 12),
            ppm2=over_months("sum(year_ppm * year_ppm)", side, 12),
        ),
        RISKIER, "R29",
        f"近12个整月{side.zh}金额变异系数", f"variation of monthly {side.name} amounts over 12 whole months",
    )  # fmt: skip


_STABILITY = [
    _variation(SALES),
    _variation(PURCHASE),
    _feature(
        column_name("sales_peak_month", "share", "12m"),
        ratio(
            "CASE WHEN {ppm} > 1000000 THEN 1 ELSE {ppm} / 1000000 END",
            ppm=Aggregate(MONTH, "max(year_ppm)", "is_sale AND month_no < 12"),
        ),
        FREE, "R29",
        "近12个整月最高单月销项金额占比", "share of the best month in 12 whole months of sales",
    ),
    _feature(
        column_name("sales_season", "correlation", "24m"),
        ratio(
            correlation(),
            x=over_seasons("sum(now_ppm)"),
            y=over_seasons("sum(before_ppm)"),
            xy=over_seasons("sum(now_ppm * before_ppm)"),
            xx=over_seasons("sum(now_ppm * now_ppm)"),
            yy=over_seasons("sum(before_ppm * before_ppm)"),
        ),
        FREE, "R29",
        "近两年销项金额月度分布的相关性", "correlation of the last two years' monthly sales profiles",
    ),
]  # fmt: skip


def _parties(side: Side, group: str) -> list[Feature]:
    """Concentration and churn of one side's counterparties.

    For suppliers only their loss is read as a warning; few suppliers can be a choice.
    """
    party, zh = side.party, side.party_zh
    concentrated: Direction = RISKIER if side is SALES else FREE
    everyone = over_parties("sum(now_fen)", side)

    def held_by(sql: str, where: str = "") -> Value:
        held = over_parties(sql, side, where)
        return ratio("CASE WHEN {all} > 0 THEN {ppm} / 1000000 END", ppm=held, all=everyone)

    def volume_of(where: str, column: str) -> Value:
        return share(
            over_parties(f"sum({column})", side, where), over_parties(f"sum({column})", side)
        )

    features = [
        _feature(
            column_name(party, "count", "12m"),
            count(over_parties("count(*)", side, "now_fen > 0")), SAFER, group,
            f"近12个月{zh}数", f"{party}s in the last 12 months",
        ),
        _feature(
            column_name(f"{party}_top1", "share", "12m"),
            held_by("max(now_ppm)"), concentrated, group,
            f"近12个月第一大{zh}占比", f"share of the largest {party} in the last 12 months",
        ),
        _feature(
            column_name(party, "hhi", "12m"),
            ratio(
                "CASE WHEN {all} > 0 THEN {ppm} / 1000000000000 END",
                ppm=over_parties("sum(now_ppm * now_ppm)", side),
                all=everyone,
            ),
            concentrated, group,
            f"近12个月{zh}集中度（赫芬达尔指数）", f"{party} concentration (Herfindahl) in the last 12 months",
        ),
        _feature(
            column_name(party, "churn", "12m"),
            volume_of("now_fen = 0", "before_fen"), RISKIER, group,
            f"上年度{zh}在近12个月流失的金额占比", f"share of last year's {party} volume that is gone",
        ),
    ]  # fmt: skip
    if side is PURCHASE:
        return features
    return [
        *features,
        _feature(
            column_name("buyer_top5", "share", "12m"),
            held_by("sum(now_ppm)", "place <= 5"), RISKIER, group,
            f"近12个月前五大{zh}占比", "share of the five largest buyers in the last 12 months",
        ),
        _feature(
            column_name("buyer_new", "share", "12m"),
            volume_of("before_fen = 0", "now_fen"), FREE, group,
            f"近12个月新{zh}金额占比", "share of sales to buyers that are new in the last 12 months",
        ),
    ]  # fmt: skip


def _corrections(side: Side) -> list[Feature]:
    """How often invoices are taken back (red notes) or made void."""
    valid = count_of(f"is_valid AND {side.where}", YEAR)
    red = count_of(f"is_valid AND {side.where} AND amount_fen < 0", YEAR)
    every = count_of(side.where, YEAR)
    void = count_of(f"NOT is_valid AND {side.where}", YEAR)
    return [
        _feature(
            column_name(f"{side.name}_red_count", "share", "12m"), share(red, valid), RISKIER, "R09",
            f"近12个月{side.zh}红冲张数占比", f"share of red notes among {side.name} invoices in 12 months",
        ),
        _feature(
            column_name(f"{side.name}_void_count", "share", "12m"), share(void, every), RISKIER, "R09",
            f"近12个月{side.zh}作废张数占比", f"share of void {side.name} invoices in 12 months",
        ),
    ]  # fmt: skip


_TAKEN_BACK = _feature(
    column_name("sales_red_amount", "share", "12m"),
    ratio(
        clipped(f"({quotient('-{part}', '{all}')})"),
        part=sum_of("amount_fen", "is_valid AND is_sale AND amount_fen < 0", YEAR),
        all=sum_of("amount_fen", SALES.positive, YEAR),
    ),
    RISKIER, "R09", "近12个月红冲金额占销项金额比", "amount taken back by red notes over sales in 12 months",
)  # fmt: skip

_BALANCE = [
    _feature(
        column_name("purchase_to_sales", "ratio", "12m"),
        ratio(
            clipped(f"({quotient('{p}', '{s}')})"), p=turnover(PURCHASE, YEAR), s=turnover(SALES, YEAR)
        ),
        FREE, "R31", "近12个月进项与销项金额之比", "purchases over sales in the last 12 months",
    ),
    _feature(
        column_name("gross_margin_amount", "sum", "12m", "cny"),
        Value("cny", "({s} - {p}) / 100", {"s": turnover(SALES, YEAR), "p": turnover(PURCHASE, YEAR)}),
        SAFER, "R31", "近12个月销项减进项金额", "sales minus purchases in the last 12 months",
    ),
    _feature(
        column_name("vat_payable", "ratio", "12m"),
        ratio(
            clipped(f"({quotient('({o} - {i})', '{s}')})"),
            o=sum_of("tax_fen", "is_valid AND is_sale", YEAR),
            i=sum_of("tax_fen", "is_valid AND NOT is_sale", YEAR),
            s=turnover(SALES, YEAR),
        ),
        FREE, "R31", "近12个月销项税减进项税占销项金额比", "output less input VAT over sales in the last 12 months",
    ),
]  # fmt: skip


def _mean_rate(side: Side) -> Feature:
    value = ratio(
        clipped(f"({quotient('{tax}', '{all}')})"),
        tax=sum_of("tax_fen", side.positive, YEAR),
        all=sum_of("amount_fen", side.positive, YEAR),
    )
    return _feature(
        column_name(f"{side.name}_tax_rate", "mean", "12m"), value, FREE, "R32",
        f"近12个月{side.zh}平均税率", f"mean tax rate of {side.en} in the last 12 months",
    )  # fmt: skip


def _taxed_at(rate: str, side: Side) -> Value:
    part = sum_of("amount_fen", f"{side.positive} AND {rate}", YEAR)
    return share(part, sum_of("amount_fen", side.positive, YEAR))


def _untaxed(side: Side) -> Feature:
    return _feature(
        column_name(f"{side.name}_zero_rate", "share", "12m"),
        _taxed_at("rate_percent = 0", side), FREE, "R32",
        f"近12个月零税率或免税{side.zh}占比", f"share of untaxed {side.en} in the last 12 months",
    )  # fmt: skip


_TAX_RATES = [
    _mean_rate(SALES),
    _mean_rate(PURCHASE),
    _feature(
        column_name("sales_tax_rate_kinds", "count", "12m"),
        count(Aggregate(LINE, "count(DISTINCT rate_percent)", SALES.positive, YEAR, empty="0")),
        FREE, "R32", "近12个月销项税率档数", "different tax rates of sales in the last 12 months",
    ),
    _feature(
        column_name("sales_low_rate", "share", "12m"),
        _taxed_at("rate_percent BETWEEN 1 AND 3", SALES), FREE, "R32",
        "近12个月低税率（1–3%）销项占比", "share of sales taxed at 1 to 3 % in the last 12 months",
    ),
    _untaxed(SALES),
    _untaxed(PURCHASE),
]  # fmt: skip

FEATURES: tuple[Feature, ...] = (
    *_size(SALES),
    *_size(PURCHASE),
    *_PRESENCE,
    *_GROWTH,
    *_silence(SALES),
    *_silence(PURCHASE),
    *_STABILITY,
    *_parties(SALES, "R08"),
    *_parties(PURCHASE, "R30"),
    *_corrections(SALES),
    *_corrections(PURCHASE),
    _TAKEN_BACK,
    *_BALANCE,
    *_TAX_RATES,
)
