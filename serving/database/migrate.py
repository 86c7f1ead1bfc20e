"""Bring the ledger's schema to a revision, and refuse to work on another one."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, OperationalError

from serving.errors import DatabaseError, SchemaError

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
VERSIONS = MIGRATIONS / "versions"

#: Any constant will do, as long as every program that migrates takes the same [bigint].
MIGRATION_LOCK = 0x58_49_4E_51_49_41_4F
#: How long a migration waits for another one, and for a table that is in use.
LOCK_TIMEOUT = "60s"


def upgrade(owner: str, revision: str = "head", *, versions: Path = VERSIONS) -> None:
    """Bring the schema forward to a revision; nothing happens if it is there.

    Parameters
    ----------
    owner : str
        conninfo of `xinqiao_owner`.
    versions : Path
        Folder of migrations; tests have their own.

    Raises
    ------
    DatabaseError
        If there is no such revision, or the database cannot be reached or changed.
    """
    _change(owner, versions, lambda config: command.upgrade(config, revision))


def downgrade(owner: str, revision: str, *, versions: Path = VERSIONS) -> None:
    """Take the schema back to a revision; `base` is an empty database.

    Raises
    ------
    DatabaseError
        As for `upgrade`.
    """
    _change(owner, versions, lambda config: command.downgrade(config, revision))


def current(address: str) -> str | None:
    """The revision the database is at; None where it was never migrated."""
    with _connected(address) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest(*, versions: Path = VERSIONS) -> str | None:
    """The revision this program was written for."""
    return ScriptDirectory.from_config(_config(versions)).get_current_head()


def require_current(address: str, *, versions: Path = VERSIONS) -> None:
    """Make sure that program and schema fit; called before the service opens its door.

    Raises
    ------
    SchemaError
        If the schema is older or newer than the program.
    """
    found, needed = current(address), newest(versions=versions)
    if found == needed:
        return
    scripts = ScriptDirectory.from_config(_config(versions))
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaError(
            en=f"The ledger's schema is at {found}, which this program does not know; it knows up to {needed}. Run a newer program.",
            zh=f"业务数据库的结构版本为 {found}，本程序只认识到 {needed}；请使用更新的程序。",
        )
    raise SchemaError(
        en=f"The ledger's schema is at {found or 'nothing'}, this program needs {needed}. Run `xinqiao database migrate`.",
        zh=f"业务数据库的结构版本为 {found or '空'}，本程序需要 {needed}；请运行 `xinqiao database migrate`。",
    )


def _change(owner: str, versions: Path, act: Callable[[Config], None]) -> None:
    config = _config(versions)
    with _connected(owner) as connection:
        try:
            _take_lock(connection)
            config.attributes["connection"] = connection
            act(config)
            _let_roles_read(connection)
            connection.commit()
        except CommandError as wrong:
            raise DatabaseError(
                en=f"The ledger's schema was not changed: {wrong}. Revisions are listed in {versions}.",
                zh=f"业务数据库的结构未更改：{wrong}。可用版本见 {versions}。",
            ) from wrong
        except DBAPIError as refused:
            raise DatabaseError(
                en=f"The ledger's schema was not changed: {_said(refused)}",
                zh=f"业务数据库的结构未更改：{_said(refused)}。",
            ) from refused


def _take_lock(connection: sa.Connection) -> None:
    """One migration at a time; released with the transaction."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")


def _let_roles_read(connection: sa.Connection) -> None:
    """The service and the sealer may see which schema they work on."""
    connection.exec_driver_sql("GRANT USAGE ON SCHEMA public TO xinqiao_app, xinqiao_sealer")
    connection.exec_driver_sql("GRANT SELECT ON alembic_version TO xinqiao_app, xinqiao_sealer")


@contextmanager
def _connected(address: str) -> Generator[sa.Connection]:
    """One connection for one job, closed with it."""
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(address), poolclass=sa.NullPool
    )
    try:
        with engine.connect() as connection:
            yield connection
    except (psycopg.OperationalError, OperationalError) as gone:
        raise DatabaseError(
            en=f"The ledger does not answer: {_said(gone)}. Is the server running, and the address right?",
            zh=f"业务数据库没有响应：{_said(gone)}。请确认服务器正在运行、地址无误。",
        ) from gone
    finally:
        engine.dispose()


def _said(error: Exception) -> str:
    """The server's own words on one line."""
    origin = getattr(error, "orig", None) or error
    return " ".join(str(origin).split())


def _config(versions: Path) -> Config:
    config = Config()
    for name, path in (("script_location", MIGRATIONS), ("version_locations", versions)):
        config.set_main_option(name, str(path).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return config
