"""Figures in the documents, from `results.json`: `python -m benchmarks.pages [--check]`.

Whatever stands between `<!-- figures:AREA -->` and `<!-- /figures -->`, each on a line of its own,
is replaced by the table of that area. A Chinese page takes the names of the measures from
`names_zh.yaml` and leaves out the column of how they were measured, which is kept in English only.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.results import Entry, read_results
from benchmarks.setting import ROOT

NAMES_ZH = Path(__file__).parent / "names_zh.yaml"

_BLOCK = re.compile(
    r"^(?P<open><!-- figures:(?P<area>[\w-]+) -->)\n(?P<body>.*?)^(?P<close><!-- /figures -->)$",
    re.DOTALL | re.MULTILINE,
)
_OPENING = re.compile(r"^<!-- figures:", re.MULTILINE)
#: Rounds to 100, where a third digit leaves no place for a decimal.
_WHOLE_FROM = 99.95
_HOW = 4


class PageError(Exception):
    """A page asks for figures that do not exist, or its block has no end."""


@dataclass(frozen=True)
class Headings:
    """The words of a table in one language.

    Parameters
    ----------
    columns : tuple of str
        Measure, ours, peer, ratio and, if there is a fifth, how it was measured.
    caption : str
        With places for `days` and `area`.
    names : mapping of str to mapping, optional
        Area, then name of an entry, to the words in this language; without it names stay.
    """

    columns: tuple[str, ...]
    caption: str
    names: Mapping[str, Mapping[str, str]] | None = None


ENGLISH = Headings(
    ("Measure", "Xinqiao", "Peer", "Ratio", "How"),
    "Ratio > 1: Xinqiao is better. Measured {days} by `make bench ONLY={area}`.",
)
CHINESE_COLUMNS = ("指标", "信桥", "对照", "倍数")
CHINESE_CAPTION = "倍数大于 1 表示信桥更优。由 `make bench ONLY={area}` 测得（{days}）。"


def pages(root: Path) -> list[Path]:
    """Documents that may hold figures, in a fixed order."""
    readmes = [root / "README.md", root / "README.zh.md"]
    return [page for page in readmes if page.exists()] + sorted((root / "docs").rglob("*.md"))


def rewritten(text: str, entries: Sequence[Entry], headings: Headings, page: str) -> str:
    """Replace the body of every figures block.

    Parameters
    ----------
    text : str
        The page.
    entries : sequence of Entry
        Results of all areas.
    headings : Headings
    page : str
        Its name, for the error message.

    Raises
    ------
    PageError
        If a block names an area without results or is not closed.
    """

    def body(block: re.Match[str]) -> str:
        area = block["area"]
        chosen = [entry for entry in entries if entry.area == area]
        if not chosen:
            raise PageError(
                f"{page} asks for figures of '{area}', and results.json has none. "
                f"Run `make bench ONLY={area}`, or remove the block."
            )
        return f"{block['open']}\n{table(chosen, headings)}{block['close']}"

    if len(_OPENING.findall(text)) != len(_BLOCK.findall(text)):
        raise PageError(f"{page} opens a figures block that no line `<!-- /figures -->` closes.")
    return _BLOCK.sub(body, text)


def table(entries: Sequence[Entry], headings: Headings) -> str:
    """One area's entries as a Markdown table with a caption."""
    rows = [
        "| " + " | ".join(headings.columns) + " |",
        "|---|--:|--:|--:|" + "---|" * (len(headings.columns) - _HOW),
        *(_row(entry, headings) for entry in entries),
    ]
    days = sorted({entry.at[:10] for entry in entries})
    span = days[0] if len(days) == 1 else f"{days[0]} – {days[-1]}"
    caption = headings.caption.format(days=span, area=entries[0].area)
    return "\n" + "\n".join(rows) + f"\n\n{caption}\n\n"


def _row(entry: Entry, headings: Headings) -> str:
    ratio = "–" if entry.ratio is None else f"{figure(entry.ratio)}×"
    cells = [
        _cell(_name(entry, headings)),
        quantity(entry.ours, entry.unit),
        "–" if entry.peer is None else quantity(entry.peer, entry.unit),
        ratio,
        _cell(entry.note),
    ]
    return "| " + " | ".join(cells[: len(headings.columns)]) + " |"


def _name(entry: Entry, headings: Headings) -> str:
    if headings.names is None:
        return entry.name
    try:
        return headings.names[entry.area][entry.name]
    except KeyError:
        raise PageError(
            f"'{entry.area}: {entry.name}' has no Chinese name; add it to benchmarks/names_zh.yaml."
        ) from None


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def quantity(value: float, unit: str) -> str:
    """Write a figure with its unit."""
    return f"{figure(value)} {unit}".rstrip()


def figure(value: float) -> str:
    """Write three significant digits, whole from a hundred on, thousands apart.

    Examples
    --------
    >>> figure(0.84638), figure(4.0), figure(561234.0), figure(0.0)
    ('0.846', '4.00', '561,234', '0')
    """
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= _WHOLE_FROM else f"{value:#.3g}"


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Rewrite the pages, or with `--check` say which are stale; 1 if any is, or is wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 when stale")
    is_check: bool = parser.parse_args(arguments).check
    entries = read_results(root / "benchmarks" / "results.json")
    names = yaml.safe_load(NAMES_ZH.read_text(encoding="utf-8"))
    chinese = Headings(CHINESE_COLUMNS, CHINESE_CAPTION, names)
    stale: list[str] = []
    for path in pages(root):
        page = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        headings = chinese if path.name.endswith(".zh.md") else ENGLISH
        try:
            fresh = rewritten(text, entries, headings, page)
        except PageError as mistake:
            print(mistake, file=sys.stderr)
            return 1
        if fresh != text:
            stale.append(page)
            if not is_check:
                path.write_text(fresh, encoding="utf-8")
    for page in stale:
        print(f"{page}: figures are stale; run `make docs`" if is_check else f"{page}: rewritten")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
