"""The reference pages of features and datasets, rendered from the declarations themselves."""

import inspect
from collections.abc import Iterable, Mapping

from features.contracts import Catalogue, Column, Dataset, lake_column
from features.registry import Direction, Feature, Missing, Registry, Unit

_UNITS: Mapping[Unit, str] = {
    "cny": "元 yuan",
    "count": "个 count",
    "ratio": "比值 ratio, −1 to 10",
    "days": "天 days",
    "months": "月 months",
    "kwh": "千瓦时 kWh",
    "flag": "0/1 是否 whether",
    "level": "级 level of a scale, 1 the best",
}
_DIRECTIONS: Mapping[Direction, str] = {
    -1: "higher is safer 越高越安全",
    0: "free 不限方向",
    1: "higher is riskier 越高风险越大",
}
_MISSING: Mapping[Missing, str] = {
    "unknown": "unknown, stays missing 未知，保持缺失",
    "zero": "none on record, counts as 0 无记录，按 0 计",
}
_GENERATED = "This page is generated from the declarations; do not edit it. 本页由声明自动生成，请勿手工修改。"


def features_page(registry: Registry) -> str:
    """Markdown: one heading a feature with all that is declared about it.

    Parameters
    ----------
    registry : Registry

    Returns
    -------
    str
        The page, ending with a newline.
    """
    intro = (
        f"# Features 特征字典\n\n{_GENERATED}\n\n"
        f"{len(registry)} features. Windows end at `as_of`, which is the end of that day, Asia/Shanghai; "
        "a window of n months is the span after the same day n months earlier. `{name}` in a value is "
        "one of the aggregates listed below it. A feature is NULL where a dataset it reads is withheld.\n"
    )
    return "\n".join([intro, *(_feature(feature) for feature in registry)])


def catalogue_page(catalogue: Catalogue) -> str:
    """Markdown: one heading a dataset with its contract and its columns.

    Parameters
    ----------
    catalogue : Catalogue

    Returns
    -------
    str
        The page, ending with a newline.
    """
    intro = (
        f"# Shared data 共享清单\n\n{_GENERATED}\n\n"
        "Columns as providers deliver them. Money is yuan in a file and whole fen in the lake; personal "
        "columns reach the lake only as a keyed token and a sealed value.\n"
    )
    return "\n".join([intro, *(_dataset(dataset) for dataset in catalogue)])


def _feature(feature: Feature) -> str:
    facts = {
        "Unit 单位": _UNITS[feature.unit],
        "Direction 方向": _DIRECTIONS[feature.direction],
        "Missing 缺失": _MISSING[feature.missing],
        "Datasets 数据集": _codes(sorted(feature.datasets)),
        "Reason group 原因组": f"`{feature.group}`",
        "Window 窗口": _windows(feature),
        "Grain 粒度": _grains(feature),
        "Recency 时近性": "yes 是" if feature.is_recency else "no 否",
    }
    return (
        f"## {feature.name}\n\n{feature.words.zh}  \n{_sentence(feature.words.en)}\n\n"
        f"{_facts(facts)}\n\n```sql\n{_sql(feature)}\n```\n"
    )


def _windows(feature: Feature) -> str:
    """The windows of its aggregates; a grain on its own time axis says so in its condition."""
    windows = {a.window.name: None for a in feature.of.values() if a.window is not None}
    return _codes(windows) if windows else "the grain's own 由粒度决定"


def _grains(feature: Feature) -> str:
    """The relations it aggregates, each with the first sentence of its declaration."""
    told = {a.grain.name: inspect.getdoc(a.grain.select) or "" for a in feature.of.values()}
    sentences = (f"`{name}` {doc.partition(chr(10))[0]}".strip() for name, doc in told.items())
    return "<br>".join(sentences)


def _sql(feature: Feature) -> str:
    lines = [feature.expression]
    for name, aggregate in feature.of.items():
        where = f" WHERE {aggregate.where}" if aggregate.where else ""
        window = f", window {aggregate.window.name}" if aggregate.window else ""
        empty = f"; {aggregate.empty} if none" if aggregate.empty is not None else ""
        rows = f"{aggregate.sql} FROM {aggregate.grain.name}{where}"
        lines.append(f"-- {name}: {rows}{window}{empty}")
    return "\n".join(lines)


def _dataset(dataset: Dataset) -> str:
    document = dataset.document
    facts = {
        "Code 编号": document.code,
        "Category 类别": f"{document.category.zh} {document.category.en}",
        "Provider 提供单位": f"{document.provider.zh} {document.provider.en}",
        "Sharing 共享方式": document.sharing_mode,
        "Sensitivity 敏感级别": str(document.sensitivity),
        "Consent scope 授权范围": _codes([document.consent_scope])
        if document.consent_scope
        else "–",
        "Cadence 更新频率": document.cadence,
        "Usual lag 通常滞后": f"{document.available_lag_days} days 天",
        "Key 主键": _codes(document.primary_key),
        "Event date 事件日期": _codes([document.event_date]) if document.event_date else "–",
    }
    header = (
        "| column 列 | type 类型 | in the lake 湖内 | required 必填 | meaning 含义 |\n"
        "|---|---|---|---|---|\n"
    )
    rows = "\n".join(_column(name, column) for name, column in dataset.columns.items())
    notes = f"{document.notes}\n\n" if document.notes else ""
    return (
        f"## {dataset.name}\n\n{document.title.zh}  \n{_sentence(document.title.en)}\n\n"
        f"{notes}{_facts(facts)}\n\n{header}{rows}\n"
    )


def _column(name: str, column: Column) -> str:
    stored = {"enterprise_key": "INTEGER"} if name == "uscc" else lake_column(name, column)
    kept = ", ".join(f"`{kept}` {kind}" for kept, kind in stored.items())
    unit = f", {column.unit}" if column.unit else ""
    codes = "; ".join(f"`{code}` {words.zh} {words.en}" for code, words in column.values.items())
    meaning = f"{column.zh} {column.en}" + (f": {codes}" if codes else "")
    required = "yes 是" if column.required else ""
    return f"| `{name}` | {column.type}{unit} | {kept} | {required} | {_cell(meaning)} |"


def _facts(facts: Mapping[str, str]) -> str:
    rows = "\n".join(f"| {name} | {_cell(value)} |" for name, value in facts.items())
    return f"| | |\n|---|---|\n{rows}"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
