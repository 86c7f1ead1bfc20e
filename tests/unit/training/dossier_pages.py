"""A page taken apart for tests: sections, tables, and what is wrong with its tags."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_ALONE = {"meta", "img", "br", "path", "rect", "line", "circle", "polyline"}


@dataclass
class Grid:
    caption: str = ""
    rows: list[list[str]] = field(default_factory=list[list[str]])


class Page(HTMLParser):
    """Tables by section, texts, addresses; a tag closed in the wrong order is a problem."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.sections: dict[str, list[Grid]] = {}
        self.readings: list[str] = []
        self.addresses: list[str] = []
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self._open: list[tuple[str, str]] = []
        self.feed(content)
        self.close()
        self.problems += [f"{tag} is never closed" for tag, _ in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.addresses += [told[name] for name in ("src", "href", "xlink:href") if name in told]
        self.ids += [told["id"]] if "id" in told else []
        if tag == "section":
            self.sections[told["id"]] = []
        elif tag == "table":
            self._grids.append(Grid())
        elif tag == "tr":
            self._grids[-1].rows.append([])
        elif tag in {"td", "th"}:
            self._grids[-1].rows[-1].append("")
        if tag not in _ALONE:
            self._open.append((tag, told.get("class", "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _ALONE:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self.problems.append(f"{tag} closes {self._open[-1:]}")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        inside, kind = self._open[-1] if self._open else ("", "")
        if inside not in {"style"}:
            self.text += data
        if inside in {"td", "th"}:
            self._grids[-1].rows[-1][-1] += data
        elif inside == "caption":
            self._grids[-1].caption += data
        elif kind == "reading":
            self.readings.append(data)

    def grid(self, section: str, place: int = 0) -> list[list[str]]:
        """Rows of a section's table without its head."""
        return self.sections[section][place].rows[1:]

    @property
    def _grids(self) -> list[Grid]:
        return list(self.sections.values())[-1]
