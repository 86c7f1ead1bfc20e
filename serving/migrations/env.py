"""What Alembic runs for every change of the schema: on the connection it is given, in one transaction."""

from alembic import context
from sqlalchemy import Connection

#: The name under which Alembic loads this file; imported by anyone else, it does nothing.
LOADED_BY_ALEMBIC = "env_py"


def run_migrations(connection: Connection) -> None:
    """All steps that are asked for, or none."""
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


if __name__ == LOADED_BY_ALEMBIC:
    run_migrations(context.config.attributes["connection"])
