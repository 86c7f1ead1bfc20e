"""Real databases for tests: one private server a run, one fresh ledger a module.

`fresh_database` is the fixture to ask for: a migrated, empty ledger of the module's own. A test that
needs one for itself calls `ledger.clone()`.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from serving.database.addresses import Addresses
from serving.database.embedded import administrator, embedded, wait_until_stopped
from serving.database.migrate import upgrade
from serving.database.roles import make_database

#: Nothing of a test run has to survive the machine.
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
TEMPLATE = "migrated"


@dataclass
class Ledger:
    """The server of this test run.

    Attributes
    ----------
    administrator : str
        conninfo of the superuser.
    """

    addresses: Addresses
    administrator: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def clone(self, template: str = TEMPLATE) -> Addresses:
        """A new ledger, migrated and empty; some 30 ms."""
        name = f"clone_{next(self.numbers)}"
        with psycopg.connect(self.administrator, autocommit=True) as connection:
            make_database(connection, name, template=template)
        return self.addresses.in_database(name)

    def drop(self, addresses: Addresses) -> None:
        """Remove a clone with whoever still looks at it."""
        name = conninfo_to_dict(addresses.owner)["dbname"]
        with psycopg.connect(self.administrator, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(name)))
            )


def reachable_folder() -> Path:
    """A folder in which the server's user may work, whoever runs the tests."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    return folder


def remove_home(home: Path) -> None:
    """Delete a server's home, if it came to have one, when its keeper has ended, with what it keeps elsewhere."""
    if not home.exists():
        return
    wait_until_stopped(home)
    place = home / "place"
    if place.exists():
        shutil.rmtree(place.read_text("utf-8").strip(), ignore_errors=True)
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def ledger() -> Generator[Ledger]:
    home = reachable_folder()
    try:
        with embedded(home, extra=FORGETFUL) as addresses:
            server = Ledger(addresses, administrator(home))
            with psycopg.connect(server.administrator, autocommit=True) as connection:
                make_database(connection, TEMPLATE)
            upgrade(addresses.in_database(TEMPLATE).owner)
            yield server
    finally:
        remove_home(home)


@pytest.fixture(scope="module")
def fresh_database(ledger: Ledger) -> Generator[Addresses]:
    addresses = ledger.clone()
    yield addresses
    ledger.drop(addresses)
