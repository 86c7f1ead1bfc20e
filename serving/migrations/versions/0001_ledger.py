"""The ledger: institutions, people, consent, the audit record, idempotent answers, alarms."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE institution (
    uscc text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text,
    kind text NOT NULL CHECK (kind IN ('bank', 'insurer', 'guarantor', 'credit_service', 'leasing', 'factoring')),
    region text,
    state text NOT NULL CHECK (state IN ('applied', 'assessed', 'active', 'suspended', 'exited')),
    state_since timestamp NOT NULL,
    state_reason text NOT NULL DEFAULT '',
    assessed_until date
);

CREATE TABLE client (
    client_no integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    client_id text PRIMARY KEY,
    institution text NOT NULL REFERENCES institution,
    label text NOT NULL,
    permissions text[] NOT NULL,
    rate_per_second real NOT NULL CHECK (rate_per_second > 0),
    burst integer NOT NULL CHECK (burst > 0),
    state text NOT NULL CHECK (state IN ('active', 'revoked')),
    created_at timestamp NOT NULL
);
CREATE INDEX client_institution ON client (institution);

CREATE TABLE client_secret (
    secret_id text PRIMARY KEY,
    client_id text NOT NULL REFERENCES client,
    digest bytea NOT NULL,
    created_at timestamp NOT NULL,
    expires_at timestamp,
    revoked_at timestamp
);
CREATE INDEX client_secret_client ON client_secret (client_id);

CREATE TABLE person (
    person_no integer GENERATED ALWAYS AS IDENTITY UNIQUE,
    person_id text PRIMARY KEY,
    login text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    real_name_level smallint NOT NULL DEFAULT 0 CHECK (real_name_level BETWEEN 0 AND 3),
    state text NOT NULL CHECK (state IN ('active', 'locked', 'closed')),
    failed_logins integer NOT NULL DEFAULT 0,
    locked_until timestamp,
    created_at timestamp NOT NULL
);

CREATE TABLE membership (
    person_id text NOT NULL REFERENCES person,
    role text NOT NULL CHECK (role IN ('owner', 'officer', 'operator', 'scientist', 'auditor')),
    tenant text NOT NULL DEFAULT '',
    granted_at timestamp NOT NULL,
    ended_at timestamp,
    PRIMARY KEY (person_id, role, tenant)
);

CREATE TABLE session (
    token_digest bytea PRIMARY KEY,
    person_id text NOT NULL,
    role text NOT NULL,
    tenant text NOT NULL,
    created_at timestamp NOT NULL,
    last_used_at timestamp NOT NULL,
    expires_at timestamp NOT NULL,
    ended_at timestamp,
    FOREIGN KEY (person_id, role, tenant) REFERENCES membership
);
CREATE INDEX session_person ON session (person_id);

CREATE TABLE consent (
    consent_id text PRIMARY KEY,
    uscc text NOT NULL,
    grantee text NOT NULL,
    purpose text NOT NULL,
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    need_id text NOT NULL DEFAULT '',
    status text NOT NULL CHECK (status IN ('active', 'revoked', 'expired', 'used_up')),
    valid_from date NOT NULL,
    valid_to date NOT NULL CHECK (valid_to >= valid_from),
    method text NOT NULL CHECK (method IN ('online_sign', 'written_scan', 'imported')),
    document_hash text,
    notice_version text,
    grantor text,
    real_name_level smallint,
    max_queries integer CHECK (max_queries > 0),
    queries_used integer NOT NULL DEFAULT 0 CHECK (queries_used >= 0 AND queries_used <= max_queries),
    granted_at timestamp NOT NULL,
    ended_at timestamp
);
CREATE UNIQUE INDEX consent_live ON consent (uscc, grantee, purpose, need_id) WHERE status = 'active';
CREATE INDEX consent_grantee ON consent (grantee, consent_id);
CREATE INDEX consent_due ON consent (valid_to) WHERE status = 'active';

CREATE TABLE consent_event (
    event_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id text NOT NULL UNIQUE,
    consent_id text NOT NULL REFERENCES consent,
    event text NOT NULL CHECK (event IN ('granted', 'narrowed', 'revoked', 'expired')),
    cause text NOT NULL DEFAULT '',
    occurred_at timestamp NOT NULL,
    scopes text[] NOT NULL,
    actor text NOT NULL
);
CREATE INDEX consent_event_consent ON consent_event (consent_id, event_no);

CREATE TABLE consent_export (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    last_event_no bigint NOT NULL DEFAULT 0,
    exported_at timestamp
);
INSERT INTO consent_export DEFAULT VALUES;

CREATE TABLE audit_event (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamp NOT NULL,
    request_id text NOT NULL,
    actor_kind text NOT NULL,
    actor text NOT NULL,
    role text NOT NULL,
    tenant text,
    action text NOT NULL,
    subject text,
    purpose text,
    consents text[] NOT NULL,
    fields text[] NOT NULL,
    result text NOT NULL,
    detail text NOT NULL
);
CREATE INDEX audit_event_subject ON audit_event (subject, audit_id) WHERE subject IS NOT NULL;
CREATE INDEX audit_event_tenant ON audit_event (tenant, audit_id) WHERE tenant IS NOT NULL;
CREATE INDEX audit_event_at ON audit_event USING brin (at);
CREATE INDEX audit_event_order ON audit_event (transaction_id, audit_id);

CREATE TABLE audit_seal (
    leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
    audit_id bigint NOT NULL UNIQUE,
    leaf_hash bytea NOT NULL
);

CREATE TABLE audit_tile (
    level smallint NOT NULL CHECK (level > 0),
    tile_index bigint NOT NULL CHECK (tile_index >= 0),
    hash bytea NOT NULL,
    PRIMARY KEY (level, tile_index)
);

CREATE TABLE idempotent_answer (
    actor text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    asked text NOT NULL DEFAULT '',
    status smallint,
    media_type text,
    location text,
    body bytea,
    created_at timestamp NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE INDEX idempotent_answer_age ON idempotent_answer (created_at);

CREATE TABLE alarm (
    alarm_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    actor text NOT NULL,
    tenant text,
    raised_at timestamp NOT NULL,
    window_from timestamp NOT NULL,
    count integer NOT NULL,
    limit_per_window integer NOT NULL,
    acknowledged_by text,
    acknowledged_at timestamp,
    outcome text
);
CREATE INDEX alarm_open ON alarm (actor, kind, raised_at);
"""

_GRANTS = """
GRANT USAGE ON SCHEMA public TO xinqiao_app, xinqiao_sealer;
GRANT SELECT, INSERT, UPDATE ON institution, client, client_secret, person, membership, session,
    consent, consent_export, idempotent_answer, alarm TO xinqiao_app;
GRANT DELETE ON session, idempotent_answer TO xinqiao_app;
GRANT SELECT, INSERT ON consent_event TO xinqiao_app;
GRANT SELECT, INSERT (at, request_id, actor_kind, actor, role, tenant, action, subject, purpose, consents, fields, result,
    detail) ON audit_event TO xinqiao_app;
GRANT SELECT ON audit_seal, audit_tile TO xinqiao_app;
GRANT SELECT ON audit_event TO xinqiao_sealer;
GRANT SELECT, INSERT ON audit_seal, audit_tile TO xinqiao_sealer;
"""


def upgrade() -> None:
    """Make the tables; the service may add to the record and never change it."""
    op.execute(_TABLES)
    op.execute(_GRANTS)


def downgrade() -> None:
    """Drop everything, in the order of what refers to what."""
    op.execute(
        "DROP TABLE alarm, idempotent_answer, audit_tile, audit_seal, audit_event, consent_export, "
        "consent_event, consent, session, membership, person, client_secret, client, institution"
    )
