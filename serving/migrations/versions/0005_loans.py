"""Loans: what institutions report of them, how they stand, totals they declare, what the lake has heard."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE loan (
    institution text NOT NULL,
    loan_id text NOT NULL,
    lake_id text NOT NULL,
    uscc text NOT NULL,
    product_code text NOT NULL DEFAULT '',
    granted_on date NOT NULL,
    matures_on date,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    balance_fen bigint NOT NULL CHECK (balance_fen >= 0),
    days_past_due integer NOT NULL CHECK (days_past_due >= 0),
    five_class smallint NOT NULL CHECK (five_class BETWEEN 1 AND 5),
    status text NOT NULL CHECK (status IN ('running', 'settled', 'overdue', 'written_off')),
    guarantor text NOT NULL DEFAULT '',
    reported_month date,
    updated_at timestamp NOT NULL,
    PRIMARY KEY (institution, loan_id),
    UNIQUE (uscc, lake_id)
);
CREATE INDEX loan_guarantor ON loan (guarantor) WHERE guarantor <> '';

CREATE TABLE loan_report (
    report_no bigint PRIMARY KEY,
    institution text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('grant', 'month', 'closure', 'guarantee')),
    loan_id text NOT NULL,
    month date NOT NULL DEFAULT '0001-01-01',
    uscc text NOT NULL,
    consent_id text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    supersedes bigint REFERENCES loan_report,
    payload jsonb NOT NULL,
    reason text NOT NULL DEFAULT '',
    reported_at timestamp NOT NULL,
    reported_by text NOT NULL,
    CHECK ((kind = 'month') = (month > '0001-01-01')),
    CHECK ((version = 1) = (supersedes IS NULL)),
    UNIQUE (institution, loan_id, kind, month, version)
);
CREATE SEQUENCE loan_report_no OWNED BY loan_report.report_no;
CREATE INDEX loan_report_guarantee ON loan_report (uscc) WHERE kind = 'guarantee';

CREATE TABLE loan_export (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    last_report_no bigint NOT NULL DEFAULT 0,
    exported_at timestamp
);
INSERT INTO loan_export DEFAULT VALUES;

CREATE TABLE loan_totals (
    totals_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    institution text NOT NULL,
    month date NOT NULL,
    declared jsonb NOT NULL,
    declared_at timestamp NOT NULL,
    declared_by text NOT NULL
);
CREATE INDEX loan_totals_institution ON loan_totals (institution, month);
"""

_GRANTS = """
GRANT SELECT, INSERT, UPDATE ON loan TO xinqiao_app;
GRANT SELECT, INSERT ON loan_report, loan_totals TO xinqiao_app;
GRANT SELECT, UPDATE ON loan_export TO xinqiao_app;
GRANT USAGE ON SEQUENCE loan_report_no TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; a report may be added and never changed."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE loan_totals, loan_export, loan_report, loan")
