"""What a run of the watch says: tables for a person, one document for a machine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
from rich.table import Table

from features.contracts import Words
from features.errors import BundleError
from features.scope import PLATFORM
from models.arrays import BoolArray
from models.signals.levels import Level
from models.watching.batch import PortfolioRun
from models.watching.concentration import SIGNAL, Concentration, concentrations, load_concentration
from models.watching.record import MOVES, Moved
from models.watching.views import levels_by, migration, signals_by_level
from xinqiao.console import LANGUAGE, out, say, show

_LEVELS = {
    "R": ("红", "red"),
    "O": ("橙", "orange"),
    "Y": ("黄", "yellow"),
    "B": ("蓝", "blue"),
    "none": ("无", "none"),
}
_MOVES = {
    "new": ("新增", "new"),
    "worse": ("加重", "worse"),
    "better": ("减轻", "better"),
    "same": ("持续", "as before"),
    "ended": ("解除", "ended"),
    "unseen": ("无法判断", "can no longer be known"),
    "gone": ("已无在贷", "no running loan any more"),
}
_DIMENSIONS = {
    "region": ("地区", "region"),
    "industry": ("行业", "industry"),
    "product": ("产品", "product"),
}


def run_document(
    run: PortfolioRun, moved: Sequence[Moved], absent: Sequence[BundleError]
) -> dict[str, object]:
    """Counts of a run; of firms only how many."""
    watched, rows = run.watched, _counted(run)
    return {
        "as_of": watched.firms.as_of_date,
        "exposures": int(rows.sum()),
        "institutions": len(set(watched.exposures.institutions) - {PLATFORM}),
        "levels": _levels(run, rows),
        "signals": signals_by_level(watched, rows),
        "moves": _moves(moved),
        "by": {name: levels_by(watched, parts, rows) for name, parts in _parts(run).items()},
        "migration": {
            "grades": _letters(run),
            "from_to": migration(watched, rows).tolist(),
        },
        "concentrations": [asdict(one) | {"signal": SIGNAL} for one in _concentrations(run)],
        "without_model": [one.sentence(LANGUAGE.get()) for one in absent],
    }


def print_run(run: PortfolioRun, moved: Sequence[Moved], absent: Sequence[BundleError]) -> None:
    """Print levels, signals, what moved, parts of the portfolio, migration and concentration."""
    watched, rows = run.watched, _counted(run)
    day, banks = watched.firms.as_of_date, set(watched.exposures.institutions) - {PLATFORM}
    show(
        f"截至 {day}：{len(banks)} 家机构的 {rows.sum()} 笔敞口（一机构一企业为一笔）",
        f"As of {day}: {rows.sum()} exposures (an institution and an enterprise) of {len(banks)} institutions",
    )
    for one in absent:
        show(
            f"缺少模型，相关信号无法判断。{one.zh}",
            f"A model is absent, so its signal is unknown. {one.en}",
        )
    _print_counts(say("各级敞口", "Exposures by level"), {"": _levels(run, rows)}, none=True)
    _print_counts(say("信号", "Signals"), signals_by_level(watched, rows), words=_names(run))
    counts = ", ".join(
        f"{say(*_MOVES[move])} {count}" for move, count in _moves(moved).items() if count
    )
    show(f"与上次相比：{counts or '无'}", f"Against the run before: {counts or 'nothing'}")
    for name, parts in _parts(run).items():
        found = levels_by(watched, parts, rows)
        if set(found) - {""}:
            _print_counts(say(*_DIMENSIONS[name]), found, none=True)
    _print_migration(run, rows)
    for one in _concentrations(run):
        mean = "–" if one.mean is None else f"{one.mean:.1%}"
        where = f"{say(*_DIMENSIONS[one.dimension])} {one.value}"
        show(
            f"{SIGNAL} 集中度：{where}，{one.loans} 笔中 {one.late} 笔逾期超限（{one.rate:.1%}，前期均值 {mean}）",
            f"{SIGNAL} concentration: {where}, {one.late} of {one.loans} loans late ({one.rate:.1%}, mean before {mean})",
        )


def _counted(run: PortfolioRun) -> BoolArray:
    """Exposures of institutions; the platform's own view where nothing else was asked for."""
    own = run.watched.exposures.is_platform
    return ~own if not own.all() else own


def _levels(run: PortfolioRun, rows: BoolArray) -> dict[str, int]:
    worst = run.watched.worst[rows]
    return {"none": int((worst == 0).sum())} | {
        str(level): int((worst == level.rank).sum()) for level in Level
    }


def _moves(moved: Sequence[Moved]) -> dict[str, int]:
    counts = Counter(one.move for one in moved if one.key[0] != PLATFORM)
    return {move: counts[move] for move in MOVES}


def _parts(run: PortfolioRun) -> dict[str, Sequence[str]]:
    return {"region": run.regions, "industry": run.industries, "product": run.products}


def _letters(run: PortfolioRun) -> list[str]:
    rating = run.watched.watch.rating
    return [grade.code for grade in rating.bundle.scale.version.grades] if rating else []


def _concentrations(run: PortfolioRun) -> list[Concentration]:
    rules = load_concentration().at(run.watched.firms.as_of_date)
    return concentrations(run.rates, rules)


def _names(run: PortfolioRun) -> Mapping[str, Words]:
    return {one.code: one.entry.words for one in run.watched.watch.signals}


def _print_counts(
    title: str,
    counts: Mapping[str, Mapping[str, int]],
    *,
    words: Mapping[str, Words] | None = None,
    none: bool = False,
) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    levels = [level for level in _LEVELS if none or level != "none"]
    for level in levels:
        table.add_column(say(*_LEVELS[level]), justify="right")
    for name, row in counts.items():
        told = say(words[name].zh, words[name].en) if words else ""
        table.add_row(f"{name} {told}".strip(), *(str(row[level]) for level in levels))
    out.print(table)


def _print_migration(run: PortfolioRun, rows: BoolArray) -> None:
    counts, letters = migration(run.watched, rows), _letters(run)
    if not counts.any():
        return
    table = Table(
        title=say(
            "等级迁徙（行：三个月前，列：现在）", "Grades three months before (rows) and now"
        ),
        title_justify="left",
    )
    table.add_column("")
    for letter in letters:
        table.add_column(letter, justify="right")
    for letter, row in zip(letters, counts.tolist(), strict=True):
        if np.any(row):
            table.add_row(letter, *(str(count) if count else "·" for count in row))
    out.print(table)
