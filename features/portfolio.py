"""Running loans as exposures: whose, of which firm, how they stand, and what the firm opens to whom.

Read through a snapshot of all that is held; what of it an institution may be told is decided where it is
asked about, by the datasets its exposure leaves closed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from features.codes.industries import industry_table_sql
from features.contracts import REGISTER, Catalogue
from features.engine import literal
from features.lake import LakeView
from features.scope import PLATFORM, DataScope, Purpose
from features.snapshot import Snapshot, grants_at, open_snapshot

LOANS, MONTHS, GUARANTEES = "loan_account", "repayment_snapshot", "guarantee_account"
PORTFOLIO_DATASETS = frozenset({REGISTER, LOANS, MONTHS, GUARANTEES})
#: The scope by which a firm lets a lender watch it; a consent without it opens nothing to the watch.
WATCHES = "postloan"

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Portfolio:
    """n exposures by institution and enterprise key: lenders', guarantors', and the platform's own view.

    Attributes
    ----------
    institutions, products, guarantors : list of str
        `platform` for its own; product of the largest loan and one guarantor, empty where there is none.
    firm : ndarray of int64, shape (n,)
        Enterprise keys.
    opened : list of tuple of str
        Consent scopes open to the institution for watching, in order.
    loans : list of list of str
        Ids of the running loans it stands for.
    granted : list of (date, date)
        When the first and the latest of them were granted.
    opened_since : list of (date or None)
        First day of the consents that open something to it; None where none does.
    figures : mapping of str to ndarray of float64, shape (n,)
        Exposure facts that the loans give.
    """

    institutions: list[str]
    products: list[str]
    guarantors: list[str]
    firm: IntArray
    opened: list[tuple[str, ...]]
    loans: list[list[str]]
    granted: list[tuple[date, date]]
    opened_since: list[date | None]
    figures: Mapping[str, FloatArray]

    def __len__(self) -> int:
        """Count the exposures."""
        return len(self.institutions)

    def take(self, rows: Sequence[int]) -> "Portfolio":
        """Some of the exposures, in the order asked."""
        return Portfolio(
            institutions=[self.institutions[row] for row in rows],
            products=[self.products[row] for row in rows],
            guarantors=[self.guarantors[row] for row in rows],
            firm=self.firm[list(rows)],
            opened=[self.opened[row] for row in rows],
            loans=[self.loans[row] for row in rows],
            granted=[self.granted[row] for row in rows],
            opened_since=[self.opened_since[row] for row in rows],
            figures={name: values[list(rows)] for name, values in self.figures.items()},
        )


def open_portfolio(
    lake: LakeView, catalogue: Catalogue, as_of_date: date, *, now: datetime
) -> Snapshot:
    """The snapshot that a portfolio is read through."""
    scope = DataScope(PORTFOLIO_DATASETS, Purpose.POSTLOAN, max(as_of_date, now.date()))
    return open_snapshot(lake, catalogue, as_of_date, scope, now=now, datasets=PORTFOLIO_DATASETS)


def read_portfolio(snapshot: Snapshot) -> Portfolio:
    """Exposures of every loan that runs at the snapshot's date.

    A loan runs while its latest month on record has a balance that was not written off; before its first
    month, while its status says so.
    """
    grants = grants_at(
        snapshot.lake, snapshot.catalogue, snapshot.as_of_date, Purpose.POSTLOAN, holding=WATCHES
    )
    snapshot.connection.execute(f"CREATE OR REPLACE TEMP TABLE running AS {_RUNNING}")
    query = _EXPOSURES.format(platform=literal(PLATFORM), day=snapshot.as_of_date, grants=grants)
    table = snapshot.connection.sql(query).to_arrow_table()
    figures = [name for name in table.column_names if name.startswith(("own_loan", "other_loan"))]
    granted = (table[name].to_pylist() for name in ("first_granted_on", "granted_on"))
    return Portfolio(
        institutions=table["institution"].to_pylist(),
        products=table["product_code"].to_pylist(),
        guarantors=table["guarantor"].to_pylist(),
        firm=table["enterprise_key"].to_numpy().astype(np.int64),
        opened=[tuple(scopes) for scopes in table["scopes"].to_pylist()],
        loans=table["loans"].to_pylist(),
        granted=list(zip(*granted, strict=True)),
        opened_since=table["opened_since"].to_pylist(),
        figures={
            name: table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in figures
        },
    )


def enterprise_keys(snapshot: Snapshot, usccs: Collection[str]) -> dict[str, int]:
    """Keys of firms by their codes, of those on the register."""
    listed = ", ".join(literal(uscc) for uscc in sorted(usccs)) or "NULL"
    query = f"SELECT uscc, enterprise_key FROM enterprise WHERE uscc IN ({listed})"
    return {str(uscc): int(key) for uscc, key in snapshot.connection.execute(query).fetchall()}


@dataclass(frozen=True)
class LateRate:
    """Running loans of one part of the portfolio in one month, and those over the limit of days late.

    Attributes
    ----------
    dimension : {"region", "industry", "product"}
    month : int
        Twelve times the year and the month, so that months can be subtracted.
    """

    dimension: str
    value: str
    month: int
    loans: int
    late: int


def late_rates(snapshot: Snapshot, *, over_days: int, months: int) -> list[LateRate]:
    """Loans over a number of days late, part by part, over the last months on record, oldest first."""
    query = _LATE.format(over=int(over_days), months=int(months), sections=industry_table_sql())
    return [LateRate(*row) for row in snapshot.connection.execute(query).fetchall()]


_RUNNING = """
    WITH latest AS (SELECT enterprise_key, loan_id, arg_max(balance_fen, month) AS balance_fen,
        arg_max(dpd, month) AS dpd, arg_max(CAST(five_class AS INTEGER), month) AS five_class,
        max(coalesce(written_off_fen, 0)) AS written_off_fen
        FROM visible_repayment_snapshot GROUP BY enterprise_key, loan_id),
    guarantor AS (SELECT enterprise_key, loan_id, max(guarantor_uscc) AS guarantor
        FROM visible_guarantee_account GROUP BY enterprise_key, loan_id)
    SELECT a.enterprise_key, a.loan_id, coalesce(a.lender_uscc, '') AS institution,
        coalesce(a.product_code, '') AS product_code,
        CAST(a.granted_at AS DATE) AS granted_on, a.is_green,
        CAST(a.granted_at AS DATE) + to_months(CAST(a.term_months AS INTEGER)) AS matures_on,
        coalesce(m.balance_fen, a.amount_fen) AS balance_fen, coalesce(m.dpd, 0) AS dpd,
        coalesce(m.five_class, 1) AS five_class, coalesce(g.guarantor, '') AS guarantor
    FROM visible_loan_account a LEFT JOIN latest m USING (enterprise_key, loan_id)
    LEFT JOIN guarantor g USING (enterprise_key, loan_id)
    WHERE coalesce(m.balance_fen > 0 AND m.written_off_fen = 0, a.loan_status IN ('1', '3'))"""

#: A lender and a guarantor of the same loans are one exposure; the platform's own is every loan of a firm.
_EXPOSURES = """
    WITH side AS (
        SELECT *, institution AS holder FROM running WHERE institution <> ''
        UNION SELECT *, guarantor AS holder FROM running WHERE guarantor <> ''
        UNION SELECT *, {platform} AS holder FROM running),
    exposure AS (SELECT holder, enterprise_key, list(loan_id ORDER BY loan_id) AS loans,
        arg_max(product_code, balance_fen) AS product_code, max(guarantor) AS guarantor,
        max(dpd) AS dpd, sum(balance_fen) / 100 AS balance,
        min(CASE WHEN matures_on >= DATE '{day}' THEN matures_on END) AS matures_on,
        min(granted_on) AS first_granted_on, max(granted_on) AS granted_on,
        CASE WHEN bool_or(is_green) THEN 1 WHEN count(is_green) = count(*) THEN 0 END AS is_green
        FROM side GROUP BY holder, enterprise_key),
    other AS (SELECT e.holder, e.enterprise_key, max(r.dpd) AS dpd, max(r.five_class) AS five_class
        FROM exposure e JOIN running r ON r.enterprise_key = e.enterprise_key
        AND NOT list_contains(e.loans, r.loan_id) GROUP BY e.holder, e.enterprise_key)
    SELECT e.holder AS institution, e.enterprise_key, e.loans, e.product_code, e.guarantor,
        coalesce(g.scopes, []) AS scopes, g.since AS opened_since, e.first_granted_on, e.granted_on,
        CAST(e.is_green AS DOUBLE) AS own_loan_is_green, CAST(e.dpd AS DOUBLE) AS own_loan_days_past_due_days,
        CAST(e.matures_on AS DATE) - DATE '{day}' AS own_loan_days_to_maturity_days,
        CAST(e.balance AS DOUBLE) AS own_loan_balance_cny,
        CAST(date_diff('month', e.granted_on, DATE '{day}') AS DOUBLE) AS own_loan_age_months,
        CAST(coalesce(o.dpd, 0) AS DOUBLE) AS other_loan_days_past_due_days,
        CAST(coalesce(o.five_class, 1) AS DOUBLE) AS other_loan_class_level
    FROM exposure e LEFT JOIN other o USING (holder, enterprise_key)
    LEFT JOIN ({grants}) g ON g.enterprise_key = e.enterprise_key AND g.grantee = e.holder
    ORDER BY e.holder, e.enterprise_key"""

_LATE = """
    WITH coded AS (SELECT enterprise_key, left(max(region_code), 6) AS region,
        left(ltrim(max(industry_code), 'ABCDEFGHIJKLMNOPQRST'), 2) AS division
        FROM visible_reg_basic GROUP BY enterprise_key),
    firm AS (SELECT enterprise_key, region, section AS industry FROM coded
        LEFT JOIN {sections} USING (division)),
    loan AS (SELECT enterprise_key, loan_id, product_code AS product FROM visible_loan_account),
    seen AS (SELECT enterprise_key, loan_id, (month // 100) * 12 + month % 100 AS month,
        dpd > {over} AS is_late FROM visible_repayment_snapshot WHERE balance_fen > 0),
    part AS (SELECT s.month, s.is_late, unnest([
            {{'dimension': 'region', 'value': f.region}},
            {{'dimension': 'industry', 'value': f.industry}},
            {{'dimension': 'product', 'value': l.product}}], recursive := true)
        FROM seen s JOIN loan l USING (enterprise_key, loan_id) LEFT JOIN firm f USING (enterprise_key)
        WHERE s.month > (SELECT max(month) FROM seen) - {months})
    SELECT dimension, value, month, count(*), count(*) FILTER (WHERE is_late) FROM part
    WHERE coalesce(value, '') <> '' GROUP BY dimension, value, month ORDER BY dimension, value, month"""
