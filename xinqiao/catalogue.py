"""`xinqiao catalogue …`: the sharing list."""

from pathlib import Path
from typing import Annotated

import typer

from features.contracts import CATALOGUE_DIR, check_catalogue, load_catalogue
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

    例 Example: xinqiao catalogue check
    """
    problems = check_catalogue(folder)
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
