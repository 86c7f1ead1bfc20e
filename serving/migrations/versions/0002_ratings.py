"""Ratings as they were given, and orders of many."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE rating_batch (
    batch_no bigint GENERATED ALWAYS AS IDENTITY,
    batch_id text PRIMARY KEY,
    institution text NOT NULL,
    role text NOT NULL,
    asked_by text NOT NULL,
    purpose text NOT NULL,
    as_of date,
    is_public_only boolean NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'cancelled')),
    rows integer NOT NULL CHECK (rows > 0),
    ordered_at timestamp NOT NULL,
    ended_at timestamp
);
CREATE INDEX rating_batch_institution ON rating_batch (institution, batch_no);
CREATE INDEX rating_batch_open ON rating_batch (batch_no) WHERE state = 'running';

CREATE TABLE rating (
    rating_no bigint GENERATED ALWAYS AS IDENTITY,
    rating_id text PRIMARY KEY,
    uscc text NOT NULL,
    institution text NOT NULL,
    asked_by text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('self', 'grantee')),
    opened text[] NOT NULL,
    consents text[] NOT NULL,
    purpose text NOT NULL,
    need_id text NOT NULL,
    is_public_only boolean NOT NULL,
    as_of date NOT NULL,
    rated_at timestamp NOT NULL,
    valid_until date NOT NULL,
    model text NOT NULL,
    bundle_id text NOT NULL,
    lake_version integer NOT NULL,
    score integer NOT NULL,
    grade text NOT NULL,
    feature_hash text NOT NULL,
    document text NOT NULL,
    batch_id text REFERENCES rating_batch
);
CREATE INDEX rating_uscc ON rating (uscc, rating_no);
CREATE INDEX rating_institution ON rating (institution, rating_no);

CREATE TABLE rating_batch_row (
    batch_id text NOT NULL REFERENCES rating_batch,
    row_no integer NOT NULL,
    uscc text NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'rated', 'refused')),
    reason text NOT NULL DEFAULT '',
    rating_id text REFERENCES rating,
    PRIMARY KEY (batch_id, row_no)
);
CREATE INDEX rating_batch_row_waiting ON rating_batch_row (batch_id, row_no) WHERE state = 'waiting';
"""

_GRANTS = """
GRANT SELECT, INSERT ON rating TO xinqiao_app;
GRANT SELECT, INSERT, UPDATE ON rating_batch, rating_batch_row TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; a rating may be added and never changed."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE rating_batch_row, rating, rating_batch")
