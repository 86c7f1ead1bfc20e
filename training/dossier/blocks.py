"""What a page is built of: sections of notes, tables and charts, already in one language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from markupsafe import Markup

from models.limits import Light
from training.dossier.speech import NOTHING, Speech

CellKind = Literal["text", "number", "green", "amber", "red", "unjudged"]
#: A sign and a word beside each colour, for eyes and printers without colours.
_SIGNS: dict[Light, tuple[str, str, str]] = {
    "green": ("●", "绿", "green"),
    "amber": ("▲", "黄", "amber"),
    "red": ("■", "红", "red"),
}


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    kind: CellKind = "text"


@dataclass(frozen=True)
class Table:
    """Rows below a head; `caption` says what they are."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Chart:
    """A drawing with the numbers it draws behind it."""

    title: str
    svg: Markup
    table: Table
    kind: Literal["chart"] = "chart"


@dataclass(frozen=True)
class Note:
    """A sentence."""

    text: str
    kind: Literal["note"] = "note"


@dataclass(frozen=True)
class Points:
    """Sentences of equal rank."""

    items: tuple[str, ...]
    kind: Literal["points"] = "points"


Block = Table | Chart | Note | Points


@dataclass(frozen=True)
class Section:
    """A heading, one sentence that says how to read what follows, and the blocks."""

    id: str
    title: str
    reading: str
    blocks: tuple[Block, ...]


class Judged(NamedTuple):
    """A figure in words with its light; None where it was not judged."""

    name: str
    told: str
    light: Light | None


def text(content: str) -> Cell:
    """A cell of words."""
    return Cell(content)


def number(content: str) -> Cell:
    """A cell with a formatted number."""
    return Cell(content, "number")


def light(given: Light | None, say: Speech) -> Cell:
    """A traffic light; what was not judged says so and has none."""
    if given is None:
        return Cell(say("不评判", "not judged"), "unjudged")
    sign, zh, en = _SIGNS[given]
    return Cell(f"{sign} {say(zh, en)}", given)


def judged_table(caption: str, rows: Sequence[Judged], say: Speech) -> Table:
    """Figures with their lights."""
    head = (say("项目", "item"), say("结果", "result"), say("灯", "light"))
    cells = tuple((text(row.name), number(row.told), light(row.light, say)) for row in rows)
    return Table(caption, head, cells)


def pairs(caption: str, head: tuple[str, str], rows: Sequence[tuple[str, str]]) -> Table:
    """A table of names and what belongs to them."""
    return Table(caption, head, tuple((text(name), text(said or NOTHING)) for name, said in rows))
