"""Whose exposures are watched and what is open to whom, as the ledger says now."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from psycopg.rows import class_row

from features.contracts import Catalogue
from features.scope import PLATFORM
from models.arrays import FloatArray
from models.watching.exposures import Exposures, exposures_of
from serving.db import Connection
from serving.loans.exposures import ExposureFigures, exposure_figures, live_exposures

#: The scope by which a firm lets an institution watch it; a consent without it opens nothing to the watch.
WATCHES = "postloan"
Scopes = tuple[str, ...]

_OPENED = """
SELECT grantee AS institution, uscc, array_agg(DISTINCT scope ORDER BY scope) AS scopes
FROM consent, unnest(scopes) AS scope
WHERE purpose = 'postloan' AND status = 'active' AND valid_from <= %(today)s AND valid_to >= %(today)s
  AND %(watches)s = ANY(scopes)
GROUP BY grantee, uscc
"""


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
    """

    pairs: Sequence[tuple[str, str]]
    figures: Mapping[tuple[str, str], ExposureFigures]
    opened: Mapping[tuple[str, str], Scopes]


async def read_portfolio(connection: Connection, now: datetime) -> Portfolio:
    """Read exposures, how their loans stand, and the consents to watch them."""
    exposures = await live_exposures(connection)
    figures = {(one.institution, one.uscc): one for one in await exposure_figures(connection)}
    asked: dict[str, object] = {"today": now.date(), "watches": WATCHES}
    async with connection.cursor(row_factory=class_row(Opening)) as cursor:
        openings = await (await cursor.execute(_OPENED, asked)).fetchall()
    pairs = {(one.institution, one.uscc) for one in exposures}
    pairs |= {(PLATFORM, one.uscc) for one in exposures}
    return Portfolio(
        sorted(pairs), figures, {(one.institution, one.uscc): tuple(one.scopes) for one in openings}
    )


def exposures_in(
    portfolio: Portfolio, row_of: Mapping[str, int], catalogue: Catalogue, today: date
) -> Exposures:
    """The portfolio as arrays; a firm without a row is not on the register and is left out.

    Parameters
    ----------
    row_of : mapping of str to int
        Row of each firm by its code.
    """
    pairs = [pair for pair in portfolio.pairs if pair[1] in row_of]
    return exposures_of(
        [institution for institution, _ in pairs],
        np.array([row_of[uscc] for _, uscc in pairs], dtype=np.int64),
        [portfolio.opened.get(pair, ()) for pair in pairs],
        lambda institution, opened: closed_to(catalogue, institution, opened),
        _facts(portfolio, pairs, today),
    )


def closed_to(catalogue: Catalogue, institution: str, opened: object) -> frozenset[str]:
    """Datasets an institution may not look at; the platform looks at everything."""
    if institution == PLATFORM:
        return frozenset()
    scopes: Collection[object] = opened if isinstance(opened, tuple) else ()
    return frozenset(
        dataset.name
        for dataset in catalogue
        if dataset.needs_consent and dataset.document.consent_scope not in scopes
    )


def _facts(
    portfolio: Portfolio, pairs: Sequence[tuple[str, str]], today: date
) -> Mapping[str, FloatArray]:
    """Facts of the loans themselves; a guarantor knows nothing of how they are repaid."""
    by_firm: defaultdict[str, list[ExposureFigures]] = defaultdict(list)
    for figures in portfolio.figures.values():
        by_firm[figures.uscc].append(figures)
    own = [_own(portfolio.figures.get(pair), by_firm, pair, today) for pair in pairs]
    other = [
        _worst([one for one in by_firm[uscc] if one.institution != institution])
        for institution, uscc in pairs
    ]
    columns = np.array([[*mine, *theirs] for mine, theirs in zip(own, other, strict=True)])
    names = (
        "own_loan_days_past_due_days", "own_loan_days_to_maturity_days", "own_loan_balance_cny",
        "other_loan_days_past_due_days", "other_loan_class_level",
    )  # fmt: skip
    return dict(zip(names, columns.reshape(-1, len(names)).T.copy(), strict=True))


def _own(
    figures: ExposureFigures | None,
    by_firm: Mapping[str, list[ExposureFigures]],
    pair: tuple[str, str],
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
