"""Cases of firms: disputes of records, reviews of ratings, repairs; their duties, marks and notices."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE credit_case (
    case_no bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    case_id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('dispute', 'review', 'repair')),
    uscc text NOT NULL,
    dataset text NOT NULL DEFAULT '',
    record_key text NOT NULL DEFAULT '',
    rating_id text NOT NULL DEFAULT '',
    about text NOT NULL CHECK (about IN ('own', 'others')),
    text text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 2000),
    appeal_text text NOT NULL DEFAULT '' CHECK (char_length(appeal_text) <= 2000),
    application_no text NOT NULL DEFAULT '' CHECK (char_length(application_no) <= 128),
    state text NOT NULL,
    state_since timestamp NOT NULL,
    round smallint NOT NULL DEFAULT 1 CHECK (round IN (1, 2)),
    assigned_to text NOT NULL DEFAULT '',
    deciders text[] NOT NULL DEFAULT '{}',
    outcome text NOT NULL DEFAULT '',
    answer_zh text NOT NULL DEFAULT '' CHECK (char_length(answer_zh) <= 4000),
    filed_by text NOT NULL,
    filed_at timestamp NOT NULL
);
CREATE UNIQUE INDEX credit_case_one ON credit_case (kind, uscc, dataset, record_key, rating_id)
    WHERE state NOT IN ('closed', 'withdrawn');
CREATE INDEX credit_case_firm ON credit_case (uscc, case_no);
CREATE INDEX credit_case_state ON credit_case (kind, state, case_no);

CREATE TABLE case_event (
    event_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id text NOT NULL REFERENCES credit_case,
    step text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    at timestamp NOT NULL,
    actor text NOT NULL,
    actor_role text NOT NULL,
    said jsonb NOT NULL
);
CREATE INDEX case_event_case ON case_event (case_id, event_no);

CREATE TABLE case_duty (
    duty_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id text NOT NULL REFERENCES credit_case,
    duty text NOT NULL,
    opened_at timestamp NOT NULL,
    due_at timestamp NOT NULL CHECK (due_at > opened_at),
    is_provisional boolean NOT NULL,
    ended_at timestamp,
    is_done boolean NOT NULL DEFAULT false,
    rating_id text,
    alarmed_at timestamp
);
CREATE UNIQUE INDEX case_duty_open ON case_duty (case_id, duty) WHERE ended_at IS NULL;
CREATE INDEX case_duty_due ON case_duty (due_at) WHERE ended_at IS NULL;

CREATE TABLE owner_statement (
    statement_id text PRIMARY KEY,
    uscc text NOT NULL,
    dataset text NOT NULL,
    record_key text NOT NULL,
    text text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 500),
    made_by text NOT NULL,
    made_at timestamp NOT NULL,
    withdrawn_at timestamp
);
CREATE UNIQUE INDEX owner_statement_one ON owner_statement (uscc, dataset, record_key)
    WHERE withdrawn_at IS NULL;

CREATE TABLE review_note (
    note_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id text NOT NULL REFERENCES credit_case,
    rating_id text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('upheld', 're_rated', 'grade_overridden')),
    grade text,
    new_rating_id text,
    basis text NOT NULL,
    reviewer text NOT NULL,
    second_person text,
    at timestamp NOT NULL,
    CHECK ((outcome = 'grade_overridden') = (grade IS NOT NULL AND second_person IS NOT NULL)),
    CHECK (second_person <> reviewer)
);
CREATE INDEX review_note_rating ON review_note (rating_id);

CREATE TABLE repair_notice (
    case_id text PRIMARY KEY REFERENCES credit_case,
    uscc text NOT NULL,
    dataset text NOT NULL,
    record_no text NOT NULL,
    repaired_at timestamp NOT NULL,
    decided_by text NOT NULL,
    certificate_no text NOT NULL,
    landed_at timestamp
);
CREATE INDEX repair_notice_due ON repair_notice (case_id) WHERE landed_at IS NULL;
"""

_GRANTS = """
GRANT SELECT, INSERT, UPDATE ON credit_case, case_duty, owner_statement, repair_notice TO xinqiao_app;
GRANT SELECT, INSERT ON case_event, review_note TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; what was done in a case and a reviewer's note are never changed."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop everything, in the order of what refers to what."""
    op.execute(
        "DROP TABLE repair_notice, review_note, owner_statement, case_duty, case_event, credit_case"
    )
