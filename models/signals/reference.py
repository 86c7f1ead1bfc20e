"""The reference page of signals, rendered from the catalogue of signals itself."""

from collections.abc import Iterable
from datetime import date

from features.contracts import Catalogue
from features.markdown import GENERATED, codes, facts, sentence, table
from features.rules.vocabulary import Vocabulary
from models.signals.book import Signal, SignalBook, Way
from models.signals.levels import Level

_LEVELS = {Level.RED: "红 R", Level.ORANGE: "橙 O", Level.YELLOW: "黄 Y", Level.BLUE: "蓝 B"}
_DISCLOSED = {
    "full": "in full 全部展示",
    "band": "public in full, other values as a band 公开数据全部展示，其余为区间",
    "flag": "public in full, of others only that it holds 公开数据全部展示，其余仅提示成立",
}


def signals_page(
    book: SignalBook, as_of_date: date, vocabulary: Vocabulary, catalogue: Catalogue
) -> str:
    """Markdown: one heading a signal with its rules, what they read and what a lender may see.

    Parameters
    ----------
    as_of_date : date
        Versions in force on this day are shown.

    Returns
    -------
    str
        The page, ending with a newline.
    """
    signals = book.at(as_of_date, vocabulary)
    intro = (
        f"# Warning signals 预警信号\n\n{GENERATED}\n\n"
        f"{len(signals)} signals. The most severe level whose rule holds counts; a later way is asked where those "
        "before it know nothing. A rule over data that are not open is unknown, and unknown is neither a warning "
        "nor an all-clear. Names are [features](features.md), [facts](facts.md), or facts of the exposure.\n"
    )
    return "\n".join([intro, *(_signal(signal, as_of_date, catalogue) for signal in signals)])


def _signal(signal: Signal, as_of_date: date, catalogue: Catalogue) -> str:
    entry = signal.entry
    version = max(
        (one for one in entry.versions if one.valid_from <= as_of_date),
        key=lambda one: one.valid_from,
    )
    told = {
        "Dimension 维度": entry.dimension,
        "Disclosure 披露": _DISCLOSED[entry.disclose],
        "Cooldown 冷却期": f"{entry.cooldown_days} days 天",
        "Ends after 解除": "two days without it 连续两日不成立"
        if entry.daily
        else "two months without it 连续两月不成立",
        "In force since 生效": f"{version.valid_from}",
        "Source 来源": version.source,
    }
    ways = (
        _way(way, number if len(signal.ways) > 1 else 0, catalogue)
        for number, way in enumerate(signal.ways, start=1)
    )
    return (
        f"## {signal.code} {entry.words.zh}\n\n{sentence(entry.words.en)}.  \n"
        f"{entry.suggestion.zh}。 {entry.suggestion.en}.\n\n{facts(told)}\n\n" + "\n".join(ways)
    )


def _way(way: Way, number: int, catalogue: Catalogue) -> str:
    title = f"Way {number} 途径{number}: " if number else ""
    rows = [(_LEVELS[level], f"`{rule.rule}`") for level, rule in reversed(way.levels)]
    if way.requires:
        rows.insert(0, ("requires 前提", f"`{way.requires.rule}`"))
    rows += [
        (
            f"season {season.name}",
            f"× {season.factor:g} in months {', '.join(map(str, season.months))}: {season.source}",
        )
        for season in way.season
    ]
    return (
        f"{title}reads 读取 {_datasets(way.datasets, catalogue)}; shows 展示 {codes(way.shows)}\n\n"
        f"{table(('level 等级', 'rule 规则'), rows)}\n"
    )


def _datasets(names: Iterable[str], catalogue: Catalogue) -> str:
    """Datasets, each with the scope that opens it; a lender's own records need none."""
    told = [
        f"`{name}`" + (f" (scope `{scope}`)" if scope else "")
        for name in sorted(names)
        for scope in [catalogue[name].document.consent_scope]
    ]
    return ", ".join(told) or "the lender's own records 机构自有数据"
