"""Whose exposures are watched and what is open to whom, as the ledger says now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from psycopg.rows import class_row

from features.contracts import Catalogue
from features.scope import PLATFORM
from models.arrays import FloatArray
from models.watching.batch import closed_to
from models.watching.exposures import Exposures, Firms, exposures_of
from models.watching.loan_facts import complete_facts
from models.watching.watch import Watch
from serving.db import Connection
from serving.loans.exposures import ExposureFigures, exposure_figures, live_exposures

#: The scope by which a firm lets an institution watch it; a consent without it opens nothing to the watch.
WATCHES = "postloan"
Pair = tuple[str, str]
Scopes = tuple[str, ...]

_OPENED = """
SELECT grantee AS institution, uscc, array_agg(DISTINCT scope ORDER BY scope) AS scopes
FROM consent, unnest(scopes) AS scope
WHERE purpose = 'postloan' AND status = 'active' AND valid_from <= %(today)s AND valid_to >= %(today)s
  AND %(watches)s = ANY(scopes)
GROUP BY grantee, uscc
"""


#: Who stands for the running loans of a lender to a firm, and the day of the latest.
_BACKED = """
SELECT institution, uscc, max(guarantor) AS guarantor, max(granted_on) AS granted_on
FROM loan WHERE status IN ('running', 'overdue') GROUP BY institution, uscc
"""


@dataclass(frozen=True)
class Backing:
    """What stands behind the running loans of a lender to a firm."""

    institution: str
    uscc: str
    guarantor: str
    granted_on: date


@dataclass(frozen=True)
class Opening:
    """What an enterprise opens to an institution that watches it."""

    institution: str
    uscc: str
    scopes: list[str]


@dataclass(frozen=True)
class Portfolio:
    """Everything the ledger says about who watches whom.

    Attributes
    ----------
    pairs : sequence of (institution, uscc)
        In order; the platform's own view of every firm among them.
    figures : mapping of (institution, uscc) to ExposureFigures
        Of lenders.
    opened : mapping of (institution, uscc) to scopes
    backing : mapping of (institution, uscc) to Backing
        Of lenders.
    """

    pairs: Sequence[Pair]
    figures: Mapping[Pair, ExposureFigures]
    opened: Mapping[Pair, Scopes]
    backing: Mapping[Pair, Backing]

    @property
    def usccs(self) -> list[str]:
        """Every firm that must be looked up, guarantors among them."""
        named = {one.guarantor for one in self.backing.values() if one.guarantor}
        return sorted(named.union(uscc for _, uscc in self.pairs))


async def read_portfolio(connection: Connection, now: datetime) -> Portfolio:
    """Read exposures, how their loans stand, and the consents to watch them."""
    exposures = await live_exposures(connection)
    figures = {(one.institution, one.uscc): one for one in await exposure_figures(connection)}
    asked: dict[str, object] = {"today": now.date(), "watches": WATCHES}
    async with connection.cursor(row_factory=class_row(Opening)) as cursor:
        openings = await (await cursor.execute(_OPENED, asked)).fetchall()
    async with connection.cursor(row_factory=class_row(Backing)) as cursor:
        backing = await (await cursor.execute(_BACKED)).fetchall()
    pairs = {(one.institution, one.uscc) for one in exposures}
    pairs |= {(PLATFORM, one.uscc) for one in exposures}
    return Portfolio(
        sorted(pairs),
        figures,
        {(one.institution, one.uscc): tuple(one.scopes) for one in openings},
        {(one.institution, one.uscc): one for one in backing},
    )


def exposures_in(
    portfolio: Portfolio, watch: Watch, firms: Firms, catalogue: Catalogue, today: date
) -> Exposures:
    """The portfolio as arrays; a firm that is not among `firms` is not on the register and is left out."""
    row_of = {uscc: row for row, uscc in enumerate(firms.usccs)}
    pairs = [pair for pair in portfolio.pairs if pair[1] in row_of]
    rows = np.array([row_of[uscc] for _, uscc in pairs], dtype=np.int64)
    backing = [portfolio.backing.get(pair) for pair in pairs]
    guarantors = [one.guarantor if one else "" for one in backing]
    facts = complete_facts(
        watch, firms, rows, _figures(portfolio, pairs, today), guarantors, row_of
    )
    return exposures_of(
        [institution for institution, _ in pairs],
        rows,
        [portfolio.opened.get(pair, ()) for pair in pairs],
        lambda whose, opened: closed_to(catalogue, whose, opened, today),
        facts,
    )


def _figures(portfolio: Portfolio, pairs: Sequence[Pair], today: date) -> Mapping[str, FloatArray]:
    """Figures of the loans themselves; a guarantor knows nothing of how they are repaid."""
    by_firm: defaultdict[str, list[ExposureFigures]] = defaultdict(list)
    for figures in portfolio.figures.values():
        by_firm[figures.uscc].append(figures)
    rows = [
        (
            *_own(portfolio.figures.get(pair), by_firm, pair, today),
            _age(portfolio.backing.get(pair), today),
            *_worst([one for one in by_firm[pair[1]] if one.institution != pair[0]]),
        )
        for pair in pairs
    ]
    names = (
        "own_loan_days_past_due_days", "own_loan_days_to_maturity_days", "own_loan_balance_cny",
        "own_loan_age_months", "other_loan_days_past_due_days", "other_loan_class_level",
    )  # fmt: skip
    columns = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    return dict(zip(names, columns.T.copy(), strict=True))


def _age(backing: Backing | None, today: date) -> float:
    """Whole calendar months since the latest loan was granted."""
    if backing is None:
        return np.nan
    granted = backing.granted_on
    return float((today.year - granted.year) * 12 + today.month - granted.month)


def _own(
    figures: ExposureFigures | None,
    by_firm: Mapping[str, list[ExposureFigures]],
    pair: Pair,
    today: date,
) -> tuple[float, float, float]:
    mine = by_firm[pair[1]] if pair[0] == PLATFORM else [figures] if figures else []
    if not mine:
        return (np.nan, np.nan, np.nan)
    due = [one.matures_on for one in mine if one.matures_on is not None and one.matures_on >= today]
    return (
        float(max(one.days_past_due for one in mine)),
        float((min(due) - today).days) if due else np.nan,
        sum(one.balance_fen for one in mine) / 100,
    )


def _worst(others: Sequence[ExposureFigures]) -> tuple[float, float]:
    """Days late and class of loans elsewhere; none is none late and none bad."""
    late = max((one.days_past_due for one in others), default=0)
    return (float(late), float(max((one.five_class for one in others), default=1)))
