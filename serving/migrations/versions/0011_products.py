"""Products: what institutions offer, version by version, each reviewed before it is matched."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = """
CREATE SEQUENCE product_change_no;
CREATE TABLE product (
    code text PRIMARY KEY,
    institution text NOT NULL DEFAULT '',
    change_no bigint NOT NULL DEFAULT nextval('product_change_no'),
    created_at timestamp NOT NULL,
    withdrawn_at timestamp,
    withdrawn_by text NOT NULL DEFAULT '',
    withdrawn_reason text NOT NULL DEFAULT ''
);
CREATE INDEX product_institution ON product (institution, code);
CREATE INDEX product_change ON product (change_no);

CREATE TABLE product_version (
    code text NOT NULL REFERENCES product,
    version integer NOT NULL CHECK (version > 0),
    state text NOT NULL CHECK (state IN ('in_review', 'published', 'rejected')),
    valid_from date NOT NULL,
    valid_until date CHECK (valid_until >= valid_from),
    document jsonb NOT NULL,
    submitted_by text NOT NULL,
    submitted_at timestamp NOT NULL,
    reviewed_by text NOT NULL DEFAULT '',
    reviewed_at timestamp,
    note text NOT NULL DEFAULT '',
    PRIMARY KEY (code, version),
    CHECK ((state = 'in_review') = (reviewed_at IS NULL))
);
CREATE INDEX product_version_waiting ON product_version (submitted_at) WHERE state = 'in_review';
CREATE UNIQUE INDEX product_version_begins ON product_version (code, valid_from) WHERE state = 'published';
"""

_GRANTS = """
GRANT SELECT, INSERT, UPDATE ON product, product_version TO xinqiao_app;
GRANT USAGE ON SEQUENCE product_change_no TO xinqiao_app;
"""


def upgrade() -> None:
    """Make the tables; a version is never changed but for its review."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE product_version, product")
    op.execute("DROP SEQUENCE product_change_no")
