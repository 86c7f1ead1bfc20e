"""Webhook endpoints, their secrets, the outbox of notices and the attempts to deliver them."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE webhook_endpoint (
    endpoint_id text PRIMARY KEY,
    institution text NOT NULL REFERENCES institution,
    label text NOT NULL,
    url text NOT NULL,
    state text NOT NULL CHECK (state IN ('active', 'disabled', 'removed')),
    state_reason text NOT NULL DEFAULT '',
    created_at timestamp NOT NULL,
    changed_at timestamp NOT NULL,
    last_success_at timestamp
);
CREATE INDEX webhook_endpoint_institution ON webhook_endpoint (institution);

CREATE TABLE webhook_secret (
    secret_id text PRIMARY KEY,
    endpoint_id text NOT NULL REFERENCES webhook_endpoint,
    sealed bytea NOT NULL,
    created_at timestamp NOT NULL,
    expires_at timestamp
);
CREATE INDEX webhook_secret_endpoint ON webhook_secret (endpoint_id);

CREATE TABLE webhook_stream (
    endpoint_id text NOT NULL REFERENCES webhook_endpoint,
    stream text NOT NULL,
    next_sequence bigint NOT NULL,
    due_at timestamp,
    leased_until timestamp,
    leased_by text NOT NULL DEFAULT '',
    failures integer NOT NULL DEFAULT 0,
    failing_since timestamp,
    PRIMARY KEY (endpoint_id, stream)
);
CREATE INDEX webhook_stream_due ON webhook_stream (endpoint_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_stream_leased ON webhook_stream (endpoint_id) WHERE leased_until IS NOT NULL;

CREATE TABLE notice (
    notice_id text PRIMARY KEY,
    endpoint_id text NOT NULL,
    stream text NOT NULL,
    sequence bigint NOT NULL,
    thing text NOT NULL,
    kind text NOT NULL,
    uscc text NOT NULL,
    needs text[] NOT NULL,
    body text NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'sent', 'folded', 'withheld', 'failed')),
    posted_at timestamp NOT NULL,
    settled_at timestamp,
    UNIQUE (endpoint_id, stream, sequence),
    FOREIGN KEY (endpoint_id, stream) REFERENCES webhook_stream
);
CREATE INDEX notice_waiting ON notice (endpoint_id, stream, sequence) WHERE state = 'waiting';
CREATE INDEX notice_settled ON notice (settled_at) WHERE settled_at IS NOT NULL;

CREATE TABLE webhook_attempt (
    attempt_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notice_id text NOT NULL REFERENCES notice ON DELETE CASCADE,
    endpoint_id text NOT NULL,
    sequence bigint NOT NULL,
    began_at timestamp NOT NULL,
    outcome text NOT NULL DEFAULT '',
    status integer,
    milliseconds integer
);
CREATE INDEX webhook_attempt_endpoint ON webhook_attempt (endpoint_id, attempt_no);
CREATE INDEX webhook_attempt_notice ON webhook_attempt (notice_id);
"""

_GRANTS = """
GRANT SELECT, INSERT, UPDATE ON webhook_endpoint, webhook_secret, webhook_stream TO xinqiao_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON notice, webhook_attempt TO xinqiao_app;
GRANT DELETE ON webhook_secret TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute(
        "DROP TABLE webhook_attempt, notice, webhook_stream, webhook_secret, webhook_endpoint"
    )
