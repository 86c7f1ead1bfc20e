"""Matches as they were given."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE match (
    match_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    match_id text NOT NULL UNIQUE,
    uscc text NOT NULL,
    institution text NOT NULL,
    asked_by text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('self', 'grantee')),
    opened text[] NOT NULL,
    consents text[] NOT NULL,
    purpose text NOT NULL,
    as_of date NOT NULL,
    made_at timestamp NOT NULL,
    valid_until date NOT NULL,
    lake_version integer NOT NULL,
    bundle_id text NOT NULL,
    shelf text NOT NULL,
    inputs_hash text NOT NULL CHECK (length(inputs_hash) = 64),
    eligible text[] NOT NULL,
    document bytea NOT NULL,
    CHECK ((scope = 'self') = (institution = ''))
);
CREATE INDEX match_uscc ON match (uscc, match_no) WHERE institution = '';
CREATE INDEX match_institution ON match (institution, match_no) WHERE institution <> '';
"""


def upgrade() -> None:
    """Make the table; a match may be added and never changed."""
    op.execute(_TABLES)
    op.execute("GRANT SELECT, INSERT ON match TO xinqiao_app")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE match")
