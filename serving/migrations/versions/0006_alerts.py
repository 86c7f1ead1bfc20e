"""Warnings as institutions were told them, what was done about each, and the firms they watch."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE alert (
    alert_no bigint GENERATED ALWAYS AS IDENTITY,
    alert_id text PRIMARY KEY,
    institution text NOT NULL,
    uscc text NOT NULL,
    name text NOT NULL,
    signal text NOT NULL,
    dimension text NOT NULL,
    level text NOT NULL CHECK (level IN ('B', 'Y', 'O', 'R')),
    state text NOT NULL CHECK (state IN ('detected', 'verified', 'pushed', 'acknowledged', 'handling', 'closed')),
    began_at timestamp NOT NULL,
    level_since timestamp NOT NULL,
    as_of date NOT NULL,
    counted date NOT NULL,
    less_runs integer NOT NULL CHECK (less_runs >= 0),
    less text CHECK (less IN ('B', 'Y', 'O', 'R')),
    acknowledge_by timestamp,
    handle_by timestamp,
    repeat_at timestamp,
    outcome text CHECK (outcome IN ('confirmed_default', 'mitigated', 'false_alarm', 'repaired', 'loan_settled', 'expired')),
    closed_at timestamp,
    has_cleared boolean NOT NULL,
    reopened integer NOT NULL CHECK (reopened >= 0),
    repeats integer NOT NULL CHECK (repeats >= 0),
    found_on date NOT NULL,
    found_at timestamp NOT NULL,
    model text NOT NULL,
    datasets text[] NOT NULL,
    needs text[] NOT NULL,
    evidence jsonb NOT NULL,
    says jsonb NOT NULL,
    alarmed_at timestamp,
    CHECK ((state = 'closed') = (outcome IS NOT NULL)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX alert_open ON alert (institution, uscc, signal) WHERE state <> 'closed';
CREATE UNIQUE INDEX alert_number ON alert (institution, alert_no);
CREATE INDEX alert_firm ON alert (uscc, signal);
CREATE INDEX alert_repeat ON alert (repeat_at) WHERE state <> 'closed';

CREATE TABLE alert_event (
    event_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id text NOT NULL REFERENCES alert,
    step text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    level text NOT NULL,
    at timestamp NOT NULL,
    actor text NOT NULL,
    actor_role text NOT NULL,
    said jsonb NOT NULL
);
CREATE INDEX alert_event_alert ON alert_event (alert_id, event_no);

CREATE TABLE watched_firm (
    institution text NOT NULL,
    uscc text NOT NULL,
    reason text NOT NULL,
    put_by text NOT NULL,
    put_at timestamp NOT NULL,
    PRIMARY KEY (institution, uscc)
);
"""

_GRANTS = """
GRANT SELECT, INSERT, UPDATE ON alert TO xinqiao_app;
GRANT SELECT, INSERT ON alert_event TO xinqiao_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON watched_firm TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; what was done about an alert is added to and never changed."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE watched_firm, alert_event, alert")
