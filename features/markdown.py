"""The few Markdown shapes that generated pages share."""

from collections.abc import Iterable, Mapping, Sequence

GENERATED = "This page is generated from the declarations; do not edit it. 本页由声明自动生成，请勿手工修改。"


def facts(told: Mapping[str, str]) -> str:
    """Two columns without a header: what is told, and its value."""
    rows = "\n".join(f"| {name} | {cell(value)} |" for name, value in told.items())
    return f"| | |\n|---|---|\n{rows}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""A Markdown table; a bar in a cell is escaped.

    Examples
    --------
    >>> print(table(["a", "b"], [["1|2", "3"]]))
    | a | b |
    |---|---|
    | 1\|2 | 3 |
    """
    head, *body = ["| " + " | ".join(map(cell, line)) + " |" for line in [header, *rows]]
    return "\n".join([head, "|" + "---|" * len(header), *body])


def codes(names: Iterable[str]) -> str:
    """Names in code type, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def cell(text: str) -> str:
    """Text that stays inside its cell."""
    return text.replace("|", "\\|")


def sentence(words: str) -> str:
    """The words with a capital first letter."""
    return words[:1].upper() + words[1:]
