"""Why firms are rated again for their lenders, and how far it was looked for."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE rating_trigger (
    institution text NOT NULL,
    uscc text NOT NULL,
    cause text NOT NULL CHECK (cause IN ('record', 'repair', 'correction', 'consent', 'month_end')),
    key text NOT NULL,
    what text NOT NULL DEFAULT '',
    happened_on date NOT NULL,
    noticed_at timestamp NOT NULL,
    due_at timestamp NOT NULL,
    settled_at timestamp,
    outcome text NOT NULL DEFAULT '',
    rating_id text REFERENCES rating,
    PRIMARY KEY (institution, uscc, cause, key),
    CHECK ((settled_at IS NULL) = (outcome = '')),
    CHECK ((rating_id IS NOT NULL) = (outcome = 'issued'))
);
CREATE INDEX rating_trigger_due ON rating_trigger (due_at, uscc, institution) WHERE settled_at IS NULL;
CREATE INDEX rating_trigger_age ON rating_trigger (settled_at) WHERE settled_at IS NOT NULL;

CREATE TABLE rating_trigger_mark (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    began_at timestamp,
    lake_version integer NOT NULL DEFAULT 0,
    repairs_until timestamp,
    consent_event_no bigint NOT NULL DEFAULT 0,
    case_event_no bigint NOT NULL DEFAULT 0,
    month_end date
);
INSERT INTO rating_trigger_mark DEFAULT VALUES;
"""

_GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON rating_trigger TO xinqiao_app;
GRANT SELECT, UPDATE ON rating_trigger_mark TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; what was noticed before they were made is no cause."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE rating_trigger_mark, rating_trigger")
