"""The schema goes up and down, and the service refuses another one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from serving.database.addresses import Addresses
from serving.database.migrate import current, downgrade, newest, require_current, upgrade
from serving.errors import DatabaseError, SchemaError
from tests.databases import Ledger

#: Everything that makes a schema: tables, columns, defaults, constraints, indexes, rights.
CATALOG = """
SELECT 'relation', c.relname, c.relkind::text, c.relacl::text FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace
UNION ALL SELECT 'column', a.attrelid::regclass::text, a.attname::text,
    format('%s %s %s %s %s', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
           pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relnamespace = 'public'::regnamespace
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attnum > 0
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'index', tablename::text, indexname::text, indexdef FROM pg_indexes
  WHERE schemaname = 'public'
UNION ALL SELECT 'function', proname::text, proacl::text, pg_get_functiondef(oid) FROM pg_proc
  WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname::text, pg_get_triggerdef(oid) FROM pg_trigger
  WHERE NOT tgisinternal
UNION ALL SELECT 'type', typname::text, typtype::text, typacl::text FROM pg_type
  WHERE typnamespace = 'public'::regnamespace
ORDER BY 1, 2, 3, 4
"""


def catalog(address: str) -> list[tuple[object, ...]]:
    with psycopg.connect(address) as connection:
        return connection.execute(CATALOG).fetchall()


@pytest.fixture
def empty(ledger: Ledger) -> Addresses:
    return ledger.clone("template1")


def test_up_down_and_up_again_is_the_same_schema(empty: Addresses) -> None:
    upgrade(empty.owner)
    first = catalog(empty.owner)
    assert len(first) > 100
    downgrade(empty.owner, "base")
    # Alembic keeps its own table, now without a row; nothing of ours is left.
    left = {str(row[1]) for row in catalog(empty.owner)}
    assert all("alembic_version" in name for name in left), left
    assert current(empty.owner) is None
    upgrade(empty.owner)
    assert catalog(empty.owner) == first
    assert current(empty.app) == newest()


def test_the_service_refuses_an_older_and_a_newer_schema(empty: Addresses) -> None:
    with pytest.raises(SchemaError, match="is at nothing, this program needs 0") as older:
        require_current(empty.owner)
    assert "xinqiao database migrate" in older.value.zh
    upgrade(empty.owner)
    require_current(empty.app)
    require_current(empty.sealer)
    with psycopg.connect(empty.owner) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="is at 9999, which this program does not know"):
        require_current(empty.app)


def test_an_unknown_revision_changes_nothing(empty: Addresses) -> None:
    with pytest.raises(DatabaseError, match=r"was not changed: .*'0815'"):
        upgrade(empty.owner, "0815")
    assert current(empty.owner) is None


def test_a_step_that_fails_takes_the_others_back(empty: Addresses, tmp_path: Path) -> None:
    (tmp_path / "0001_good.py").write_text(step("0001", None, "CREATE TABLE one (n integer)"))
    (tmp_path / "0002_bad.py").write_text(step("0002", "0001", "CREATE TABLE one (n integer)"))
    with pytest.raises(DatabaseError, match='relation "one" already exists'):
        upgrade(empty.owner, versions=tmp_path)
    assert catalog(empty.owner) == []


def test_migrators_take_turns(empty: Addresses) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, [empty.owner] * 4))
    assert current(empty.app) == newest()


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="The ledger does not answer"):
        current(f"host={tmp_path} dbname=xinqiao")


def step(revision: str, after: str | None, statement: str) -> str:
    return (
        f"from alembic import op\nrevision = {revision!r}\ndown_revision = {after!r}\n"
        f"def upgrade():\n    op.execute({statement!r})\n"
    )
