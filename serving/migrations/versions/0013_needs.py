"""What firms need, what they apply for, and what lenders answered."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE financing_need (
    need_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    need_id text NOT NULL UNIQUE,
    uscc text NOT NULL,
    institution text NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    term_months integer NOT NULL CHECK (term_months > 0),
    purpose text NOT NULL,
    statements jsonb NOT NULL,
    source text NOT NULL CHECK (source IN ('page', 'api', 'officer')),
    made_by text NOT NULL,
    made_at timestamp NOT NULL
);
CREATE INDEX financing_need_uscc ON financing_need (uscc, need_no);
CREATE INDEX financing_need_institution ON financing_need (institution, need_no) WHERE institution <> '';

CREATE TABLE application (
    application_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id text NOT NULL UNIQUE,
    need_id text NOT NULL REFERENCES financing_need (need_id),
    match_id text NOT NULL REFERENCES match (match_id),
    uscc text NOT NULL,
    institution text NOT NULL,
    product text NOT NULL,
    family text NOT NULL,
    grade text NOT NULL,
    state text NOT NULL CHECK (state IN ('applied', 'contacted', 'granted', 'declined', 'withdrawn', 'expired')),
    since timestamp NOT NULL,
    expires_at timestamp NOT NULL,
    contact_by timestamp,
    decide_by timestamp,
    revisit_by date,
    applied_by text NOT NULL,
    applied_at timestamp NOT NULL,
    reason text NOT NULL DEFAULT '',
    amount_fen bigint CHECK (amount_fen > 0),
    rate_percent numeric(7, 4),
    term_months integer CHECK (term_months > 0),
    loan_id text NOT NULL DEFAULT '',
    alarmed_at timestamp,
    CHECK ((decide_by IS NOT NULL) = (state IN ('applied', 'contacted'))),
    CHECK ((reason <> '') = (state = 'declined')),
    CHECK ((amount_fen IS NOT NULL) = (state = 'granted'))
);
CREATE UNIQUE INDEX application_once ON application (uscc, product) WHERE decide_by IS NOT NULL;
CREATE INDEX application_uscc ON application (uscc, application_no);
CREATE INDEX application_institution ON application (institution, application_no);
CREATE INDEX application_due ON application (decide_by) WHERE decide_by IS NOT NULL;

CREATE TABLE application_event (
    event_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id text NOT NULL REFERENCES application (application_id),
    step text NOT NULL,
    to_state text NOT NULL,
    at timestamp NOT NULL,
    actor text NOT NULL,
    actor_role text NOT NULL,
    said jsonb NOT NULL
);
CREATE INDEX application_event_application ON application_event (application_id, event_no);
"""

_GRANTS = """
GRANT SELECT, INSERT ON financing_need, application_event TO xinqiao_app;
GRANT SELECT, INSERT, UPDATE ON application TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; a need and what was done about an application are never changed."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE application_event, application, financing_need")
