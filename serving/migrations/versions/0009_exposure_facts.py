"""Whether a loan is green, who asked about a firm lately, and what changed since a loan was granted."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index; no loan has said yet whether it is green."""
    op.execute("ALTER TABLE loan ADD COLUMN is_green boolean")
    op.execute("ALTER TABLE alert ADD COLUMN since_grant jsonb NOT NULL DEFAULT '[]'")
    op.execute(
        "CREATE INDEX rating_queries ON rating (uscc, rated_at, institution) "
        "WHERE scope = 'grantee' AND purpose IN ('apply', 'pre_credit')"
    )


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX rating_queries")
    op.execute("ALTER TABLE alert DROP COLUMN since_grant")
    op.execute("ALTER TABLE loan DROP COLUMN is_green")
