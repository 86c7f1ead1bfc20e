"""Turn a mapping rule into SQL: the value a column gets, and what is wrong where it gets none.

Every contract column becomes three expressions over the staged file: `raw` (cleaned text or native
value, NULL when missing), `value` (typed as the lake stores it, NULL when raw cannot be read) and
`problem` (a reason code, NULL when all is well). Checking is by column; no row is looked at alone.
"""

from collections.abc import Mapping as MappingType
from dataclasses import dataclass

from features.contracts import Column, Words
from features.engine import identifier, literal
from features.mapping import Rule

#: What providers write where they mean "nothing" (default rule pack).
EMPTY_MARKERS = ("无", "/", "//", "N/A", "-", "\\")
_SPACES = " \t\r\n\u3000\ufeff"

_DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d")
_TIME_FORMATS = tuple(f"{day} %H:%M:%S" for day in _DATE_FORMATS)
_MONTH_FORMATS = ("%Y-%m", "%Y/%m", "%Y.%m", "%Y%m")
#: Digits alone are a date only at full length, otherwise 2020131 could be read two ways.
_COMPACT = {8: r"^(\d{8}.*|\d{4}\D.*)$", 6: r"^(\d{6}|\d{4}\D\d{1,2})$"}
_TRUE = ("是", "1", "true", "True", "TRUE", "Y", "y")
_FALSE = ("否", "0", "false", "False", "FALSE", "N", "n")

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
        "FLOAT",
        "DOUBLE",
    ]
)
_TIMES = ("DATE", "TIMESTAMP")
#: Whole fen a BIGINT holds without rounding in a double.
_MONEY_LIMIT = "9e15"

#: Reason codes of rejected rows, as a provider reads them.
REASONS: MappingType[str, Words] = {
    "missing": Words(zh="必填但为空", en="is required but empty"),
    "not_a_number": Words(zh="不是数字", en="is not a number"),
    "not_an_integer": Words(zh="不是整数", en="is not a whole number"),
    "not_an_amount": Words(zh="不是两位小数以内的金额", en="is no amount of at most two decimals"),
    "not_a_date": Words(zh="不是日期", en="is not a date"),
    "not_a_month": Words(zh="不是月份", en="is not a month"),
    "not_a_time": Words(zh="不是时间", en="is not a time"),
    "not_a_bool": Words(zh="不是 是/否", en="is neither yes nor no"),
    "unknown_code": Words(zh="代码未列出", en="is a code that is not listed"),
    "too_long": Words(zh="超过最大长度", en="is too long"),
    "below_minimum": Words(zh="小于允许的最小值", en="is below the smallest value allowed"),
    "in_the_future": Words(zh="晚于接收时间", en="lies after the delivery"),
    "invalid_uscc": Words(
        zh="统一社会信用代码校验不通过", en="fails the check characters of a credit code"
    ),
    "synthetic_collision": Words(
        zh="与另一企业的合成代码相同", en="shares its synthetic code with another firm"
    ),
    "wrong_number_of_fields": Words(
        zh="字段数与表头不符", en="has not as many fields as the header"
    ),
    "conflicting_duplicate": Words(
        zh="与同批另一行主键相同而内容不同", en="has the key of another row with other content"
    ),
}

_PROBLEM_OF_TYPE = {
    "int": "not_an_integer",
    "money": "not_an_amount",
    "decimal": "not_a_number",
    "date": "not_a_date",
    "month": "not_a_month",
    "ts": "not_a_time",
    "bool": "not_a_bool",
    "enum": "unknown_code",
}


@dataclass(frozen=True)
class ColumnSql:
    """The expressions of one contract column; `value` and `problem` read the column `raw_name`."""

    name: str
    raw: str
    value: str
    problem: str

    @property
    def raw_name(self) -> str:
        """Quoted name of the cleaned source value."""
        return identifier(f"raw {self.name}")

    @property
    def value_name(self) -> str:
        """Quoted name of the typed value."""
        return identifier(f"value {self.name}")


def compile_column(
    name: str, column: Column, rule: Rule, types: MappingType[str, str], thousands: str
) -> ColumnSql:
    """Expressions for one mapped column.

    Parameters
    ----------
    types : mapping of str to str
        DuckDB type of every column of the staged file.
    thousands : str
        Thousands separator to take out of numbers; empty for none.
    """
    raw, kind = _raw(rule, types)
    raw_name = identifier(f"raw {name}")
    is_text_target = column.type in {"str", "enum", "list", "party"} or column.personal is not None
    if kind != "VARCHAR" and (is_text_target or not _reads_natively(column.type, kind)):
        raw, kind = _as_text(raw, kind), "VARCHAR"
    value = _value(column, rule, raw_name, kind, thousands)
    value_name = identifier(f"value {name}")
    unread = _PROBLEM_OF_TYPE.get(column.type, "not_a_number")
    cases: list[str] = []
    if column.required:
        cases.append(f"WHEN {raw_name} IS NULL THEN {_code(name, 'missing')}")
    cases.append(f"WHEN {raw_name} IS NOT NULL AND {value_name} IS NULL THEN {_code(name, unread)}")
    if column.max_length is not None and column.personal is None:
        cases.append(
            f"WHEN length({value_name}) > {column.max_length} THEN {_code(name, 'too_long')}"
        )
    if column.minimum is not None:
        limit = column.minimum * (100 if column.type == "money" else 1)
        cases.append(f"WHEN {value_name} < {limit!r} THEN {_code(name, 'below_minimum')}")
    return ColumnSql(name, raw, value, f"CASE {' '.join(cases)} END")


def clean_text(expression: str) -> str:
    """Trimmed text; empty text and the usual markers of nothing become NULL."""
    markers = ", ".join(literal(marker) for marker in ("", *EMPTY_MARKERS))
    trimmed = f"trim({expression}, {literal(_SPACES)})"
    return f"CASE WHEN {trimmed} NOT IN ({markers}) THEN {trimmed} END"


def timestamp(expression: str) -> str:
    """Text read as an instant by the usual formats, with or without a time of day."""
    return _parsed(expression, (*_TIME_FORMATS, *_DATE_FORMATS), 8)


def _code(column: str, reason: str) -> str:
    return literal(f"{column}:{reason}")


def _raw(rule: Rule, types: MappingType[str, str]) -> tuple[str, str]:
    """Cleaned source expression and its DuckDB type."""
    if rule.constant is not None:
        return literal(rule.constant), "VARCHAR"
    if rule.template is not None:
        parts = rule.template
        for source in rule.source_columns():
            parts = parts.replace("{" + source + "}", f"\x00{source}\x00")
        pieces = [
            _text_of(piece, types) if place % 2 else literal(piece)
            for place, piece in enumerate(parts.split("\x00"))
            if piece or place % 2
        ]
        return f"({' || '.join(pieces)})", "VARCHAR"
    source = rule.synthetic or rule.source or ""
    kind = types[source]
    if kind == "VARCHAR":
        return clean_text(identifier(source)), kind
    if kind in {"FLOAT", "DOUBLE"}:
        return f"CASE WHEN NOT isnan({identifier(source)}) THEN {identifier(source)} END", kind
    return identifier(source), kind


def _text_of(source: str, types: MappingType[str, str]) -> str:
    raw, kind = _raw(Rule.model_validate({"from": source}), types)
    return raw if kind == "VARCHAR" else _as_text(raw, kind)


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
    return target == "bool" and kind == "BOOLEAN"


def _value(column: Column, rule: Rule, raw: str, kind: str, thousands: str) -> str:
    if column.personal is not None or column.type in {"str", "party"}:
        return raw
    if column.type == "enum":
        return _enum(column, rule, raw)
    if column.type == "list":
        return (
            f"list_filter(list_transform(string_split(replace({raw}, '；', ';'), ';'), "
            "lambda part: trim(part)), lambda part: part <> '')"
        )
    if column.type in {"int", "money", "decimal"}:
        return _number(column.type, raw, kind, thousands)
    if column.type == "bool":
        return raw if kind == "BOOLEAN" else _bool(raw)
    if kind != "VARCHAR":
        return f"CAST({raw} AS {'DATE' if column.type == 'date' else 'TIMESTAMP'})"
    formats = tuple(rule.date_formats)
    if column.type == "month":
        parsed = _parsed(raw, formats or _MONTH_FORMATS, 0 if formats else 6)
        return f"CAST(year({parsed}) * 100 + month({parsed}) AS INTEGER)"
    parsed = _parsed(raw, formats or (*_DATE_FORMATS, *_TIME_FORMATS), 0 if formats else 8)
    return f"CAST({parsed} AS DATE)" if column.type == "date" else parsed


def _enum(column: Column, rule: Rule, raw: str) -> str:
    codes = rule.codes if rule.codes else {code: code for code in column.values}
    cases = " ".join(
        f"WHEN {literal(source)} THEN {literal(code)}" for source, code in codes.items()
    )
    return f"CASE {raw} {cases} END"


def _bool(raw: str) -> str:
    yes = ", ".join(literal(word) for word in _TRUE)
    no = ", ".join(literal(word) for word in _FALSE)
    return f"CASE WHEN {raw} IN ({yes}) THEN true WHEN {raw} IN ({no}) THEN false END"


def _number(target: str, raw: str, kind: str, thousands: str) -> str:
    text = f"replace({raw}, {literal(thousands)}, '')" if thousands else raw
    number = f"TRY_CAST({text} AS DOUBLE)" if kind == "VARCHAR" else f"CAST({raw} AS DOUBLE)"
    if target == "decimal":
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    if target == "int":
        return (
            f"CASE WHEN isfinite({number}) AND {number} = round({number}) "
            f"AND abs({number}) < {_MONEY_LIMIT} "
            f"THEN CAST({number} AS BIGINT) END"
        )
    fen = f"({number} * 100)"
    return (
        f"CASE WHEN isfinite({number}) AND abs({fen}) < {_MONEY_LIMIT} "
        f"AND abs({fen} - round({fen})) < 0.01 THEN CAST(round({fen}) AS BIGINT) END"
    )


def _parsed(raw: str, formats: tuple[str, ...], digits: int) -> str:
    listed = ", ".join(literal(pattern) for pattern in formats)
    parsed = f"try_strptime({raw}, [{listed}])"
    plausible = f"year({parsed}) BETWEEN 1900 AND 2100"
    if digits:
        plausible += f" AND regexp_matches({raw}, {literal(_COMPACT[digits])})"
    return f"CASE WHEN {plausible} THEN {parsed} END"
