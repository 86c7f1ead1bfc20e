"""The reference page of features, rendered from the declarations themselves."""

import inspect
from collections.abc import Mapping

from features.markdown import GENERATED, codes, facts, sentence
from features.registry import Direction, Feature, Missing, Registry, Unit

_UNITS: Mapping[Unit, str] = {
    "cny": "元 yuan",
    "count": "个 count",
    "ratio": "比值 ratio, −1 to 10",
    "days": "天 days",
    "months": "月 months",
    "kwh": "千瓦时 kWh",
    "usd": "美元 US dollars",
    "mu": "亩 mu",
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
    "stated": "a firm without a record has the value stated; missing where a record does not say "
    "无记录时取值见说明；记录未载明时缺失",
}


def features_page(registry: Registry, title: str = "Features 特征字典") -> str:
    """Markdown: one heading a feature with all that is declared about it.

    Parameters
    ----------
    registry : Registry
    title : str
        Of the page, and what the declarations are called in it.

    Returns
    -------
    str
        The page, ending with a newline.
    """
    intro = (
        f"# {title}\n\n{GENERATED}\n\n"
        f"{len(registry)} {title.split(maxsplit=1)[0].lower()}. Windows end at `as_of`, which is the end of that day, Asia/Shanghai; "
        "a window of n months is the span after the same day n months earlier. `{name}` in a value is "
        "one of the aggregates listed below it. A feature is NULL where a dataset it reads is withheld.\n"
    )
    return "\n".join([intro, *(_feature(feature) for feature in registry)])


def _feature(feature: Feature) -> str:
    told = {
        "Unit 单位": _UNITS[feature.unit],
        "Direction 方向": _DIRECTIONS[feature.direction],
        "Missing 缺失": _MISSING[feature.missing],
        "Datasets 数据集": codes(sorted(feature.datasets)),
        "Reason group 原因组": f"`{feature.group}`",
        "Window 窗口": _windows(feature),
        "Grain 粒度": _grains(feature),
        "Recency 时近性": "yes 是" if feature.is_recency else "no 否",
    }
    return (
        f"## {feature.name}\n\n{feature.words.zh}  \n{sentence(feature.words.en)}\n\n"
        f"{facts(told)}\n\n```sql\n{_sql(feature)}\n```\n"
    )


def _windows(feature: Feature) -> str:
    """The windows of its aggregates; a grain on its own time axis says so in its condition."""
    windows = {a.window.name: None for a in feature.of.values() if a.window is not None}
    return codes(windows) if windows else "the grain's own 由粒度决定"


def _grains(feature: Feature) -> str:
    """The relations it aggregates, each with the first sentence of its declaration."""
    told = {a.grain.name: inspect.getdoc(a.grain.select) or "" for a in feature.of.values()}
    lines = (f"`{name}` {doc.partition(chr(10))[0]}".strip() for name, doc in told.items())
    return "<br>".join(lines)


def _sql(feature: Feature) -> str:
    lines = [feature.expression]
    for name, aggregate in feature.of.items():
        where = f" WHERE {aggregate.where}" if aggregate.where else ""
        window = f", window {aggregate.window.name}" if aggregate.window else ""
        empty = f"; {aggregate.empty} if none" if aggregate.empty is not None else ""
        rows = f"{aggregate.sql} FROM {aggregate.grain.name}{where}"
        lines.append(f"-- {name}: {rows}{window}{empty}")
    return "\n".join(lines)
