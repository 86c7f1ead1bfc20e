"""How a granted application is followed up, and which needs the lake has not heard of."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_REVISITS = """
ALTER TABLE application ALTER COLUMN revisit_by TYPE timestamp USING revisit_by + time '18:00';
ALTER TABLE application ADD COLUMN revisit_outcome text NOT NULL DEFAULT '';
ALTER TABLE application ADD COLUMN satisfaction smallint CHECK (satisfaction BETWEEN 1 AND 5);
ALTER TABLE application ADD CHECK (state = 'granted' OR (revisit_by IS NULL AND revisit_outcome = ''));
UPDATE application SET alarmed_at = NULL WHERE revisit_by IS NOT NULL;
CREATE INDEX application_duty ON application (least(contact_by, decide_by, revisit_by))
    WHERE least(contact_by, decide_by, revisit_by) IS NOT NULL;
"""
_CHANGES = """
CREATE TABLE need_change (
    change_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    need_id text NOT NULL REFERENCES financing_need (need_id)
);
INSERT INTO need_change (need_id) SELECT need_id FROM financing_need ORDER BY need_no;
CREATE INDEX application_need ON application (need_id);
GRANT SELECT, INSERT, DELETE ON need_change TO xinqiao_app;
"""


def upgrade() -> None:
    """A revisit has a clock like the other two; all needs stated so far are still to be told."""
    op.execute(_REVISITS)
    op.execute(_CHANGES)


def downgrade() -> None:
    """Drop them; a revisit that was made is forgotten but for the events."""
    op.execute("DROP TABLE need_change")
    op.execute("DROP INDEX application_need, application_duty")
    op.execute(
        "ALTER TABLE application DROP COLUMN revisit_outcome, DROP COLUMN satisfaction, "
        "ALTER COLUMN revisit_by TYPE date USING revisit_by::date"
    )
