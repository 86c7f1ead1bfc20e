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
from features.sources import SourceColumn

#: What providers write where they mean "nothing" (default rule pack).
EMPTY_MARKERS = ("无", "/", "//", "N/A", "-", "\\")

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
        "UHUGEINT",
        "FLOAT",
        "DOUBLE",
    ]
)
_TIMES = ("DATE", "TIMESTAMP")
#: Below it a double still tells one fen from the next (10 trillion yuan) [fen].
_MONEY_LIMIT = "1e15"
#: Below it every whole number is a double of its own.
_EXACT_LIMIT = {"FLOAT": "16777216", "DOUBLE": "9007199254740992"}
#: How far a spreadsheet's amount may lie from a whole fen [yuan]: 0.1 + 0.2 is 0.30000000000000004.
_MONEY_SLACK = "0.0001"
#: An ID number by its form (region, date of birth, sequence), and a mobile number.
_PERSONAL_FORMS = (
    r"(^|[^0-9])[1-9][0-9]{5}(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx]([^0-9]|$)",
    r"(^|[^0-9])1[3-9][0-9]{9}([^0-9]|$)",
)

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
    "not_a_list": Words(zh="不是列表", en="is not a list"),
    "rounded": Words(
        zh="编号以浮点数提供，已被舍入，请以文本提供",
        en="is a long code delivered as a rounded number",
    ),
    "not_a_name": Words(zh="含有号码，不是姓名", en="holds a number and is no name"),
    "not_an_id": Words(zh="是手机号，不是证件号码", en="is a phone and no ID number"),
    "not_a_phone": Words(zh="是证件号码，不是电话", en="is an ID number and no phone"),
    "personal_value": Words(
        zh="含有证件号码或手机号，而该列不应包含个人信息",
        en="holds an ID number or phone, which does not belong there",
    ),
    "too_long": Words(zh="超过最大长度", en="is too long"),
    "below_minimum": Words(zh="小于允许的最小值", en="is below the smallest value allowed"),
    "in_the_future": Words(zh="晚于接收时间", en="lies after the delivery"),
    "invalid_uscc": Words(
        zh="统一社会信用代码校验不通过", en="fails the check characters of a credit code"
    ),
    "name_unknown": Words(
        zh="没有有效代码，且登记信息中没有该名称",
        en="is no valid code, and the name is not in the register",
    ),
    "name_ambiguous": Words(
        zh="没有有效代码，且该名称对应多家企业",
        en="is no valid code, and the name belongs to several enterprises",
    ),
    "not_an_enterprise": Words(
        zh="是机关、事业单位等其他主体的代码，且名称不在登记信息中",
        en="is the code of another kind of body, and the name is not in the register",
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

#: What is noted about rows that land: counted in the batch, without a mark on the row.
NOTES: MappingType[str, Words] = {
    "linked_by_name": Words(zh="按名称关联到企业", en="was found by the name"),
    "differs_from_register": Words(
        zh="与该代码的登记名称不一致", en="is not the name registered for the code"
    ),
}

#: One kind of identifier in the place of another: the row slipped by a column, and then a name lies
#: where it would be stored in plain.
_SLIPPED = {
    "person_name": (r"[0-9]{5}", "not_a_name"),
    "id_number": (r"^1[3-9][0-9]{9}$", "not_an_id"),
    "phone": (_PERSONAL_FORMS[0], "not_a_phone"),
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
    "list": "not_a_list",
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
    name: str,
    column: Column,
    rule: Rule,
    found: MappingType[str, SourceColumn],
    thousands: str,
    *,
    may_hold_persons: bool = False,
) -> ColumnSql:
    """Expressions for one mapped column.

    Parameters
    ----------
    found : mapping of str to SourceColumn
        The columns of the staged file, by the provider's name.
    thousands : str
        Thousands separator to take out of numbers; empty for none.
    may_hold_persons : bool
        Refuse text that looks like an ID number or a mobile number: in a file about persons a value
        that slipped by one column would land in plain.
    """
    raw, kind = _raw(rule, found)
    raw_name = identifier(f"raw {name}")
    is_text_target = column.type in {"str", "enum", "party"} or column.personal is not None
    is_rounded = None
    if kind != "VARCHAR" and (is_text_target or not _reads_natively(column.type, kind)):
        raw, kind, is_rounded = _as_text(raw, kind), "VARCHAR", _is_rounded(rule, found)
    value = _value(column, rule, raw_name, kind, thousands)
    value_name = identifier(f"value {name}")
    unread = _PROBLEM_OF_TYPE.get(column.type, "not_a_number")
    cases: list[str] = []
    if column.required:
        cases.append(f"WHEN {raw_name} IS NULL THEN {_code(name, 'missing')}")
    if is_rounded is not None:
        cases.append(f"WHEN {is_rounded} THEN {_code(name, 'rounded')}")
    cases.append(f"WHEN {raw_name} IS NOT NULL AND {value_name} IS NULL THEN {_code(name, unread)}")
    if column.max_length is not None and column.personal is None and rule.synthetic is None:
        cases.append(
            f"WHEN length({value_name}) > {column.max_length} THEN {_code(name, 'too_long')}"
        )
    if column.minimum is not None:
        limit = column.minimum * (100 if column.type == "money" else 1)
        cases.append(f"WHEN {value_name} < {limit!r} THEN {_code(name, 'below_minimum')}")
    if column.personal is not None:
        form, code = _SLIPPED[column.personal]
        cases.append(f"WHEN regexp_matches({value_name}, {literal(form)}) THEN {_code(name, code)}")
    is_free = column.personal is None and column.type in {"str", "party", "list"}
    if may_hold_persons and is_free and (name != "uscc" or rule.synthetic is not None):
        forms = " OR ".join(
            f"regexp_matches(CAST({value_name} AS VARCHAR), {literal(form)})"
            for form in _PERSONAL_FORMS
        )
        cases.append(f"WHEN {forms} THEN {_code(name, 'personal_value')}")
    return ColumnSql(name, raw, value, f"CASE {' '.join(cases)} END")


def clean_text(expression: str) -> str:
    """Text without the marks that mean "nothing"; they and empty text become NULL."""
    markers = ", ".join(literal(marker) for marker in ("", *EMPTY_MARKERS))
    return f"CASE WHEN {expression} NOT IN ({markers}) THEN {expression} END"


def instant(column: SourceColumn) -> tuple[str, str]:
    """Cleaned value and instant of a source column, in any usual format, with a time of day or not."""
    raw, kind = _cleaned(column)
    if kind.startswith(_TIMES):
        return raw, f"TRY_CAST({raw} AS TIMESTAMP)"
    text = raw if kind == "VARCHAR" else _as_text(raw, kind)
    return text, _parsed(text, (*_TIME_FORMATS, *_DATE_FORMATS), 8)


def _code(column: str, reason: str) -> str:
    return literal(f"{column}:{reason}")


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
        parts = raw if kind == "VARCHAR[]" else f"string_split(replace({raw}, '；', ';'), ';')"
        return f"nullif(list_filter(list_transform({parts}, lambda part: trim(part)), lambda part: part <> ''), [])"
    if column.type in {"int", "money", "decimal"}:
        return _number(column.type, raw, kind, thousands)
    if column.type == "bool":
        return raw if kind == "BOOLEAN" else _bool(raw)
    if kind != "VARCHAR":
        native = f"TRY_CAST({raw} AS {'DATE' if column.type == 'date' else 'TIMESTAMP'})"
        return f"CASE WHEN {_is_plausible(native)} THEN {native} END"
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
    if target == "money" and kind == "VARCHAR":
        # Decimal, because a double of ten digits before the point no longer has two behind it.
        yuan = f"TRY_CAST({text} AS DECIMAL(24, 6))"
        return (
            f"CASE WHEN abs({yuan}) * 100 < {_MONEY_LIMIT} AND {_is_plain(text)} "
            f"AND abs({yuan} - round({yuan}, 2)) < {_MONEY_SLACK} "
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
    fen = f"({number} * 100)"
    return (
        f"CASE WHEN {is_number} AND abs({fen}) < {_MONEY_LIMIT} "
        f"AND abs({fen} - round({fen})) < greatest(0.01, abs({fen}) * 2.3e-16) "
        f"THEN CAST(round({fen}) AS BIGINT) END"
    )


def _is_plain(text: str) -> str:
    """DuckDB reads 1_000 as a thousand, which no provider means."""
    return f"strpos({text}, '_') = 0"


def _is_plausible(moment: str) -> str:
    """Years such as 0001 and 9999 stand for "none"; as a date they would be believed."""
    return f"year({moment}) BETWEEN 1900 AND 2100"


def _parsed(raw: str, formats: tuple[str, ...], digits: int) -> str:
    listed = ", ".join(literal(pattern) for pattern in formats)
    parsed = f"try_strptime({raw}, [{listed}])"
    plausible = _is_plausible(parsed)
    if digits:
        plausible += f" AND regexp_matches({raw}, {literal(_COMPACT[digits])})"
    return f"CASE WHEN {plausible} THEN {parsed} END"
