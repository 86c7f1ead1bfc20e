"""Reports as they were given, institutions' profiles of them, and how often verifications were asked."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = """
CREATE SEQUENCE report_running;

CREATE TABLE report (
    number text PRIMARY KEY,
    uscc text NOT NULL,
    institution text NOT NULL,
    asked_by text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('self', 'grantee')),
    opened text[] NOT NULL,
    consents text[] NOT NULL,
    is_public_only boolean NOT NULL,
    purpose text NOT NULL,
    profile text NOT NULL,
    sections text[] NOT NULL,
    made_at timestamp NOT NULL,
    valid_until date NOT NULL,
    lake_version integer NOT NULL,
    negative_rows text NOT NULL,
    sha256 text NOT NULL CHECK (length(sha256) = 64),
    document bytea NOT NULL
);
CREATE INDEX report_uscc ON report (uscc, made_at);
CREATE INDEX report_institution ON report (institution, made_at);

CREATE TABLE report_profile (
    institution text NOT NULL REFERENCES institution,
    name text NOT NULL,
    sections text[] NOT NULL CHECK (cardinality(sections) > 0),
    changed_at timestamp NOT NULL,
    changed_by text NOT NULL,
    PRIMARY KEY (institution, name)
);

CREATE TABLE verification_count (
    institution text NOT NULL,
    subject text NOT NULL,
    dataset text NOT NULL,
    column_name text NOT NULL,
    day date NOT NULL,
    asked integer NOT NULL CHECK (asked > 0),
    PRIMARY KEY (institution, subject, dataset, column_name, day)
);
CREATE INDEX verification_count_age ON verification_count (day);
"""

_GRANTS = """
GRANT USAGE ON SEQUENCE report_running TO xinqiao_app;
GRANT SELECT, INSERT ON report TO xinqiao_app;
GRANT SELECT, INSERT, UPDATE ON report_profile TO xinqiao_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON verification_count TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; a report may be added and never changed."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute(
        "DROP TABLE verification_count, report_profile, report; DROP SEQUENCE report_running"
    )
