"""The few shapes of value a feature can take, as SQL over named aggregates.

Ratios follow three rules everywhere: nothing is said where the denominator is not positive, the
value ends at -1 and at 10, and NULL stays NULL. Numbers are whole or DOUBLE, never DECIMAL: engines
round DECIMAL differently, and `/` of whole numbers is a DOUBLE in all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from features.registry import Aggregate, Unit


@dataclass(frozen=True)
class Value:
    """What a feature's column holds.

    Parameters
    ----------
    unit : Unit
    expression : str
        SQL over the names of `of`.
    of : mapping of str to Aggregate
    """

    unit: Unit
    expression: str
    of: Mapping[str, Aggregate]


def count(aggregate: Aggregate) -> Value:
    """A number of things."""
    return Value("count", "{n}", {"n": aggregate})


def days(aggregate: Aggregate) -> Value:
    """A number of days."""
    return Value("days", "{days}", {"days": aggregate})


def flag(aggregate: Aggregate) -> Value:
    """Whether there is any: 1 or 0."""
    return Value("flag", "CASE WHEN {n} > 0 THEN 1 WHEN {n} = 0 THEN 0 END", {"n": aggregate})


def level(expression: str, **of: Aggregate) -> Value:
    """A place on a published scale, 1 the best."""
    return Value("level", expression, of)


def yuan(aggregate: Aggregate) -> Value:
    """An amount; the lake holds whole fen, the feature table yuan."""
    return Value("cny", "{fen} / 100", {"fen": aggregate})


def share(part: Aggregate, whole: Aggregate) -> Value:
    """Some of the rows over all of them, where none is negative: it lies between 0 and 1 by itself."""
    return Value("ratio", quotient("{part}", "{all}"), {"part": part, "all": whole})


def change(now: Aggregate, before: Aggregate) -> Value:
    """Growth against an earlier span: 0 is unchanged, 1 is doubled."""
    growth = clipped(f"({quotient('{now}', '{before}')}) - 1")
    return Value("ratio", growth, {"now": now, "before": before})


def ratio(expression: str, **of: Aggregate) -> Value:
    """Any other ratio of the named aggregates."""
    return Value("ratio", expression, of)


def quotient(part: str, whole: str) -> str:
    """Part over whole; nothing can be said where the whole is not positive."""
    return f"CASE WHEN {whole} > 0 THEN {part} / {whole} END"


def clipped(value: str) -> str:
    """Ratios end at -1 and 10; NULL stays NULL (least and greatest would lose it)."""
    return f"CASE WHEN {value} < -1 THEN -1 WHEN {value} > 10 THEN 10 ELSE {value} END"


def parts_per_million(part: str, whole: str) -> str:
    """A part of a positive whole in parts per million, ended like every ratio at -1 and 10.

    A year that red notes leave a few fen above zero would otherwise hold months of any size, whose
    squares no integer holds.
    """
    ppm = f"1000000 * CAST({part} AS DOUBLE) / {whole}"
    ended = f"CASE WHEN {ppm} < -1000000 THEN -1000000 WHEN {ppm} > 10000000 THEN 10000000 ELSE {ppm} END"
    return f"CASE WHEN {whole} > 0 THEN CAST(round({ended}) AS BIGINT) END"


def whole_months_since(column: str, as_of_date: date) -> str:
    """Whole months from a date to `as_of`; a month end is a whole month after an earlier one."""
    months = f"{as_of_date.year * 12 + as_of_date.month} - (year({column}) * 12 + month({column}))"
    if (as_of_date + timedelta(days=1)).month != as_of_date.month:
        return f"({months})"
    return f"({months} - CASE WHEN day({column}) > {as_of_date.day} THEN 1 ELSE 0 END)"


def share_ppm(column: str) -> str:
    """A share that is delivered as a decimal, in whole parts per million and at most 1."""
    return f"CASE WHEN {column} > 1 THEN 1000000 ELSE CAST(round({column} * 1000000) AS BIGINT) END"


def relative_slope(months: int) -> str:
    """OLS slope over a month grid divided by its mean [1/month]; months without invoices count as 0.

    Over `{y}`, the sum of the amounts, and `{xy}`, each times its month's place (0 the oldest).
    """
    sum_x = months * (months - 1) // 2
    spread = months * sum(x * x for x in range(months)) - sum_x * sum_x
    slope = f"({months} * {{xy}} - {sum_x} * {{y}}) / {spread}"
    return clipped(f"({quotient(slope, f'({{y}} / {months})')})")


def variation(months: str = "12") -> str:
    """Standard deviation of monthly parts of the year over their mean.

    Over `{ppm}`, the sum of the parts, and `{ppm2}`, the sum of their squares. `months` is their
    number where a month can be missing.
    """
    mean = f"({{ppm}} / {months})"
    variance = f"({{ppm2}} / {months} - {mean} * {mean})"
    deviation = f"sqrt(CASE WHEN {variance} > 0 THEN {variance} ELSE 0 END)"
    return clipped(f"(CASE WHEN {{ppm}} > 0 THEN {deviation} / {mean} END)")


def correlation() -> str:
    """Pearson correlation of two years' monthly parts over twelve slots.

    Over the sums `{x}` and `{y}`, of squares `{xx}` and `{yy}`, and of products `{xy}`.
    """
    covariance = "(12 * {xy} - {x} * {y})"
    spreads = "(CAST(12 * {xx} - {x} * {x} AS DOUBLE) * (12 * {yy} - {y} * {y}))"
    both = f"{{x}} > 0 AND {{y}} > 0 AND {spreads} > 0"
    return f"CASE WHEN {both} THEN {covariance} / sqrt({spreads}) END"
