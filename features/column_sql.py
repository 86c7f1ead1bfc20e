"""Turn a mapping rule into SQL: the value a column gets, and what is wrong where it gets none.

Every contract column becomes three expressions over the staged file: `raw` (cleaned text or native
value, NULL when missing), `value` (typed as the lake stores it, NULL when raw cannot be read) and
`problem` (a reason code, NULL when all is well). Checking is by column; no row is looked at alone.
"""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

from features.codes.industries import is_industry_sql
from features.codes.regions import is_region_sql
from features.contracts import Column
from features.engine import identifier, literal
from features.mapping import Rule
from features.month_lists import month_list_problems, month_list_value
from features.quality_rules import load_rules, reason, warning
from features.sources import SourceColumn

#: Digits alone are a date only at full length, otherwise 2020131 could be read two ways.
_COMPACT = {8: r"^(\d{8}.*|\d{4}\D.*)$", 6: r"^(\d{6}|\d{4}\D\d{1,2})$"}

_NUMBERS = frozenset(
    [
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
        "FLOAT",
        "DOUBLE",
    ]
)
_TIMES = ("DATE", "TIMESTAMP")
#: Below it every whole number is a double of its own.
_EXACT_LIMIT = {"FLOAT": "16777216", "DOUBLE": "9007199254740992"}
_WAN = 10_000
_FEN = 100
#: Full-width digits and letters, and blanks, which translate() reads as the plain character or nothing.
_WIDE = "".join(chr(code + 0xFEE0) for code in range(0x21, 0x7F) if chr(code).isalnum())
_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code).isalnum())
_BLANKS = " \u3000\u00a0"
_PROBLEM_OF_TYPE = {
    "int": "not_an_integer",
    "money": "not_an_amount",
    "decimal": "not_a_number",
    "date": "not_a_date",
    "month": "not_a_month",
    "ts": "not_a_time",
    "bool": "not_a_bool",
    "enum": "unknown_code",
    "list": "not_a_list",
    "month_list": "not_a_month_list",
}


@dataclass(frozen=True)
class ColumnSql:
    """The expressions of one contract column; `value` and `problem` read the column `raw_name`.

    `warning` is NULL unless the value is doubtful; None where it never is.
    """

    name: str
    raw: str
    value: str
    problem: str
    warning: str | None = None

    @property
    def raw_name(self) -> str:
        """Quoted name of the cleaned source value."""
        return identifier(f"raw {self.name}")

    @property
    def value_name(self) -> str:
        """Quoted name of the typed value."""
        return identifier(f"value {self.name}")


def compile_column(
    name: str,
    column: Column,
    rule: Rule,
    found: MappingType[str, SourceColumn],
    thousands: str,
    *,
    dataset: str = "",
    may_hold_persons: bool = False,
) -> ColumnSql:
    """Expressions for one mapped column.

    Parameters
    ----------
    found : mapping of str to SourceColumn
        The columns of the staged file, by the provider's name.
    thousands : str
        Thousands separator to take out of numbers; empty for none.
    dataset : str
        Name under which the rule pack may know the column (`dataset.column`).
    may_hold_persons : bool
        Refuse text that looks like an ID number or a mobile number: in a file about persons a value
        that slipped by one column would land in plain.
    """
    rules = load_rules()
    raw, kind = _raw(rule, found)
    raw_name = identifier(f"raw {name}")
    is_text_target = column.type in {"str", "enum", "party"} or column.personal is not None
    is_rounded = None
    if kind != "VARCHAR" and (is_text_target or not _reads_natively(column.type, kind)):
        raw, kind, is_rounded = _as_text(raw, kind), "VARCHAR", _is_rounded(rule, found)
    unknown = rules.numbers.unknown_marks.get(f"{dataset}.{name}")
    if unknown is not None:
        raw = f"CASE WHEN coalesce(TRY_CAST(({raw}) AS DOUBLE) <> {unknown}, true) THEN {raw} END"
    value = _value(column, rule, raw_name, kind, thousands)
    if rule.synthetic is None and _is_code(name, column):
        value = _narrow(value)
    value_name = identifier(f"value {name}")
    unread = _PROBLEM_OF_TYPE.get(column.type, "not_a_number")
    cases: list[tuple[str, str]] = []
    if column.required and column.derive is None:
        cases.append((f"{raw_name} IS NULL", "missing"))
    if is_rounded is not None:
        cases.append((is_rounded, "rounded"))
    if column.type == "month_list":
        marks = "".join(rules.month_lists.half_width)
        cases.append((f"regexp_matches({raw_name}, {literal(f'[{marks}]')})", "half_width_marks"))
    cases.append((f"{raw_name} IS NOT NULL AND {value_name} IS NULL", unread))
    cases += _limits(column, rule, value_name)
    cases += _signs(f"{dataset}.{name}", column, value_name)
    if column.type == "month_list":
        cases += month_list_problems(column, value_name)
    if column.personal is not None:
        slip = rules.personal.slipped[column.personal]
        cases.append((f"regexp_matches({value_name}, {literal(slip.form)})", slip.reason))
    is_free = column.personal is None and column.type in {"str", "party", "list"}
    if may_hold_persons and is_free and (name != "uscc" or rule.synthetic is not None):
        forms = " OR ".join(
            f"regexp_matches(CAST({value_name} AS VARCHAR), {literal(form)})"
            for form in (rules.personal.id_number, rules.personal.phone)
        )
        cases.append((forms, "personal_value"))
    problem = " ".join(f"WHEN {met} THEN {literal(reason(name, code))}" for met, code in cases)
    return ColumnSql(name, raw, value, f"CASE {problem} END", _warning(name, column, value_name))


def clean_text(expression: str) -> str:
    """Text without the marks that mean "nothing"; they and empty text become NULL."""
    markers = ", ".join(literal(marker) for marker in ("", *load_rules().empty_markers))
    return f"CASE WHEN {expression} NOT IN ({markers}) THEN {expression} END"


def instant(column: SourceColumn) -> tuple[str, str]:
    """Cleaned value and instant of a source column, in any usual format, with a time of day or not."""
    raw, kind = _cleaned(column)
    if kind.startswith(_TIMES):
        return raw, f"TRY_CAST({raw} AS TIMESTAMP)"
    text = raw if kind == "VARCHAR" else _as_text(raw, kind)
    moments = load_rules().moments
    return text, _parsed(text, [*moments.times, *moments.days], 8)


def _is_code(name: str, column: Column) -> bool:
    return name == "uscc" or column.codes is not None or column.personal == "id_number"


def _narrow(value: str) -> str:
    """A code is the same whatever the width of its characters, and with blanks between them."""
    return f"translate({value}, {literal(_WIDE + _BLANKS)}, {literal(_PLAIN)})"


def _limits(column: Column, rule: Rule, value: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if column.max_length is not None and column.personal is None and rule.synthetic is None:
        found.append((f"length({value}) > {column.max_length}", "too_long"))
    if column.minimum is not None:
        limit = column.minimum * (_FEN if column.type == "money" else 1)
        found.append((f"{value} < {limit!r}", "below_minimum"))
    return found


def _signs(name: str, column: Column, value: str) -> list[tuple[str, str]]:
    numbers = load_rules().numbers
    if column.type not in {"int", "money", "decimal"}:
        return []
    if name in numbers.positive:
        return [(f"{value} <= 0", "not_positive")]
    return [(f"{value} < 0", "below_minimum")] if name in numbers.zero_allowed else []


def _warning(name: str, column: Column, value: str) -> str | None:
    if column.codes is None:
        return None
    is_listed = is_region_sql(value) if column.codes == "region" else is_industry_sql(value)
    return f"CASE WHEN NOT ({is_listed}) THEN {literal(warning(name, 'unknown_code'))} END"


def _raw(rule: Rule, found: MappingType[str, SourceColumn]) -> tuple[str, str]:
    """Cleaned source expression and its DuckDB type."""
    if rule.constant is not None:
        return literal(rule.constant), "VARCHAR"
    if rule.template is not None:
        pieces = [
            text_of(found[piece]) if place % 2 else literal(piece)
            for place, piece in enumerate(rule.template_parts())
            if piece or place % 2
        ]
        return f"({' || '.join(pieces)})", "VARCHAR"
    if rule.digest is not None:
        return _digest([text_of(found[name]) for name in rule.digest]), "VARCHAR"
    return _cleaned(found[rule.synthetic or rule.source or ""])


def _cleaned(column: SourceColumn) -> tuple[str, str]:
    sql, kind = column.sql, column.kind
    if kind == "VARCHAR":
        return clean_text(sql), kind
    if kind in {"FLOAT", "DOUBLE"}:
        return f"CASE WHEN NOT isnan({sql}) THEN {sql} END", kind
    if kind == "TIMESTAMP WITH TIME ZONE":
        # An instant becomes Shanghai wall time; the machine's own zone must not matter.
        return f"make_timestamp(epoch_us({sql}) + 28800000000)", "TIMESTAMP"
    if kind.endswith("[]"):
        return f"CASE WHEN len({sql}) > 0 THEN CAST({sql} AS VARCHAR[]) END", "VARCHAR[]"
    return sql, kind


def _digest(texts: list[str]) -> str:
    """A stable id of several texts; missing where all of them are."""
    joined = ", ".join(f"coalesce({text}, '')" for text in texts)
    return f"CASE WHEN coalesce({', '.join(texts)}) IS NOT NULL THEN md5(concat_ws(chr(31), {joined})) END"


def text_of(column: SourceColumn) -> str:
    """Cleaned value of a source column as text, whatever its type in the file."""
    raw, kind = _cleaned(column)
    if kind in _EXACT_LIMIT:
        return f"CASE WHEN abs({column.sql}) < {_EXACT_LIMIT[kind]} THEN {_as_text(raw, kind)} END"
    return raw if kind == "VARCHAR" else _as_text(raw, kind)


def _is_rounded(rule: Rule, found: MappingType[str, SourceColumn]) -> str | None:
    """Condition under which a code that came as a float has lost its last digits."""
    column = found[rule.synthetic or rule.source or ""]
    limit = _EXACT_LIMIT.get(column.kind)
    return f"abs({column.sql}) >= {limit} AND NOT isnan({column.sql})" if limit else None


def _as_text(raw: str, kind: str) -> str:
    """Native value as the text a person would write: 7.0 in a float column is 7."""
    if kind in {"FLOAT", "DOUBLE"}:
        return (
            f"CASE WHEN ({raw}) = floor({raw}) AND abs({raw}) < 1e15 "
            f"THEN CAST(CAST(({raw}) AS BIGINT) AS VARCHAR) ELSE CAST(({raw}) AS VARCHAR) END"
        )
    if kind.endswith("[]"):
        return f"array_to_string({raw}, ';')"
    return f"CAST({raw} AS VARCHAR)"


def _reads_natively(target: str, kind: str) -> bool:
    is_number = kind in _NUMBERS or kind.startswith("DECIMAL")
    if target in {"int", "money", "decimal"}:
        return is_number
    if target in {"date", "ts"}:
        return kind.startswith(_TIMES)
    if target == "list":
        return kind == "VARCHAR[]"
    return target == "bool" and kind == "BOOLEAN"


def _value(column: Column, rule: Rule, raw: str, kind: str, thousands: str) -> str:
    if column.personal == "id_number":
        return f"upper({raw})"
    if column.personal is not None or column.type in {"str", "party"}:
        return raw
    if column.type == "enum":
        return _enum(column, rule, raw)
    if column.type == "list":
        parts = raw if kind == "VARCHAR[]" else _split(raw)
        return f"nullif(list_filter(list_transform({parts}, lambda part: trim(part)), lambda part: part <> ''), [])"
    if column.type == "month_list":
        return month_list_value(raw)
    if column.type in {"int", "money", "decimal"}:
        return _number(column.type, raw, kind, thousands, _WAN if rule.unit == "wan_yuan" else 1)
    if column.type == "bool":
        return raw if kind == "BOOLEAN" else _bool(raw)
    if kind != "VARCHAR":
        native = f"TRY_CAST({raw} AS {'DATE' if column.type == 'date' else 'TIMESTAMP'})"
        return f"CASE WHEN {_is_plausible(native)} THEN {native} END"
    moments, formats = load_rules().moments, rule.date_formats
    if column.type == "month":
        parsed = _parsed(raw, formats or moments.months, 0 if formats else 6)
        return f"CAST(year({parsed}) * 100 + month({parsed}) AS INTEGER)"
    parsed = _parsed(raw, formats or [*moments.days, *moments.times], 0 if formats else 8)
    return f"CAST({parsed} AS DATE)" if column.type == "date" else parsed


def _enum(column: Column, rule: Rule, raw: str) -> str:
    codes = rule.codes if rule.codes else {code: code for code in column.values}
    cases = " ".join(
        f"WHEN {literal(source)} THEN {literal(code)}" for source, code in codes.items()
    )
    return f"CASE {raw} {cases} END"


def _bool(raw: str) -> str:
    words = load_rules().booleans
    yes = ", ".join(literal(word) for word in words.is_true)
    no = ", ".join(literal(word) for word in words.is_false)
    return f"CASE WHEN {raw} IN ({yes}) THEN true WHEN {raw} IN ({no}) THEN false END"


def _split(raw: str) -> str:
    """The parts of a list, whatever separator stands between them."""
    first, *others = load_rules().list_separators
    for other in others:
        raw = f"replace({raw}, {literal(other)}, {literal(first)})"
    return f"string_split({raw}, {literal(first)})"


def _number(target: str, raw: str, kind: str, thousands: str, factor: int) -> str:
    """A typed number; an amount is delivered in `factor` yuan and becomes fen."""
    numbers = load_rules().numbers
    limit = numbers.money_limit * _FEN
    text = f"replace({raw}, {literal(thousands)}, '')" if thousands else raw
    if target == "money" and kind == "VARCHAR":
        # Decimal, because a double of ten digits before the point no longer has two behind it.
        yuan = f"TRY_CAST({text} AS DECIMAL(24, 6))"
        if factor > 1:
            scaled = f"TRY_CAST({text} AS DECIMAL(24, 10)) * {factor}"
            yuan = f"TRY_CAST({scaled} AS DECIMAL(24, 6))"
        return (
            f"CASE WHEN abs({yuan}) * 100 < {limit} AND {_is_plain(text)} "
            f"AND abs({yuan} - round({yuan}, 2)) < {numbers.money_slack} "
            f"THEN CAST(round({yuan}, 2) * 100 AS BIGINT) END"
        )
    number = f"CAST({raw} AS DOUBLE)"
    is_number = f"isfinite({number})"
    if kind == "VARCHAR":
        number = f"TRY_CAST({text} AS DOUBLE)"
        is_number = f"isfinite({number}) AND {_is_plain(text)}"
    if target == "decimal":
        return f"CASE WHEN {is_number} THEN {number} END"
    if target == "int":
        return (
            f"CASE WHEN {is_number} AND {number} = round({number}) "
            f"AND abs({number}) < {_EXACT_LIMIT['DOUBLE']} "
            f"THEN CAST({number} AS BIGINT) END"
        )
    fen = f"({number} * {_FEN * factor})"
    return (
        f"CASE WHEN {is_number} AND abs({fen}) < {limit} "
        f"AND abs({fen} - round({fen})) < greatest(0.01, abs({fen}) * 2.3e-16) "
        f"THEN CAST(round({fen}) AS BIGINT) END"
    )


def _is_plain(text: str) -> str:
    """DuckDB reads 1_000 as a thousand, which no provider means."""
    return f"strpos({text}, '_') = 0"


def _is_plausible(moment: str) -> str:
    first, last = load_rules().moments.years
    return f"year({moment}) BETWEEN {first} AND {last}"


def _parsed(raw: str, formats: list[str], digits: int) -> str:
    listed = ", ".join(literal(pattern) for pattern in formats)
    parsed = f"try_strptime({raw}, [{listed}])"
    plausible = _is_plausible(parsed)
    if digits:
        plausible += f" AND regexp_matches({raw}, {literal(_COMPACT[digits])})"
    return f"CASE WHEN {plausible} THEN {parsed} END"
