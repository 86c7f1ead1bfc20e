"""The watch over a whole lake: exposures read, their firms built, everything asked at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from features.contracts import Catalogue
from features.errors import RequestError
from features.lake import LakeView
from features.portfolio import (
    LateRate,
    Portfolio,
    enterprise_keys,
    late_rates,
    open_portfolio,
    read_portfolio,
)
from features.scope import PLATFORM, DataScope, Purpose
from features.windows import months_before
from features.withheld import withheld_datasets
from models.watching.concentration import load_concentration
from models.watching.exposures import exposures_of
from models.watching.loan_facts import Behind, complete_facts
from models.watching.look import Look, LookBack, Ready, mortgages_of
from models.watching.watch import MIGRATION_MONTHS, Watch, Watched, run_watch

#: `(step, done, total)`; steps are `portfolio`, `features`, `before`, `signals`.
Progress = Callable[[str, int, int], None]
Closing = Callable[[str, Sequence[str]], frozenset[str]]


@dataclass(frozen=True)
class PortfolioRun:
    """What a run over a lake found, and the parts of the portfolio it is counted by.

    Attributes
    ----------
    regions, industries, products : sequence of str
        Of each exposure, empty where unknown.
    rates : sequence of LateRate
        Of the months that concentration is judged by.
    past : LookBack
        Where its firms are looked up as they were when their loans were granted.
    """

    watched: Watched
    portfolio: Portfolio
    regions: Sequence[str]
    industries: Sequence[str]
    rates: Sequence[LateRate]
    past: LookBack

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
    ready: Ready | None = None,
    on_progress: Progress | None = None,
) -> PortfolioRun:
    """Watch every running loan of a lake.

    Parameters
    ----------
    institution : str
        USCC of the only institution wanted, or `platform`; everyone when left out.
    ready : callable, optional
        Features and segments that were worked out before; they are built where it is left out.
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
    looked = Look(lake, catalogue, keys, now, ready)
    firms, segments = looked.take(watch.registry.select(watch.names), as_of_date)
    tell("before", 0, 1)
    reads = watch.registry.select(watch.names_before)
    earlier = months_before(as_of_date, MIGRATION_MONTHS)
    before = looked.take(reads, earlier)[0] if watch.names_before else None
    tell("signals", 0, 1)
    row = np.searchsorted(keys, portfolio.firm)
    exposures = exposures_of(
        portfolio.institutions,
        row,
        portfolio.opened,
        closing(catalogue, max(as_of_date, now.date())),
        portfolio.figures,
        [first for first, _ in portfolio.granted],
    )
    completed = complete_facts(
        watch,
        firms,
        exposures,
        Behind(
            portfolio.guarantors, [last for _, last in portfolio.granted], portfolio.opened_since
        ),
        {g: int(np.searchsorted(keys, key)) for g, key in guarantors.items()},
        lambda usccs: mortgages_of(lake, catalogue, usccs, as_of_date, now),
    )
    watched = run_watch(watch, completed, firms, before)
    tell("signals", 1, 1)
    of_firm = {name: [values[place] for place in row.tolist()] for name, values in segments.items()}
    past = LookBack(lake, catalogue, reads, now)
    return PortfolioRun(
        watched, portfolio, of_firm["region"], of_firm["industry_section"], rates, past
    )


def _silent(step: str, done: int, total: int) -> None:
    """Tell nobody."""


def closing(catalogue: Catalogue, until: date) -> Closing:
    """`(institution, opened) -> datasets` that an institution may not see when it watches a firm.

    To the platform none is closed; which other institution it is makes no difference.
    """
    known: dict[tuple[bool, tuple[str, ...]], frozenset[str]] = {}

    def closed(institution: str, opened: Sequence[str]) -> frozenset[str]:
        asked = institution == PLATFORM, tuple(opened)
        if asked not in known:
            scope = DataScope(
                frozenset(catalogue.datasets), Purpose.POSTLOAN, until, grantee=institution
            )
            known[asked] = frozenset() if asked[0] else withheld_datasets(catalogue, scope, opened)
        return known[asked]

    return closed


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
