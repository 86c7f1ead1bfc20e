"""`xinqiao database …`: the ledger's schema, forward and back."""

from typing import Annotated

import typer

from xinqiao.console import Json, show, show_json
from xinqiao.settings import database_addresses, load_settings

app = typer.Typer(no_args_is_help=True, help="业务数据库 · the ledger")


@app.command()
def migrate() -> None:
    """升级到本程序的结构版本。 Bring the schema to this program's version.

    例 Example: xinqiao database migrate
    """
    from serving.database.migrate import current, upgrade  # noqa: PLC0415 - takes half a second to load
    from serving.database.opening import opened  # noqa: PLC0415 - see above

    with opened(load_settings().database, database_addresses()) as addresses:
        upgrade(addresses.owner)
        found = current(addresses.owner)
    show(f"业务数据库的结构版本：{found}。", f"The ledger's schema is at {found}.")


@app.command()
def rollback(
    revision: Annotated[
        str, typer.Argument(help="退回到的版本，base 为空库 · revision; base empties the ledger")
    ],
) -> None:
    """退回到旧的结构版本；新版本的表连同数据一并删除。 Go back; tables of later versions go with their data.

    例 Example: xinqiao database rollback 0001
    """
    from serving.database.migrate import current, downgrade  # noqa: PLC0415 - see above
    from serving.database.opening import opened  # noqa: PLC0415 - see above

    with opened(load_settings().database, database_addresses()) as addresses:
        downgrade(addresses.owner, revision)
        found = current(addresses.owner)
    show(
        f"业务数据库的结构版本：{found or '空'}。",
        f"The ledger's schema is at {found or 'nothing'}.",
    )


@app.command()
def status(*, as_json: Json = False) -> None:
    """是否在运行、结构版本。 Whether it runs, and the version of its schema.

    例 Example: xinqiao database status --json
    """
    from serving.database.addresses import given_addresses  # noqa: PLC0415 - see above
    from serving.database.embedded import embedded, is_running  # noqa: PLC0415 - see above
    from serving.database.migrate import current, newest  # noqa: PLC0415 - see above

    home, given = load_settings().database, given_addresses(database_addresses())
    running, found = True, None
    if given is not None:
        found = current(given.app)
    elif running := is_running(home):
        with embedded(home) as addresses:
            found = current(addresses.app)
    needed = newest()
    if as_json:
        show_json({"private": given is None, "running": running, "schema": found, "needed": needed})
        return
    if not running:
        show(
            "内置数据库未运行；用到时会自动启动。",
            "The private server is not running; it starts when it is needed.",
        )
        return
    show(
        f"业务数据库正在运行；结构版本 {found or '空'}，本程序需要 {needed}。",
        f"The ledger is running; its schema is at {found or 'nothing'}, this program needs {needed}.",
    )
