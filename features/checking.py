"""From a staged file to checked rows: typed values under the contract's names, or reasons why not.

Everything is done by column in one pass over the staged table. What takes Python (check characters,
tokens of personal identifiers) is done once for each distinct value before.
"""

from features.column_sql import REASONS, ColumnSql, compile_column, instant
from features.contracts import Column, lake_column
from features.engine import identifier, literal
from features.errors import MappingError, RejectedBatchError
from features.identifiers import synthetic_uscc, uscc_is_valid
from features.run import Run
from features.sources import Source

RAGGED = "row:wrong_number_of_fields"
#: Reasons of one row stand in one text with this between them; NULL is a good row.
_BETWEEN = literal(" ")
#: As Parquet cells of quarantine say it.
REASON_LIST = f"string_split(c.reasons, {_BETWEEN})"


def check_file(run: Run, source: Source) -> tuple[int, int]:
    """Make the table `checked` of a staged file; returns (rows delivered, rows repeated).

    `checked` has `line`, `reasons`, `available_at`, `origin`, `row_hash`, the contract's columns, and
    `<name>_token` beside each personal one.

    Raises
    ------
    MappingError
        If the file lacks a column that the mapping reads.
    """
    _require_columns(run, source)
    columns = _compile(run, source)
    _look_up_enterprises(run, columns)
    _look_up_tokens(run, columns)
    _check_rows(run, source, columns)
    delivered = run.count("checked") + len(source.ragged_lines)
    return delivered, _settle_repeats(run)


def count_rejections(run: Run, source: Source) -> tuple[int, dict[str, int]]:
    """How many rows are bad, and how often for which reason, most frequent first."""
    counted = run.rows(
        f"SELECT reason, count(*) FROM (SELECT unnest(string_split(reasons, {_BETWEEN})) AS reason "
        "FROM checked WHERE reasons IS NOT NULL) GROUP BY reason ORDER BY count(*) DESC, reason"
    )
    reasons = {str(reason): int(count) for reason, count in counted}
    if source.ragged_lines:
        reasons[RAGGED] = len(source.ragged_lines)
    return run.count("checked WHERE reasons IS NOT NULL") + len(source.ragged_lines), reasons


def require_mostly_good(
    run: Run, source: Source, delivered: int, rejected: int, reasons: dict[str, int]
) -> None:
    """Refuse a file that is mostly bad: it is the wrong file or the wrong mapping.

    Raises
    ------
    RejectedBatchError
        With the most frequent reason, its count and its first line.
    """
    name = source.path.name
    if not delivered:
        raise RejectedBatchError(
            en=f"{name} has no row with any mapped value; nothing landed.",
            zh=f"{name} 没有任何有效数据行，未入库。",
        )
    if rejected <= delivered * run.max_rejected_share and rejected < delivered:
        return
    reason = max(reasons, key=lambda reason: reasons[reason])
    column, _, code = reason.partition(":")
    line = (
        min(source.ragged_lines)
        if reason == RAGGED
        else run.rows(
            f"SELECT min(line) FROM checked WHERE list_contains(string_split(reasons, {_BETWEEN}), {literal(reason)})"
        )[0][0]
    )
    raise RejectedBatchError(
        en=f"{name}: {rejected} of {delivered} rows are bad, so nothing landed. Most often '{column}' "
        f"{REASONS[code].en} ({reasons[reason]} rows, first in line {line}). Check the file and its mapping.",
        zh=f"{name}：{delivered} 行中有 {rejected} 行不合格，整批未入库。最常见原因：“{column}”"
        f"{REASONS[code].zh}（{reasons[reason]} 行，首见于第 {line} 行）。请检查文件与映射。",
    )


def event_as_date(run: Run, value: str) -> str:
    """The event as a date; a month counts by its first day."""
    column = run.dataset.columns[run.dataset.document.event_date or ""]
    if column.type == "month":
        return f"make_date({value} // 100, {value} % 100, 1)"
    return f"CAST({value} AS DATE)"


def _require_columns(run: Run, source: Source) -> None:
    mapping = run.mapping
    wanted = mapping.source_columns()
    if mapping.may_lack_optional:
        columns = mapping.dataset.columns
        required = [rule for name, rule in mapping.rules.items() if columns[name].required]
        wanted = [name for rule in required for name in rule.source_columns()]
    missing = [name for name in wanted if name not in source.names]
    if not missing:
        return
    listed = ", ".join(f"'{name}'" for name in missing)
    listed_zh = "、".join(missing)
    if not set(mapping.source_columns()) & set(source.names):
        # The first line is no header we know; it may be a person's row, so it is not shown.
        raise MappingError(
            en=f"{source.path.name} has none of the columns that the mapping '{mapping.name}' reads: "
            f"{listed}. Is its header missing, or on a later line?",
            zh=f"{source.path.name} 没有映射“{mapping.name}”所需的任何列：{listed_zh}。是否缺少表头，或表头不在第一行？",
        )
    raise MappingError(
        en=f"{source.path.name} has no column {listed}, which the mapping '{mapping.name}' reads. "
        f"It has: {', '.join(source.names)}. Mend the mapping or the file.",
        zh=f"{source.path.name} 缺少映射“{mapping.name}”所需的列：{listed_zh}。"
        f"文件中的列为：{'、'.join(source.names)}。",
    )


def _compile(run: Run, source: Source) -> list[ColumnSql]:
    columns = run.dataset.columns
    return [
        compile_column(
            name,
            columns[name],
            rule,
            source.columns,
            run.mapping.file.thousands,
            may_hold_persons=bool(run.personal),
        )
        for name, rule in run.mapping.rules.items()
        if all(column in source.columns for column in rule.source_columns())
    ]


def _values(columns: list[ColumnSql], wanted: set[str] | None = None) -> str:
    """FROM clause over the staged rows with cleaned and typed values beside them."""
    chosen = [column for column in columns if wanted is None or column.name in wanted]
    raws = ", ".join(f"{column.raw} AS {column.raw_name}" for column in chosen)
    values = ", ".join(f"{column.value} AS {column.value_name}" for column in chosen)
    return f"(SELECT *, {values} FROM (SELECT *, {raws} FROM staged))"


def _look_up_enterprises(run: Run, columns: list[ColumnSql]) -> None:
    """Table `enterprise_code`: each delivered code or id, the code it stands for, what is wrong."""
    rule = run.mapping.rules["uscc"]
    found = run.rows(f'SELECT DISTINCT "value uscc" FROM {_values(columns, {"uscc"})}')
    given = sorted(str(row[0]) for row in found if row[0] is not None)
    if rule.synthetic is None:
        problems = [None if ok else "uscc:invalid_uscc" for ok in uscc_is_valid(given).tolist()]
        codes, origins = given, [None for _ in given]
    else:
        namespace = rule.namespace or ""
        codes = [synthetic_uscc(namespace, name, kind=rule.kind) for name in given]
        origins = [f"{namespace}:{name}" for name in given]
        owners = dict(run.rows("SELECT party_id, origin FROM party WHERE origin IS NOT NULL"))
        # One code for two firms would merge them; whoever was first keeps it.
        problems = [
            None if owners.setdefault(code, origin) == origin else "uscc:synthetic_collision"
            for code, origin in zip(codes, origins, strict=True)
        ]
    text = "VARCHAR"
    run.make(
        "enterprise_code",
        {
            "given": (text, given),
            "code": (text, codes),
            "origin": (text, origins),
            "problem": (text, problems),
        },
    )


def _look_up_tokens(run: Run, columns: list[ColumnSql]) -> None:
    """Tables `token_<name>`: each distinct personal value and its keyed token."""
    mapped = {column.name for column in columns}
    for name, column in run.personal.items():
        values: list[str] = []
        if name in mapped:
            value = identifier(f"value {name}")
            found = run.rows(f"SELECT DISTINCT {value} FROM {_values(columns, {name})}")
            values = [str(row[0]) for row in found if row[0] is not None]
        tokens = [run.vault.token(column.personal or "", value) for value in values]
        run.make(f"token_{name}", {"plain": ("VARCHAR", values), "token": ("VARCHAR", tokens)})


def _check_rows(run: Run, source: Source, columns: list[ColumnSql]) -> None:
    document = run.dataset.document
    problems = [column.problem for column in columns] + ["e.problem"]
    event = next((column for column in columns if column.name == document.event_date), None)
    if event is not None:
        problems.append(
            f"CASE WHEN {event_as_date(run, event.value_name)} > DATE '{run.now.date()}' "
            f"THEN {literal(event.name + ':in_the_future')} END"
        )
    available_at, unread = _available_at(run, source)
    if unread is not None:
        problems.append(unread)
    given = " OR ".join(
        f"{column.raw_name} IS NOT NULL"
        for column in columns
        if run.mapping.rules[column.name].constant is None
    )
    present = {column.name: column.value_name for column in columns}
    typed: list[str] = []
    hashed: list[str] = []
    joins = ['LEFT JOIN enterprise_code e ON e.given = "value uscc"']
    for name, column in run.dataset.columns.items():
        value = present.get(name, f"CAST(NULL AS {_kind(name, column)})")
        if name == "uscc":
            value = "e.code"
        typed.append(f"{value} AS {name}")
        if column.personal is not None:
            joins.append(f"LEFT JOIN token_{name} t_{name} ON t_{name}.plain = {value}")
            # A hash of the plain value could be tried out number by number; a keyed token cannot.
            value = f"t_{name}.token"
            typed.append(f"{value} AS {name}_token")
        if not column.is_stored:
            continue
        hashed.append(f"coalesce(CAST({value} AS VARCHAR), '')")
    run.connection.execute(
        "CREATE OR REPLACE TABLE checked AS SELECT line, "
        f"nullif(concat_ws({_BETWEEN}, {', '.join(problems)}), '') AS reasons, "
        f"{available_at} AS available_at, e.origin, {', '.join(typed)}, "
        f"CAST(md5_number_lower(concat_ws(chr(31), {', '.join(hashed)})) >> 1 AS BIGINT) AS row_hash "
        f"FROM {_values(columns)} {' '.join(joins)} WHERE {given or 'true'}"
    )


def _kind(name: str, column: Column) -> str:
    """Type of a contract column in `checked`: as in the lake, but parties and persons are text yet."""
    if column.personal is not None or column.type == "party":
        return "VARCHAR"
    return next(iter(lake_column(name, column).values()))


def _available_at(run: Run, source: Source) -> tuple[str, str | None]:
    """First moment the platform could use the row, never after the ingest, and what is wrong with it."""
    now = f"TIMESTAMP '{run.now.isoformat(sep=' ', timespec='seconds')}'"
    rule = run.mapping.available_at
    unread = None
    if rule is None:
        return now, None
    if rule.constant is not None:
        moment = f"CAST({literal(rule.constant)} AS TIMESTAMP)"
    elif rule.source is not None:
        raw, moment = instant(source.columns[rule.source])
        unread = (
            f"CASE WHEN {raw} IS NOT NULL AND {moment} IS NULL THEN 'available_at:not_a_time' END"
        )
    else:
        value = identifier(f"value {rule.after}")
        is_month = run.dataset.columns[rule.after or ""].type == "month"
        day = f"last_day(make_date({value} // 100, {value} % 100, 1))" if is_month else value
        moment = f"CAST({day} AS DATE) + INTERVAL {rule.days + 1} DAY"
    return f"least(coalesce({moment}, {now}), {now})", unread


def _settle_repeats(run: Run) -> int:
    """Within one file: an equal row again is dropped, other content under the same key is refused.

    Which content stays is decided by its hash, so that the order of the rows decides nothing.
    """
    keys = ", ".join(run.dataset.document.primary_key)
    run.connection.execute(
        "CREATE OR REPLACE TABLE repeat AS SELECT line, row_hash = first_hash AS is_equal FROM ("
        "SELECT line, row_hash, row_number() OVER spot AS place, first_value(row_hash) OVER spot AS first_hash "
        # The window is dear, so it sees only rows whose key, by its hash, may be there twice.
        f"FROM checked WHERE reasons IS NULL AND hash({keys}) IN ("
        f"SELECT hash({keys}) FROM checked WHERE reasons IS NULL GROUP BY ALL HAVING count(*) > 1) "
        f"WINDOW spot AS (PARTITION BY {keys} ORDER BY row_hash, line)) WHERE place > 1"
    )
    run.connection.execute(
        "DELETE FROM checked WHERE line IN (SELECT line FROM repeat WHERE is_equal)"
    )
    run.connection.execute(
        "UPDATE checked SET reasons = 'row:conflicting_duplicate' "
        "WHERE line IN (SELECT line FROM repeat WHERE NOT is_equal)"
    )
    return run.count("repeat WHERE is_equal")
