"""From a staged file to checked rows: typed values under the contract's names, or reasons why not.

Everything is done by column in one pass over the staged table. What takes Python (check characters,
tokens of personal identifiers) is done once for each distinct value before.
"""

from pathlib import Path

from features.addressing import address_rows, count_skipped
from features.column_sql import ColumnSql, compile_column, instant
from features.engine import identifier, literal, readable
from features.errors import MappingError, RejectedBatchError
from features.identifiers import has_wrong_check_digit, uscc_is_valid
from features.linking import join_enterprise, link_enterprises, named_column
from features.quality_rules import CHECK, ROW, load_rules, reason, warning, words_of
from features.run import Run
from features.sources import Source
from features.whole_rows import BETWEEN, completed_sql, joined, judged_sql, kind_of

RAGGED = f"{ROW}:wrong_number_of_fields"
#: As Parquet cells of quarantine say it.
REASON_LIST = f"string_split(c.reasons, {BETWEEN})"


def check_file(run: Run, source: Source) -> tuple[int, int]:
    """Make the table `checked` of a staged file; returns (rows delivered, rows repeated).

    `checked` has `line`, `reasons`, `warnings` (a list, NULL for none), `available_at`, `origin`, `row_hash`, the contract's columns, and
    `<name>_token` beside each personal one.

    Raises
    ------
    MappingError
        If the file lacks a column that the mapping reads.
    """
    _require_columns(run, source)
    columns = _compile(run, source)
    address_rows(run, source)
    named = named_column(run, source)
    link_enterprises(run, _values(columns, {"uscc"}, named), is_named=named is not None)
    _look_up_code_doubts(run, columns)
    _look_up_tokens(run, columns)
    _check_rows(run, source, columns)
    delivered = run.count("checked") + len(source.ragged_lines)
    return delivered, _settle_repeats(run)


def count_rejections(run: Run, source: Source) -> tuple[int, dict[str, int]]:
    """How many rows are bad, and how often for which reason, most frequent first."""
    counted = run.rows(
        f"SELECT reason, count(*) FROM (SELECT unnest(string_split(reasons, {BETWEEN})) AS reason "
        "FROM checked WHERE reasons IS NOT NULL) GROUP BY reason ORDER BY count(*) DESC, reason"
    )
    reasons = {str(reason): int(count) for reason, count in counted}
    if source.ragged_lines:
        reasons[RAGGED] = len(source.ragged_lines)
    return run.count("checked WHERE reasons IS NOT NULL") + len(source.ragged_lines), reasons


def count_warnings(run: Run) -> dict[str, int]:
    """What is to be noted about the rows that land, most frequent first."""
    counted = run.rows(
        "SELECT warning, count(*) FROM (SELECT unnest(warnings) AS warning FROM checked "
        "WHERE reasons IS NULL) GROUP BY warning ORDER BY count(*) DESC, warning"
    )
    return {str(warning): int(count) for warning, count in counted}


def keep_rejected(run: Run, source: Source, quarantine: Path) -> int:
    """Leave in `checked` the rows an earlier landing rejected; returns how many rows are looked at."""
    run.connection.execute(
        f"DELETE FROM checked WHERE line NOT IN (SELECT line FROM read_parquet({readable(quarantine)}))"
    )
    return run.count("checked") + len(source.ragged_lines)


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
    skipped = count_skipped(run)
    if not delivered and skipped:
        raise RejectedBatchError(
            en=f"None of the {skipped} rows of {name} is for '{run.dataset.name}' by the condition 'rows' of "
            f"{run.mapping.name}; nothing landed. Check its columns and values.",
            zh=f"按映射 {run.mapping.name} 的 rows 条件，{name} 的 {skipped} 行均不属于“{run.dataset.name}”，"
            "未入库。请检查条件中的列与取值。",
        )
    if not delivered:
        raise RejectedBatchError(
            en=f"{name} has no row with any mapped value; nothing landed.",
            zh=f"{name} 没有任何有效数据行，未入库。",
        )
    if rejected <= delivered * run.max_rejected_share and rejected < delivered:
        return
    worst = max(reasons, key=lambda found: reasons[found])
    words = words_of(worst, run.dataset.document)
    column = worst.partition(":")[0]
    subject_en, subject_zh = (f"'{column}' ", f"“{column}”") if column != CHECK else ("", "")
    line = (
        min(source.ragged_lines)
        if worst == RAGGED
        else run.rows(
            f"SELECT min(line) FROM checked WHERE list_contains(string_split(reasons, {BETWEEN}), {literal(worst)})"
        )[0][0]
    )
    raise RejectedBatchError(
        en=f"{name}: {rejected} of {delivered} rows are bad, so nothing landed. Most often {subject_en}"
        f"{words.en} ({reasons[worst]} rows, first in line {line}). Check the file and its mapping.",
        zh=f"{name}：{delivered} 行中有 {rejected} 行不合格，整批未入库。最常见原因：{subject_zh}"
        f"{words.zh}（{reasons[worst]} 行，首见于第 {line} 行）。请检查文件与映射。",
    )


def _require_columns(run: Run, source: Source) -> None:
    mapping = run.mapping
    wanted = mapping.source_columns()
    if mapping.may_lack_optional:
        columns = mapping.dataset.columns
        required = [
            rule
            for name, rule in mapping.rules.items()
            if columns[name].required and columns[name].derive is None
        ]
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
    columns = dict(run.dataset.columns)
    if run.mapping.rules["uscc"].or_name is not None:
        # What the code lacks the name may give; linking says what is wrong then.
        columns["uscc"] = columns["uscc"].model_copy(update={"required": False, "max_length": None})
    return [
        compile_column(
            name,
            columns[name],
            rule,
            source.columns,
            run.mapping.file.thousands,
            dataset=run.dataset.name,
            may_hold_persons=bool(run.personal),
        )
        for name, rule in run.mapping.rules.items()
        if all(column in source.columns for column in rule.source_columns())
    ]


def _values(
    columns: list[ColumnSql], wanted: set[str] | None = None, named: str | None = None
) -> str:
    """FROM clause over the addressed rows with cleaned and typed values beside them."""
    chosen = [column for column in columns if wanted is None or column.name in wanted]
    raws = ", ".join(
        [*(f"{column.raw} AS {column.raw_name}" for column in chosen), *([named] if named else [])]
    )
    values = ", ".join(f"{column.value} AS {column.value_name}" for column in chosen)
    return f"(SELECT *, {values} FROM (SELECT *, {raws} FROM addressed))"


def _look_up_code_doubts(run: Run, columns: list[ColumnSql]) -> None:
    """Table `code_doubt`: delivered codes that land with a warning, and whether that forgives their check."""
    given: list[str] = []
    if run.mapping.rules["uscc"].synthetic is None:
        found = run.rows(f'SELECT DISTINCT "value uscc" FROM {_values(columns, {"uscc"})}')
        given = sorted(str(row[0]) for row in found if row[0] is not None)
    is_legacy = uscc_is_valid(given, strict=False) & ~uscc_is_valid(given)
    if run.mapping.uscc_check == "strict":
        is_legacy[:] = False
    legacy, unknown = warning("uscc", "legacy_check"), warning("uscc", "unknown_prefix")
    doubts = [
        (code, is_old, legacy if is_old else unknown)
        for code, is_old in zip(given, is_legacy.tolist(), strict=True)
        if is_old or not load_rules().uscc.knows(code)
    ]
    run.make(
        "code_doubt",
        {
            "given": ("VARCHAR", [code for code, _, _ in doubts]),
            "is_legacy": ("BOOLEAN", [is_old for _, is_old, _ in doubts]),
            "warning": ("VARCHAR", [doubt for _, _, doubt in doubts]),
        },
    )


def _look_up_tokens(run: Run, columns: list[ColumnSql]) -> None:
    """Tables `token_<name>`: each distinct personal value, its keyed token, and what is doubtful."""
    mapped = {column.name for column in columns}
    for name, column in run.personal.items():
        values: list[str] = []
        if name in mapped:
            value = identifier(f"value {name}")
            found = run.rows(f"SELECT DISTINCT {value} FROM {_values(columns, {name})}")
            values = [str(row[0]) for row in found if row[0] is not None]
        tokens = [run.vault.token(column.personal or "", value) for value in values]
        doubt = warning(name, "wrong_check_digit")
        is_id = column.personal == "id_number"
        doubts = [doubt if is_id and has_wrong_check_digit(value) else None for value in values]
        text = "VARCHAR"
        run.make(
            f"token_{name}",
            {"plain": (text, values), "token": (text, tokens), "warning": (text, doubts)},
        )


def _check_rows(run: Run, source: Source, columns: list[ColumnSql]) -> None:
    """Table `checked`, in three steps: typed as delivered, completed by rule, held against conditions."""
    run.connection.execute(
        f"CREATE OR REPLACE TABLE checked AS {judged_sql(run, completed_sql(run, _typed_sql(run, source, columns)))}"
    )


def _typed_sql(run: Run, source: Source, columns: list[ColumnSql]) -> str:
    """Rows under the contract's names with what is wrong or doubtful in single cells."""
    named = named_column(run, source)
    available_at, unread = _available_at(run, source)
    problems = [column.problem for column in columns]
    forgiven = f"d.is_legacy AND e.problem = {literal(reason('uscc', 'invalid_uscc'))}"
    problems.append(f"CASE WHEN ({forgiven}) IS NOT TRUE THEN e.problem END")
    problems += [unread] if unread is not None else []
    warnings = [column.warning for column in columns if column.warning is not None]
    warnings += ["d.warning", "e.note"]
    given = " OR ".join(
        f"{column.raw_name} IS NOT NULL"
        for column in columns
        if run.mapping.rules[column.name].constant is None
    )
    present = {column.name: column.value_name for column in columns}
    typed: list[str] = []
    joins = [
        join_enterprise(is_named=named is not None),
        'LEFT JOIN code_doubt d ON d.given = "value uscc"',
    ]
    for name, column in run.dataset.columns.items():
        value = present.get(name, f"CAST(NULL AS {kind_of(name, column)})")
        if name == "uscc":
            value = "e.code"
        typed.append(f"{value} AS {name}")
        if column.personal is not None:
            joins.append(f"LEFT JOIN token_{name} t_{name} ON t_{name}.plain = {value}")
            typed.append(f"t_{name}.token AS {name}_token")
            warnings.append(f"t_{name}.warning")
    return (
        f"SELECT line, {joined(problems)} AS reasons, {joined(warnings)} AS warnings, "
        f"{available_at} AS available_at, e.origin, {', '.join(typed)} "
        f"FROM {_values(columns, named=named)} {' '.join(joins)} WHERE {given or 'true'}"
    )


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
            f"CASE WHEN {raw} IS NOT NULL AND {moment} IS NULL "
            f"THEN {literal(reason('available_at', 'not_a_time'))} END"
        )
    else:
        value = identifier(f"value {rule.after}")
        is_month = run.dataset.columns[rule.after or ""].type == "month"
        day = f"last_day(make_date({value} // 100, {value} % 100, 1))" if is_month else value
        moment = f"CAST({day} AS DATE) + INTERVAL {rule.days + 1} DAY"
    return f"least(coalesce({moment}, {now}), {now})", unread


def _settle_repeats(run: Run) -> int:
    """Within one file: an equal row again is dropped, other content under the same key is refused.

    The content that most rows have stays, among equals the one with the lowest hash, so that the order
    of the rows decides nothing.
    """
    keys = ", ".join(run.dataset.document.primary_key)
    run.connection.execute(
        "CREATE OR REPLACE TABLE repeat AS SELECT line, row_hash = first_hash AS is_equal FROM ("
        "SELECT line, row_hash, row_number() OVER spot AS place, first_value(row_hash) OVER spot AS first_hash "
        f"FROM (SELECT line, row_hash, {keys}, count(*) OVER (PARTITION BY {keys}, row_hash) AS times "
        # The window is dear, so it sees only rows whose key, by its hash, may be there twice.
        f"FROM checked WHERE reasons IS NULL AND hash({keys}) IN ("
        f"SELECT hash({keys}) FROM checked WHERE reasons IS NULL GROUP BY ALL HAVING count(*) > 1)) "
        f"WINDOW spot AS (PARTITION BY {keys} ORDER BY times DESC, row_hash, line)) WHERE place > 1"
    )
    run.connection.execute(
        "DELETE FROM checked WHERE line IN (SELECT line FROM repeat WHERE is_equal)"
    )
    run.connection.execute(
        "UPDATE checked SET reasons = 'row:conflicting_duplicate' "
        "WHERE line IN (SELECT line FROM repeat WHERE NOT is_equal)"
    )
    return run.count("repeat WHERE is_equal")
