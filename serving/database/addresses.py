"""Where the ledger is, for each of the three roles that may speak to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from serving.errors import DatabaseError

#: `owner` holds the schema and migrates; `app` is the service; `sealer` seals the record.
Role = Literal["owner", "app", "sealer"]
ROLES: tuple[Role, ...] = ("owner", "app", "sealer")

#: Where an operator with a server of their own puts each address.
VARIABLES: Mapping[Role, str] = {
    "owner": "XINQIAO_DATABASE_OWNER_URL",
    "app": "XINQIAO_DATABASE_URL",
    "sealer": "XINQIAO_DATABASE_SEALER_URL",
}


@dataclass(frozen=True, repr=False)
class Addresses:
    """psycopg conninfo strings by role; they hold passwords and are never printed.

    A process is given only the roles it needs: asking for another is an error that names it.

    Examples
    --------
    >>> Addresses({"app": "host=/run/pg dbname=xinqiao user=xinqiao_app"}).app
    'host=/run/pg dbname=xinqiao user=xinqiao_app'
    """

    by_role: Mapping[Role, str]

    @property
    def owner(self) -> str:
        """Owns the schema; only migrations use it."""
        return self.of("owner")

    @property
    def app(self) -> str:
        """The service: reads and adds, never changes the record."""
        return self.of("app")

    @property
    def sealer(self) -> str:
        """Seals the record."""
        return self.of("sealer")

    def of(self, role: Role) -> str:
        """One role's address.

        Raises
        ------
        DatabaseError
            If this process was not given it.
        """
        if role not in self.by_role:
            raise DatabaseError(
                en=f"The ledger's address for the role xinqiao_{role} is missing. Set {VARIABLES[role]}.",
                zh=f"缺少角色 xinqiao_{role} 的业务数据库地址，请设置 {VARIABLES[role]}。",
            )
        return self.by_role[role]

    def in_database(self, name: str) -> "Addresses":
        """The same server and roles, another database."""
        return Addresses(
            {role: make_conninfo(address, dbname=name) for role, address in self.by_role.items()}
        )


def given_addresses(values: Mapping[str, str]) -> Addresses | None:
    """What an operator has set for a server of their own; None means the private one.

    Parameters
    ----------
    values : mapping of str to str
        Environment variables; an empty one counts as not set.

    Raises
    ------
    DatabaseError
        If an address cannot be read, or some are set but not the service's.

    Examples
    --------
    >>> given_addresses({"PATH": "/bin"}) is None
    True
    """
    given: dict[Role, str] = {
        role: values[name] for role, name in VARIABLES.items() if values.get(name)
    }
    for role, address in given.items():
        _require_readable(address, VARIABLES[role])
    if given and "app" not in given:
        named = ", ".join(VARIABLES[role] for role in given)
        raise DatabaseError(
            en=f"{named} is set but {VARIABLES['app']} is not. Set it, too, or none of them for the private server.",
            zh=f"已设置 {named}，但未设置 {VARIABLES['app']}；请一并设置，或全部不设以使用内置数据库。",
        )
    return Addresses(given) if given else None


def _require_readable(address: str, variable: str) -> None:
    try:
        conninfo_to_dict(address)
    except psycopg.ProgrammingError:  # its words quote the address, and with it the password
        raise DatabaseError(
            en=f"{variable} is no PostgreSQL address. Write postgresql://user:password@host/database or host=… dbname=… user=….",
            zh=f"{variable} 不是有效的 PostgreSQL 地址，请写成 postgresql://用户:密码@主机/库名，或 host=… dbname=… user=…。",
        ) from None
