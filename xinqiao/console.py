"""What every verb shares: two languages, errors as one sentence, progress on stderr."""

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from features.contracts import Words
from features.errors import Language, XinqiaoError

LANGUAGE: ContextVar[Language] = ContextVar("language", default="zh")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="机器可读输出 · machine-readable output")]
Lang = Annotated[str, typer.Option("--lang", help="zh 或 · or en")]


def use_language(language: str) -> None:
    """Speak this language until the end of the run; the environment decides when it is empty."""
    if language:
        LANGUAGE.set("en" if language.lower().startswith("en") else "zh")


def say(zh: str, en: str) -> str:
    """One sentence in the language of the run."""
    return zh if LANGUAGE.get() == "zh" else en


def word(words: Words) -> str:
    """Words in the language of the run."""
    return say(words.zh, words.en)


def show(zh: str, en: str) -> None:
    """Print one line for a person."""
    out.print(say(zh, en), markup=False)


def show_json(content: object) -> None:
    """Print for a machine: UTF-8, keys as they are."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n")


def fail(error: XinqiaoError) -> int:
    """Print the error's sentence and return the exit code."""
    err.print(f"{say('错误：', 'Error: ')}{error.sentence(LANGUAGE.get())}", markup=False)
    return error.exit_code


@contextmanager
def progress(zh: str, en: str) -> Generator[Callable[[int, int], None]]:
    """A progress bar on stderr that disappears when the work is done; none in a log file."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar:
        task = bar.add_task(say(zh, en), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
