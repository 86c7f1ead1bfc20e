"""`xinqiao needs …`: financing needs between the ledger and the lake."""

import typer

from xinqiao.console import Json, show, show_json
from xinqiao.ledger import exported

app = typer.Typer(no_args_is_help=True, help="融资需求 · financing needs")


@app.callback()
def needs() -> None:
    """融资需求与业务数据库、数据湖。 Needs between the ledger and the lake."""


@app.command("export")
def export_needs(*, as_json: Json = False) -> None:
    """把新的融资需求及其进展写入数据湖；重复执行无害。 Land new needs and how they went; again does no harm.

    例 Example: xinqiao needs export
    """
    from serving.needs.export import export_new  # noqa: PLC0415 - takes half a second to load

    rows = exported(export_new)
    if as_json:
        show_json({"rows": rows})
        return
    show(f"已向数据湖写入 {rows:,} 行。", f"{rows:,} rows were given to the lake.")
