"""`xinqiao people …`: the first operator, when nobody can log in yet."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from features.clock import now_in_shanghai
from features.errors import RequestError
from xinqiao.console import Json, out, show, show_json
from xinqiao.settings import database_addresses, load_settings

if TYPE_CHECKING:
    from serving.db import Connection

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, help="人员账户 · people who log in")
#: People printed at most.
SHOWN = 1000


class PersonRole(StrEnum):
    """What a person can be."""

    OPERATOR = "operator"
    SCIENTIST = "scientist"
    AUDITOR = "auditor"
    OFFICER = "officer"
    OWNER = "owner"


@app.command()
def add(
    login: Annotated[str, typer.Argument(help="本人自选的登录名 · a name its person chose")],
    role: Annotated[PersonRole, typer.Option(help="角色 · role")],
    tenant: Annotated[
        str, typer.Option(help="企业主的企业、机构人员的机构 · enterprise or institution")
    ] = "",
    *,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="从标准输入读取密码 · read it from stdin")
    ] = False,
) -> None:
    """新增账户；未给密码则生成并只显示一次。 Take a person in; a password that is made is shown once.

    例 Example: xinqiao people add li.si --role operator
    """
    from serving.auth.marks import new_secret  # noqa: PLC0415 - takes half a second to load
    from serving.auth.people.first import Newcomer, take_in  # noqa: PLC0415 - see above

    if bool(tenant) != (role in {PersonRole.OFFICER, PersonRole.OWNER}):
        raise RequestError(
            en="An owner or officer needs --tenant (a credit code); other roles have none.",
            zh="企业主和机构人员须用 --tenant 指定统一社会信用代码，其他角色不得指定。",
        )
    password = sys.stdin.readline().rstrip("\n") if password_stdin else new_secret()
    newcomer = Newcomer(login, password, role, tenant)
    person_id = _in_ledger(lambda ledger: take_in(ledger, newcomer, now_in_shanghai()))
    show(f"已新增 {login}（{person_id}）。", f"Took in {login} ({person_id}).")
    if not password_stdin:
        show(f"密码（仅显示这一次）：{password}", f"Password, shown this once: {password}")


@app.command("list")
def list_people(*, as_json: Json = False) -> None:
    """列出账户与角色。 People and what they are.

    例 Example: xinqiao people list --json
    """
    from serving.auth.people.first import everybody  # noqa: PLC0415 - see above

    found = _in_ledger(lambda ledger: everybody(ledger, "", SHOWN))
    rows = [
        {
            "person_id": person.person_id,
            "login": person.login,
            "state": person.state,
            "real_name_level": person.real_name_level,
            "roles": [f"{row.role} {row.tenant}".strip() for row in held if row.ended_at is None],
        }
        for person, held in found
    ]
    if as_json:
        show_json(rows)
        return
    for person, held in found:
        roles = ", ".join(row.role for row in held if row.ended_at is None)
        out.print(f"{person.login}  {person.state}  {roles}", markup=False)


@app.command()
def close(login: Annotated[str, typer.Argument(help="登录名 · login")]) -> None:
    """注销账户，其会话立即失效。 Close an account; its sessions end at once.

    例 Example: xinqiao people close li.si
    """
    from serving.auth.people import first  # noqa: PLC0415 - see above

    person_id = _in_ledger(lambda ledger: first.close(ledger, login, now_in_shanghai()))
    show(f"已注销 {login}（{person_id}）。", f"Closed {login} ({person_id}).")


@app.command("rotate-keys")
def rotate_keys(
    *,
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="旧密钥已泄露，立即作废 · old keys are no longer secret"),
    ] = False,
) -> None:
    """更换令牌签名密钥，服务无需停机。 Make a new signing key for tokens while the service runs.

    例 Example: xinqiao people rotate-keys
    """
    from serving.auth.key_files import rotate  # noqa: PLC0415 - see above

    name = rotate(load_settings().vault / "tokens", now_in_shanghai(), at_once=at_once)
    show(f"新签名密钥：{name}。", f"The new signing key is {name}.")


def _in_ledger(work: Callable[["Connection"], Awaitable[T]]) -> T:
    """Do something in one transaction of the ledger, at this program's version."""
    from psycopg import AsyncConnection  # noqa: PLC0415 - see above

    from serving.database.migrate import upgrade  # noqa: PLC0415 - see above
    from serving.database.opening import opened  # noqa: PLC0415 - see above

    async def once(address: str) -> T:
        async with await AsyncConnection.connect(address) as connection:
            return await work(connection)

    with opened(load_settings().database, database_addresses()) as addresses:
        upgrade(addresses.owner)
        return asyncio.run(once(addresses.app))
