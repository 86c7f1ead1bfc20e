"""Tags that somebody said a firm has, what firms took back, and what they contest."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE tag_claim (
    claim_id text PRIMARY KEY,
    uscc text NOT NULL,
    tag text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('certified', 'self_declared')),
    valid_from date NOT NULL,
    valid_until date NOT NULL,
    authority text NOT NULL DEFAULT '',
    evidence_no text NOT NULL DEFAULT '',
    made_by text NOT NULL,
    made_at timestamp NOT NULL,
    ended_at timestamp,
    CHECK (valid_until >= valid_from)
);
CREATE UNIQUE INDEX tag_claim_live ON tag_claim (uscc, tag) WHERE ended_at IS NULL;

CREATE TABLE tag_removal (
    removal_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uscc text NOT NULL,
    tag text NOT NULL,
    cause text NOT NULL CHECK (cause IN ('owner', 'contest')),
    removed_by text NOT NULL,
    removed_at timestamp NOT NULL,
    restored_at timestamp
);
CREATE UNIQUE INDEX tag_removal_live ON tag_removal (uscc, tag) WHERE restored_at IS NULL;

CREATE TABLE tag_contest (
    contest_no bigint GENERATED ALWAYS AS IDENTITY,
    contest_id text PRIMARY KEY,
    uscc text NOT NULL,
    tag text NOT NULL,
    text text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'upheld', 'rejected')),
    made_by text NOT NULL,
    made_at timestamp NOT NULL,
    answered_by text NOT NULL DEFAULT '',
    answered_at timestamp,
    answer_zh text NOT NULL DEFAULT '',
    CHECK ((answered_at IS NULL) = (state = 'open'))
);
CREATE UNIQUE INDEX tag_contest_open ON tag_contest (uscc, tag) WHERE state = 'open';
CREATE INDEX tag_contest_uscc ON tag_contest (uscc, contest_no);
"""

_GRANTS = """
GRANT SELECT, INSERT, UPDATE ON tag_claim, tag_removal, tag_contest TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; what was claimed, removed or contested stays on record after its end."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE tag_contest, tag_removal, tag_claim")
