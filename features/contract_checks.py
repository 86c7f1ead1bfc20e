"""What is wrong with a catalogue file, beyond its shape: one sentence a problem, with the way out."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb

from features.datasets import (
    ENVELOPE,
    LAKE_ENVELOPE,
    LAKE_TYPES,
    NEGATIVE_COLUMNS,
    Column,
    Dataset,
    DatasetDocument,
    Publicity,
    Sensitivity,
    delivered_columns,
    lake_column,
)
from features.engine import connect, parquet
from features.errors import CatalogueError

#: Names that the tables of a run and the lake use for themselves.
_RESERVED = frozenset(
    {
        "line",
        "reasons",
        "origin",
        "enterprise_name",
        *ENVELOPE,
        *LAKE_ENVELOPE,
    }
)
_COLUMN_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Types a column may have that says when something happened.
_DAYS = ("date", "month", "ts")


def document_problems(document: DatasetDocument, path: Path) -> Iterator[CatalogueError]:
    """What the shape alone cannot say; each problem is a sentence that ends with the way out."""
    if path.stem != document.name:
        yield _problem(
            path,
            f"the file is called '{path.stem}' but the dataset '{document.name}'; rename one of them.",
            f"文件名“{path.stem}”与数据集名“{document.name}”不一致，请统一。",
        )
    if (
        document.sensitivity in {Sensitivity.AUTHORISED, Sensitivity.SECRET}
        and not document.consent_scope
    ):
        yield _problem(
            path,
            f"the dataset is {document.sensitivity} but has no consent_scope; "
            "say which consent opens it.",
            f"数据集敏感级别为 {document.sensitivity}，但未写明 consent_scope（授权范围）。",
        )
    found = [
        problem
        for name, column in document.columns.items()
        for problem in _column_problems(document, name, column, path)
    ]
    found += [*_key_problems(document, path), *_rule_problems(document, path)]
    yield from found
    if not found:
        yield from _stored_problems(document, path)


def _column_problems(
    document: DatasetDocument, name: str, column: Column, path: Path
) -> Iterator[CatalogueError]:
    reserved = _RESERVED | (set(NEGATIVE_COLUMNS) if document.negative else set[str]())
    if not _COLUMN_NAME.fullmatch(name) or name in reserved:
        yield _problem(
            path,
            f"column '{name}' cannot be called so; use a-z, 0-9 and _, "
            f"and none of {', '.join(sorted(reserved))}.",
            f"列名“{name}”不可用；请使用小写字母、数字和下划线，并避开保留名。",
        )
    if column.type not in LAKE_TYPES:
        known = ", ".join(LAKE_TYPES)
        yield _problem(
            path,
            f"column '{name}' has the unknown type '{column.type}'; use one of {known}.",
            f"列“{name}”的类型“{column.type}”未知；可用类型：{known}。",
        )
    if column.type == "enum" and not column.values:
        yield _problem(
            path,
            f"column '{name}' is an enum without values; list its codes.",
            f"枚举列“{name}”没有列出代码。",
        )
    if column.minimum is not None and column.type not in {"int", "money", "decimal"}:
        yield _problem(
            path,
            f"column '{name}' has a minimum but is no number; take it out.",
            f"列“{name}”不是数值，不能设最小值。",
        )
    if column.max_length is not None and column.type not in {"str", "party"}:
        yield _problem(
            path,
            f"column '{name}' has a max_length but is no text; take it out.",
            f"列“{name}”不是文本，不能设最大长度。",
        )
    if column.personal is not None and column.derive is not None:
        yield _problem(
            path,
            f"the personal column '{name}' cannot be derived; only its person's papers give it.",
            f"个人信息列“{name}”不能推导得出。",
        )
    if column.personal is not None and column.type != "str":
        yield _problem(
            path,
            f"the personal column '{name}' must be of type str.",
            f"个人信息列“{name}”的类型必须为 str。",
        )
    if column.subject is not None and column.subject not in document.columns:
        yield _problem(
            path,
            f"column '{name}' names the subject '{column.subject}', which is no column.",
            f"列“{name}”的 subject“{column.subject}”不是该数据集的列。",
        )


def _key_problems(document: DatasetDocument, path: Path) -> Iterator[CatalogueError]:
    if not document.primary_key:
        yield _problem(
            path,
            "there is no primary_key; name the columns that identify a row.",
            "缺少 primary_key（主键）。",
        )
    columns = delivered_columns(document)
    for key in document.primary_key:
        if key not in columns:
            yield _problem(
                path,
                f"primary_key names '{key}', which is no column.",
                f"主键“{key}”不是该数据集的列。",
            )
        elif columns[key].personal is not None:
            yield _problem(
                path,
                f"primary_key names the personal column '{key}'; use another key.",
                f"主键不能使用个人信息列“{key}”。",
            )
    event_date = document.event_date
    if event_date is not None and not _is_of_type(columns, event_date, _DAYS):
        yield _problem(
            path,
            f"event_date '{event_date}' is no date, month or ts column.",
            f"event_date“{event_date}”不是日期、月份或时间列。",
        )


def _stored_problems(document: DatasetDocument, path: Path) -> Iterator[CatalogueError]:
    """Stored columns that would share a name, and checks that are no condition over them."""
    dataset = Dataset(document, delivered_columns(document), path)
    names = [n for name, column in dataset.columns.items() for n in lake_column(name, column)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield _problem(
            path,
            f"two columns would both be stored as '{twice[0]}'; rename one.",
            f"两列的入库名同为“{twice[0]}”，请改名。",
        )
        return
    yield from _sql_problems(dataset, path)


def _sql_problems(dataset: Dataset, path: Path) -> Iterator[CatalogueError]:
    """Conditions and derived values are tried on an empty table of their columns."""
    derived = {n: c.derive for n, c in dataset.columns.items() if c.derive is not None}
    if not derived and not dataset.document.checks:
        return
    stored = dataset.lake_columns()
    typed = {n: LAKE_TYPES[c.type] for n, c in dataset.columns.items() if c.personal is None}
    with connect(threads=1) as connection:
        for name, check in dataset.document.checks.items():
            wrong = _refusal(connection, check.sql, "BOOLEAN", stored)
            if wrong:
                yield _problem(
                    path,
                    f"check '{name}' is no condition over the stored columns ({wrong}).",
                    f"检查“{name}”不是入库列上的条件（{wrong}）。",
                )
        for name, sql in derived.items():
            wrong = _refusal(connection, sql, typed[name], typed)
            if wrong:
                yield _problem(
                    path,
                    f"column '{name}' is derived by what is no value over the columns ({wrong}).",
                    f"列“{name}”的 derive 不是该数据集各列上的取值（{wrong}）。",
                )


def _refusal(
    connection: duckdb.DuckDBPyConnection, sql: str, kind: str, columns: dict[str, str]
) -> str:
    """What the engine says against an expression over these columns; empty when it takes it."""
    try:
        connection.execute(f"SELECT CAST(({sql}) AS {kind}) FROM {parquet([], columns)}").fetchall()
    except duckdb.Error as wrong:
        return str(wrong).splitlines()[0]
    return ""


def _rule_problems(document: DatasetDocument, path: Path) -> Iterator[CatalogueError]:
    """Publicity and retention count from days and by codes that the dataset has."""
    columns = delivered_columns(document)
    publicity, retention = document.publicity, document.retention
    if publicity is not None:
        if not document.negative:
            yield _problem(
                path,
                "publicity is for negative datasets; add `negative: true` or take it out.",
                "publicity（公示期）仅用于负面数据集；请加 negative: true 或删去。",
            )
        if not _is_of_type(columns, publicity.starts, {"date"}):
            yield _problem(
                path,
                f"publicity starts at '{publicity.starts}', which is no date column.",
                f"公示期起算列“{publicity.starts}”不是日期列。",
            )
        yield from _month_problems(columns, publicity, path)
    if retention is None:
        return
    if retention.years is None and retention.days_after_consent is None:
        yield _problem(
            path,
            "retention gives neither years nor days_after_consent; give one.",
            "retention（保存期限）未写 years 或 days_after_consent，请写明其一。",
        )
    if (retention.years is None) != (retention.counts_from is None):
        yield _problem(
            path,
            "retention gives one of years and counts_from without the other; give both.",
            "retention 的 years 与 counts_from 须同时写明。",
        )
    counts_from = retention.counts_from
    if counts_from is not None and not _is_of_type(columns, counts_from, _DAYS):
        yield _problem(
            path,
            f"retention counts from '{counts_from}', which is no date, month or ts column.",
            f"保存期限起算列“{counts_from}”不是日期、月份或时间列。",
        )
    if retention.days_after_consent is not None and "consent_id" not in columns:
        yield _problem(
            path,
            "retention counts from the end of a consent, but no row carries one.",
            "保存期限从授权终止起算，但该数据集没有授权编号。",
        )


def _month_problems(
    columns: dict[str, Column], publicity: Publicity, path: Path
) -> Iterator[CatalogueError]:
    if not _is_of_type(columns, publicity.by, {"enum"}):
        yield _problem(
            path,
            f"publicity goes by '{publicity.by}', which is no enum column.",
            f"公示期依据列“{publicity.by}”不是枚举列。",
        )
        return
    odd = sorted(set(publicity.months) ^ set(columns[publicity.by].values))
    if odd:
        yield _problem(
            path,
            f"publicity gives months for other codes than '{publicity.by}' has: {', '.join(odd)}.",
            f"公示期各档与“{publicity.by}”的代码不一致：{'、'.join(odd)}。",
        )


def _is_of_type(columns: dict[str, Column], name: str, types: Collection[str]) -> bool:
    return name in columns and columns[name].type in types


def _problem(path: Path, en: str, zh: str) -> CatalogueError:
    return CatalogueError(en=f"{path.name}: {en}", zh=f"共享清单 {path.name}：{zh}")
