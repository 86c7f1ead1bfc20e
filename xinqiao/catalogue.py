"""`xinqiao catalogue …`: the sharing list, and published lists held against it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from features.contracts import CATALOGUE_DIR, check_catalogue, load_catalogue
from features.errors import CatalogueError
from features.published import check_published, coverage, list_names, load_published
from xinqiao.console import Json, fail, show, show_json

app = typer.Typer(no_args_is_help=True, help="共享清单 · the sharing list")


@app.command()
def check(
    folder: Annotated[
        Path, typer.Argument(help="共享清单目录 · folder of dataset files")
    ] = CATALOGUE_DIR,
    *,
    as_json: Json = False,
) -> None:
    """检查共享清单；有问题时逐条说明并以 1 退出。 Check every dataset; each problem is a sentence.

    已发布清单也一并核对。 The published lists are held against it as well.

    例 Example: xinqiao catalogue check
    """
    problems = check_catalogue(folder)
    if not problems and folder == CATALOGUE_DIR:
        problems = _published_problems()
    if as_json:
        show_json([{"en": problem.en, "zh": problem.zh} for problem in problems])
    else:
        for problem in problems:
            fail(problem)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        names = [dataset.name for dataset in load_catalogue(folder)]
        show(
            f"共享清单无误：{len(names)} 个数据集（{'、'.join(names)}）。",
            f"The catalogue is sound: {len(names)} datasets ({', '.join(names)}).",
        )


@app.command(name="coverage")
def show_coverage(
    name: Annotated[str, typer.Argument(help="已发布清单名 · name of a published list")],
    *,
    as_json: Json = False,
) -> None:
    """逐字段说明已发布清单落到哪一列。 Where each field of a published list lands.

    例 Example: xinqiao catalogue coverage linyi-2023-9
    """
    landings = coverage(load_published(name), load_catalogue())
    if as_json:
        show_json([asdict(landing) for landing in landings])
        return
    for landing in landings:
        where = ", ".join(f"{landing.dataset}.{column}" for column in landing.columns)
        place = f"{landing.number} {landing.kind} · {landing.field} → {where}"
        show(
            place + ("（加密保存）" if landing.is_sealed else ""),
            place + (" (kept sealed)" if landing.is_sealed else ""),
        )
    kinds = len({landing.number for landing in landings})
    show(
        f"{name}：{kinds} 类、{len(landings)} 个字段均有去处。",
        f"{name}: {len(landings)} fields of {kinds} kinds, each has its place.",
    )


def _published_problems() -> list[CatalogueError]:
    catalogue = load_catalogue()
    return [
        problem
        for name in list_names()
        for problem in check_published(load_published(name), catalogue)
    ]
