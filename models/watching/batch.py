"""The watch over a whole lake: exposures read, their firms built, everything asked at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import numpy as np

from features.contracts import Catalogue
from features.errors import RequestError
from features.firm_segments import SEGMENT_DATASETS, add_segments, segment_of
from features.lake import LakeView
from features.pipeline import build_features
from features.portfolio import (
    PORTFOLIO_DATASETS,
    LateRate,
    Portfolio,
    enterprise_keys,
    late_rates,
    open_portfolio,
    read_portfolio,
)
from features.registry import Registry
from features.scope import PLATFORM, DataScope, Purpose
from features.snapshot import open_snapshot
from features.windows import months_before
from features.withheld import withheld_datasets
from models.arrays import FloatArray, IntArray
from models.signals.levels import UNKNOWN
from models.watching.concentration import load_concentration
from models.watching.exposures import Exposures, Firms, exposures_of
from models.watching.watch import MIGRATION_MONTHS, Watch, Watched, run_watch

#: `(step, done, total)`; steps are `portfolio`, `features`, `before`, `signals`.
Progress = Callable[[str, int, int], None]
#: More firms than this are built from the whole lake: a list of them would be longer than the work it saves.
_MOST_LISTED = 50_000
#: A guarantor in whom one of these holds is in trouble (domain: W49).
TROUBLE = frozenset({"W01", "W04", "W17"})
_NEW_EXECUTIONS, _OVER_LOAN = (
    "executions_new_amount_sum_1m_cny",
    "executions_new_over_own_loan_ratio",
)
_MOST_RATIO = 10.0


@dataclass(frozen=True)
class PortfolioRun:
    """What a run over a lake found, and the parts of the portfolio it is counted by.

    Attributes
    ----------
    regions, industries, products : sequence of str
        Of each exposure, empty where unknown.
    rates : sequence of LateRate
        Of the months that concentration is judged by.
    """

    watched: Watched
    portfolio: Portfolio
    regions: Sequence[str]
    industries: Sequence[str]
    rates: Sequence[LateRate]

    @property
    def products(self) -> Sequence[str]:
        """Product of each exposure's largest loan."""
        return self.portfolio.products


def watch_lake(
    lake: LakeView,
    catalogue: Catalogue,
    watch: Watch,
    as_of_date: date,
    *,
    now: datetime,
    institution: str = "",
    on_progress: Progress | None = None,
) -> PortfolioRun:
    """Watch every running loan of a lake.

    Parameters
    ----------
    institution : str
        USCC of the only institution wanted, or `platform`; everyone when left out.
    on_progress : callable, optional

    Raises
    ------
    RequestError
        If no loan runs, or none of the institution.
    """
    tell = on_progress or _silent
    tell("portfolio", 0, 1)
    rules = load_concentration().at(as_of_date)
    with open_portfolio(lake, catalogue, as_of_date, now=now) as snapshot:
        portfolio = read_portfolio(snapshot)
        guarantors = enterprise_keys(snapshot, {g for g in portfolio.guarantors if g})
        rates = late_rates(
            snapshot,
            over_days=int(rules.over_days.value),
            months=int(rules.compared_months.value) + 1,
        )
    portfolio = _wanted(portfolio, institution, as_of_date)
    keys = np.union1d(portfolio.firm, np.array(sorted(guarantors.values()), dtype=np.int64))
    tell("features", 0, 1)
    looked = _Look(lake, catalogue, keys, now)
    firms, segments = looked.take(watch.registry.select(watch.names), as_of_date)
    tell("before", 0, 1)
    earlier = months_before(as_of_date, MIGRATION_MONTHS)
    before = (
        looked.take(watch.registry.select(watch.names_before), earlier)[0]
        if watch.names_before
        else None
    )
    tell("signals", 0, 1)
    row = np.searchsorted(keys, portfolio.firm)
    troubled = _troubled(watch, firms, {g: int(np.searchsorted(keys, k)) for g, k in guarantors.items()})  # fmt: skip
    exposures = exposures_of(
        portfolio.institutions,
        row,
        portfolio.opened,
        lambda whose, opened: closed_to(catalogue, whose, opened, max(as_of_date, now.date())),
        _facts(portfolio, firms, row, troubled),
    )
    watched = run_watch(watch, exposures, firms, before)
    tell("signals", 1, 1)
    of_firm = {name: [values[place] for place in row.tolist()] for name, values in segments.items()}
    return PortfolioRun(watched, portfolio, of_firm["region"], of_firm["industry_section"], rates)


def _silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""


def closed_to(
    catalogue: Catalogue, institution: str, opened: Sequence[str], until: date
) -> frozenset[str]:
    """Datasets that an institution may not see when it watches a firm; to the platform none is closed."""
    if institution == PLATFORM:
        return frozenset()
    scope = DataScope(frozenset(catalogue.datasets), Purpose.POSTLOAN, until, grantee=institution)
    return withheld_datasets(catalogue, scope, opened)


def _wanted(portfolio: Portfolio, institution: str, as_of_date: date) -> Portfolio:
    if not len(portfolio):
        raise RequestError(
            en=f"No loan runs on {as_of_date}, so there is nothing to watch. Bring loans and repayments "
            "(loan_account, repayment_snapshot), or choose another day.",
            zh=f"{as_of_date} 没有在贷企业，无可监测；请先导入获贷信息与履约快照，或更换日期。",
        )
    if not institution:
        return portfolio
    rows = [row for row, name in enumerate(portfolio.institutions) if name == institution]
    if not rows:
        raise RequestError(
            en=f"Institution '{institution}' has no running loan on {as_of_date}. Look at its code, or leave "
            "--institution out.",
            zh=f"机构“{institution}”在 {as_of_date} 没有在贷企业；请核对代码，或不加 --institution。",
        )
    return portfolio.take(rows)


@dataclass(frozen=True)
class _Look:
    """Looks at the firms of a portfolio; m of them, by key."""

    lake: LakeView
    catalogue: Catalogue
    keys: IntArray
    now: datetime

    def take(self, registry: Registry, day: date) -> tuple[Firms, dict[str, list[str]]]:
        """Columns and segments of the firms at a day; NaN and empty where one was not registered yet."""
        datasets = frozenset(self.catalogue.datasets)
        scope = DataScope(datasets, Purpose.POSTLOAN, max(day, self.now.date()))
        with open_snapshot(
            self.lake,
            self.catalogue,
            day,
            scope,
            now=self.now,
            enterprises=self.keys.tolist() if len(self.keys) <= _MOST_LISTED else None,
            datasets=registry.datasets | SEGMENT_DATASETS | PORTFOLIO_DATASETS,
        ) as snapshot:
            found = build_features(snapshot, registry)
            table = add_segments(found.table, snapshot)
        place = np.searchsorted(self.keys, found.enterprise_keys)
        inside = np.minimum(place, len(self.keys) - 1)
        mine = np.flatnonzero(self.keys[inside] == found.enterprise_keys)
        rows = inside[mine]
        usccs = [""] * len(self.keys)
        parts = {name: [""] * len(self.keys) for name in ("region", "industry_section")}
        for target, column in ((usccs, table["uscc"].to_pylist()), *(
            (parts[name], segment_of(table, name)) for name in parts
        )):  # fmt: skip
            for row, source in zip(rows.tolist(), mine.tolist(), strict=True):
                target[row] = column[source]
        columns: dict[str, FloatArray] = {}
        for name in registry.names:
            values = np.full(len(self.keys), np.nan)
            values[rows] = table[name].to_numpy(zero_copy_only=False).astype(np.float64)[mine]
            columns[name] = values
        return Firms(usccs, day, columns), parts


def _facts(
    portfolio: Portfolio, firms: Firms, row: IntArray, troubled: Mapping[str, float]
) -> dict[str, FloatArray]:
    facts = dict(portfolio.figures)
    told = [0.0 if not one else troubled.get(one, np.nan) for one in portfolio.guarantors]
    facts["guarantor_in_trouble"] = np.array(told, dtype=np.float64)
    if _NEW_EXECUTIONS in firms.columns:
        owed = np.maximum(facts["own_loan_balance_cny"], 1.0)
        facts[_OVER_LOAN] = np.minimum(firms.columns[_NEW_EXECUTIONS][row] / owed, _MOST_RATIO)
    return facts


def _troubled(watch: Watch, firms: Firms, guarantors: Mapping[str, int]) -> dict[str, float]:
    """1 for guarantors that are in trouble by public record, 0 for those that are not; unknown ones absent."""
    signals = tuple(one for one in watch.signals if one.code in TROUBLE)
    if not guarantors or not signals:
        return {}
    alone = replace(watch, signals=signals, warning=None, rating=None)
    names, rows = list(guarantors), np.array(list(guarantors.values()), dtype=np.int64)
    asked = Exposures(names, rows, (frozenset(),), np.zeros(len(rows), dtype=np.int64), {})
    levels = run_watch(alone, asked, firms).levels
    worst = levels.max(axis=1)
    is_known = (levels != UNKNOWN).all(axis=1) | (worst > 0)
    return {
        name: float(level > 0)
        for name, level, known in zip(names, worst.tolist(), is_known.tolist(), strict=True)
        if known
    }
