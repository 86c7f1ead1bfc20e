"""Whose exposures are watched and what is open to whom, as the ledger says now."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from psycopg.rows import class_row

from features.contracts import Catalogue
from features.scope import PLATFORM
from models.arrays import FloatArray
from models.watching.batch import closing
from models.watching.exposures import Exposures, Firms, exposures_of
from models.watching.loan_facts import Behind, MortgageLook, complete_facts
from models.watching.watch import Watch
from serving.db import Connection
from serving.loans.exposures import ExposureFigures, exposure_figures, live_exposures

#: The scope by which a firm lets an institution watch it; a consent without it opens nothing to the watch.
WATCHES = "postloan"
Pair = tuple[str, str]

_OPENED = """
SELECT grantee AS institution, uscc, array_agg(DISTINCT scope ORDER BY scope) AS scopes, min(valid_from) AS since
FROM consent, unnest(scopes) AS scope
WHERE purpose = 'postloan' AND status = 'active' AND valid_from <= %(today)s AND valid_to >= %(today)s
  AND %(watches)s = ANY(scopes)
GROUP BY grantee, uscc
"""


#: Who stands for the running loans of a lender to a firm, when they were granted, and whether one is green.
_BACKED = """
SELECT institution, uscc, max(guarantor) AS guarantor, min(granted_on) AS first_granted_on,
       max(granted_on) AS granted_on, CASE WHEN bool_or(is_green) THEN true WHEN count(is_green) = count(*) THEN false END
       AS is_green FROM loan WHERE status IN ('running', 'overdue') GROUP BY institution, uscc
"""


#: Who asked for a rating or a report before credit; a lender that watches its loan applies no more.
_QUERIES = """
SELECT uscc, count(DISTINCT institution)::integer FROM (
    SELECT uscc, institution FROM rating
    WHERE scope = 'grantee' AND purpose IN ('apply', 'pre_credit') AND rated_at > %(since)s
    UNION ALL
    SELECT uscc, institution FROM report
    WHERE scope = 'grantee' AND purpose IN ('apply', 'pre_credit') AND made_at > %(since)s) AS asked
WHERE uscc IN (SELECT uscc FROM loan WHERE status IN ('running', 'overdue')) GROUP BY uscc
"""
#: As the name of `lender_queries_count_90d` says.
ASKED_LATELY = timedelta(days=90)


@dataclass(frozen=True)
class Backing:
    """What stands behind the running loans of a lender to a firm."""

    institution: str
    uscc: str
    guarantor: str
    first_granted_on: date
    granted_on: date
    is_green: bool | None


@dataclass(frozen=True)
class Opening:
    """What an enterprise opens to an institution that watches it."""

    institution: str
    uscc: str
    scopes: list[str]
    since: date


@dataclass(frozen=True)
class Portfolio:
    """Everything the ledger says about who watches whom.

    Attributes
    ----------
    pairs : sequence of (institution, uscc)
        In order; the platform's own view of every firm among them.
    figures : mapping of (institution, uscc) to ExposureFigures
        Of lenders.
    opened : mapping of (institution, uscc) to Opening
    backing : mapping of (institution, uscc) to Backing
        Of lenders.
    queries : mapping of str to int
        Institutions that asked about a firm lately; a firm that is left out was asked about by none.
    """

    pairs: Sequence[Pair]
    figures: Mapping[Pair, ExposureFigures]
    opened: Mapping[Pair, Opening]
    backing: Mapping[Pair, Backing]
    queries: Mapping[str, int]

    @property
    def usccs(self) -> list[str]:
        """Every firm that must be looked up, guarantors among them."""
        named = {one.guarantor for one in self.backing.values() if one.guarantor}
        return sorted(named.union(uscc for _, uscc in self.pairs))

    @cached_property
    def first_granted(self) -> Mapping[Pair, date]:
        """When the first running loan was granted, for its lender, for who stands for it and for the platform."""
        found: dict[Pair, date] = {}
        for one in self.backing.values():
            for holder in {one.institution, one.guarantor, PLATFORM} - {""}:
                pair = (holder, one.uscc)
                found[pair] = min(found.get(pair, one.first_granted_on), one.first_granted_on)
        return found


async def read_portfolio(
    connection: Connection, now: datetime, queries: Mapping[str, int]
) -> Portfolio:
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
        {(one.institution, one.uscc): one for one in openings},
        {(one.institution, one.uscc): one for one in backing},
        queries,
    )


async def read_queries(connection: Connection, now: datetime) -> Mapping[str, int]:
    """How many institutions asked lately about each firm with a running loan; firms without one are left out."""
    found = await connection.execute(_QUERIES, {"since": now - ASKED_LATELY})
    return {str(uscc): int(count) for uscc, count in await found.fetchall()}


def exposures_in(
    portfolio: Portfolio,
    watch: Watch,
    firms: Firms,
    catalogue: Catalogue,
    today: date,
    mortgages: MortgageLook,
) -> Exposures:
    """The portfolio as arrays; a firm that is not among `firms` is not on the register and is left out."""
    row_of = {uscc: row for row, uscc in enumerate(firms.usccs)}
    pairs = [pair for pair in portfolio.pairs if pair[1] in row_of]
    backing = [portfolio.backing.get(pair) for pair in pairs]
    opened = [portfolio.opened.get(pair) for pair in pairs]
    exposures = exposures_of(
        [institution for institution, _ in pairs],
        np.array([row_of[uscc] for _, uscc in pairs], dtype=np.int64),
        [tuple(one.scopes) if one else () for one in opened],
        closing(catalogue, today),
        _figures(portfolio, pairs, today),
        [portfolio.first_granted.get(pair) for pair in pairs],
    )
    behind = Behind(
        [one.guarantor if one else "" for one in backing],
        [one.granted_on if one else None for one in backing],
        [one.since if one else None for one in opened],
    )
    return complete_facts(watch, firms, exposures, behind, row_of, mortgages)


def _figures(portfolio: Portfolio, pairs: Sequence[Pair], today: date) -> Mapping[str, FloatArray]:
    """Figures of the loans themselves; a guarantor knows nothing of how they are repaid."""
    by_firm: defaultdict[str, list[ExposureFigures]] = defaultdict(list)
    for figures in portfolio.figures.values():
        by_firm[figures.uscc].append(figures)
    rows = [
        (
            *_own(portfolio.figures.get(pair), by_firm, pair, today),
            *_backed(portfolio.backing.get(pair), today),
            float(portfolio.queries.get(pair[1], 0)),
            *_worst([one for one in by_firm[pair[1]] if one.institution != pair[0]]),
        )
        for pair in pairs
    ]
    names = (
        "own_loan_days_past_due_days", "own_loan_days_to_maturity_days", "own_loan_balance_cny",
        "own_loan_age_months", "own_loan_is_green", "lender_queries_count_90d", "other_loan_days_past_due_days", "other_loan_class_level",
    )  # fmt: skip
    columns = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    return dict(zip(names, columns.T.copy(), strict=True))


def _backed(backing: Backing | None, today: date) -> tuple[float, float]:
    """Whole calendar months since the latest loan was granted, and whether one is green."""
    if backing is None:
        return (np.nan, np.nan)
    granted = backing.granted_on
    is_green = np.nan if backing.is_green is None else float(backing.is_green)
    return (float((today.year - granted.year) * 12 + today.month - granted.month), is_green)


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
