"""The ledger's addresses for one run of the command: an operator's own server, or the private one."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from serving.database.addresses import Addresses, given_addresses
from serving.database.embedded import embedded


@contextmanager
def opened(home: Path, environment: Mapping[str, str]) -> Generator[Addresses]:
    """Addresses that hold while the block runs.

    Parameters
    ----------
    home : Path
        `<XINQIAO_HOME>/database`, where the private server lives if no address is set.
    environment : mapping of str to str
        Read by the caller; see `addresses.VARIABLES`.

    Raises
    ------
    DatabaseError
        If what is set is incomplete, or the private server does not start.
    """
    given = given_addresses(environment)
    if given is not None:
        yield given
        return
    with embedded(home) as addresses:
        yield addresses
