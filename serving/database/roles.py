"""The ledger's database and the three roles that may speak to it."""

from collections.abc import Mapping

import psycopg
from psycopg import Connection, sql
from psycopg.rows import TupleRow

from serving.database.addresses import ROLES

LEDGER = "xinqiao"

#: No statement of the service takes longer; whoever asked has stopped waiting by then.
APP_STATEMENT_TIMEOUT = "5s"


def prepare_server(administrator: str, passwords: Mapping[str, str]) -> None:
    """Make the roles and the empty ledger, as far as they are missing.

    Parameters
    ----------
    administrator : str
        conninfo of a superuser in any database.
    passwords : mapping of str to str
        By role.
    """
    with psycopg.connect(administrator, autocommit=True) as connection:
        for role in ROLES:
            _make_role(connection, f"xinqiao_{role}", passwords[role])
        connection.execute(
            sql.SQL("ALTER ROLE xinqiao_app SET statement_timeout = {}").format(
                APP_STATEMENT_TIMEOUT
            )
        )
        connection.execute("REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC")
        make_database(connection, LEDGER)


def make_database(
    connection: Connection[TupleRow], name: str, *, template: str = "template1"
) -> None:
    """Make a database that only the three roles can enter, unless it is there."""
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    database = sql.Identifier(name)
    if found is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER xinqiao_owner TEMPLATE {}").format(
                database, sql.Identifier(template)
            )
        )
    connection.execute(
        sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(database)
    )
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO xinqiao_app, xinqiao_sealer").format(database)
    )


def _make_role(connection: Connection[TupleRow], name: str, password: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = sql.SQL("ALTER ROLE" if found else "CREATE ROLE")
    connection.execute(
        sql.SQL("{} {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(password))
    )
