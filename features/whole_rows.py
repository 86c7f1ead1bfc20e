"""Rows as wholes: values completed by rule, then held against the clock and the dataset's conditions.

Each step is a SELECT over the one before; nothing is written until `features.checking` makes the table.
"""

from features.contracts import Column, lake_column
from features.engine import literal
from features.month_lists import is_in_future
from features.quality_rules import CHECK, reason
from features.run import Run

#: Reasons of one row stand in one text with this between them; NULL is a good row.
BETWEEN = literal(" ")


def event_as_date(run: Run, value: str) -> str:
    """The event as a date; a month counts by its first day."""
    column = run.dataset.columns[run.dataset.document.event_date or ""]
    if column.type == "month":
        return f"make_date({value} // 100, {value} % 100, 1)"
    return f"CAST({value} AS DATE)"


def completed_sql(run: Run, rows: str) -> str:
    """The same rows with derived values where the provider gives none, then with the end of publicity."""
    derived = {
        name: f"CAST(({column.derive}) AS {kind_of(name, column)})"
        for name, column in run.dataset.columns.items()
        if column.derive is not None
    }
    rows = _filled(rows, derived)
    publicity = run.dataset.document.publicity
    if publicity is None:
        return rows
    months = " ".join(f"WHEN {literal(code)} THEN {n}" for code, n in publicity.months.items())
    end = f"{publicity.starts} + to_months(CASE {publicity.by} {months} END)"
    return _filled(rows, {"publicity_end": f"CAST({end} AS DATE)"})


def _filled(rows: str, values: dict[str, str]) -> str:
    if not values:
        return rows
    replaced = ", ".join(f"coalesce({name}, {value}) AS {name}" for name, value in values.items())
    return f"SELECT * REPLACE ({replaced}) FROM ({rows})"


def judged_sql(run: Run, rows: str) -> str:
    """Whole rows held against the clock and the dataset's conditions, with the hash of what is stored."""
    document, columns = run.dataset.document, run.dataset.columns
    problems = [
        f"CASE WHEN {name} IS NULL THEN {literal(reason(name, 'missing'))} END"
        for name, column in columns.items()
        if column.required and column.derive is not None
    ]
    if document.event_date is not None:
        future = literal(reason(document.event_date, "in_the_future"))
        day = event_as_date(run, document.event_date)
        problems.append(f"CASE WHEN {day} > DATE '{run.now.date()}' THEN {future} END")
    this_month = run.now.year * 100 + run.now.month
    problems += [
        f"CASE WHEN {is_in_future(name, this_month)} THEN {literal(reason(name, 'in_the_future'))} END"
        for name, column in columns.items()
        if column.type == "month_list"
    ]
    failed = {
        action: [
            f"CASE WHEN NOT ({check.sql}) THEN {literal(f'{CHECK}:{name}')} END"
            for name, check in document.checks.items()
            if check.action == action
        ]
        for action in ("reject", "warn")
    }
    kept = [*columns] + [f"{name}_token" for name in run.personal]
    hashed = [
        # A hash of the plain value could be tried out number by number; a keyed token cannot.
        f"coalesce(CAST({name}{'_token' if column.personal is not None else ''} AS VARCHAR), '')"
        for name, column in columns.items()
        if column.is_stored
    ]
    row_hash = f"CAST(md5_number_lower(concat_ws(chr(31), {', '.join(hashed)})) >> 1 AS BIGINT) AS row_hash"
    problems = ["reasons", *problems, *failed["reject"]]
    warnings = ["warnings", *failed["warn"]]
    return (
        f"SELECT line, {joined(problems)} AS reasons, "
        f"string_split({joined(warnings)}, {BETWEEN}) AS warnings, available_at, origin, "
        f"{', '.join(kept)}, {row_hash} FROM ({_as_stored(run, rows)})"
    )


def _as_stored(run: Run, rows: str) -> str:
    """Rows with the lake's names beside the contract's, as a dataset's conditions use them.

    Parties have no key yet; a number made from the id stands for it, good for "is it the same one".
    """
    extra = [
        f"{_party_number(name) if column.type == 'party' else name} AS {stored}"
        for name, column in run.dataset.columns.items()
        if name != "uscc" and column.is_stored and column.personal is None
        for stored in lake_column(name, column)
        if stored != name
    ]
    if not run.dataset.document.checks:
        return rows
    extra.append(f"{_party_number('uscc')} AS enterprise_key")
    return f"SELECT *, {', '.join(extra)} FROM ({rows})"


def _party_number(name: str) -> str:
    return f"CAST(hash({name}) & 2147483647 AS INTEGER) * CASE WHEN {name} IS NOT NULL THEN 1 END"


def joined(codes: list[str]) -> str:
    """Those of the codes that are not NULL as one text; NULL where there is none."""
    return f"nullif(concat_ws({BETWEEN}, {', '.join(codes)}), '')"


def kind_of(name: str, column: Column) -> str:
    """Type of a contract column in `checked`: as in the lake, but parties and persons are text yet."""
    if column.personal is not None or column.type == "party":
        return "VARCHAR"
    return next(iter(lake_column(name, column).values()))
