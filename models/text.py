"""Text on a terminal grid, where a Chinese character takes two columns."""

import unicodedata
from collections.abc import Iterator

#: Marks that must not begin a line.
_CLOSING = "，。；：、）)”！？,.;:!?%"
#: Names up to this length without Chinese characters are codes such as E12, not names.
_CODE_LENGTH = 5


def width_of(text: str) -> int:
    """Columns a text takes; ambiguous characters count as narrow.

    Examples
    --------
    >>> width_of("信桥 A"), width_of("█│–")
    (6, 3)
    """
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def padded(text: str, columns: int, *, to_right: bool = False) -> str:
    """Cut or fill a text to exactly so many columns.

    Examples
    --------
    >>> padded("信桥", 6) + "|", padded("信桥银行", 5) + "|"
    ('信桥  |', '信桥…|')
    """
    if width_of(text) > columns:
        while width_of(text) > columns - 1:
            text = text[:-1]
        text += "…"
    gap = " " * (columns - width_of(text))
    return gap + text if to_right else text + gap


def wrapped(text: str, columns: int) -> Iterator[str]:
    """Break a text into lines of at most so many columns.

    Chinese breaks between any two characters but before closing marks, other text at spaces.

    Examples
    --------
    >>> list(wrapped("信用评级 rating card", 11))
    ['信用评级', 'rating card']
    """
    line = ""
    for piece in _pieces(text):
        if line and width_of(line + piece.rstrip()) > columns:
            yield line.rstrip()
            line = piece.lstrip()
        else:
            line += piece
    yield line.rstrip()


def _pieces(text: str) -> Iterator[str]:
    """Smallest parts that stay together."""
    piece = ""
    for character in text:
        is_wide = width_of(character) == 2  # noqa: PLR2004  two columns
        after_wide = bool(piece) and width_of(piece[-1]) == 2  # noqa: PLR2004  two columns
        sticks = character in _CLOSING or character == " "
        if piece and not sticks and (is_wide or after_wide or piece[-1] == " "):
            yield piece
            piece = ""
        piece += character
    yield piece


def bar(points: int, largest: int, half: int) -> str:
    """Draw a signed bar on an axis: negative to the left, positive to the right.

    Parameters
    ----------
    points : int
    largest : int
        Points that fill one side.
    half : int
        Columns of one side; the bar is `2 * half + 1` wide.

    Examples
    --------
    >>> bar(-3, 4, 4) + "|", bar(1, 8, 4) + "|"
    (' ███│    |', '    │▌   |')
    """
    halves = max(1, round(2 * half * abs(points) / max(largest, 1))) if points else 0
    full, rest = divmod(halves, 2)
    if points < 0:
        return ("▐" * rest + "█" * full).rjust(half) + "│" + " " * half
    return " " * half + "│" + ("█" * full + "▌" * rest).ljust(half)


def gauge(position: int, half: int) -> str:
    """Draw a bar from 0 to 100 with a line in the middle; as wide as `bar`.

    Examples
    --------
    >>> gauge(25, 4) + "|", gauge(75, 4) + "|"
    ('██  │    |', '████│██  |')
    """
    cells = round(2 * half * position / 100)
    return ("█" * min(cells, half)).ljust(half) + "│" + ("█" * max(cells - half, 0)).ljust(half)


def mask_name(name: str) -> str:
    """Cut a name to what its owner recognises and a passer-by does not.

    Examples
    --------
    >>> mask_name("山东信桥精密机械有限公司"), mask_name("张三商店"), mask_name("E12")
    ('山东****有限公司', '张****', 'E12')
    """
    clean = "".join(c if c.isprintable() else "?" for c in name)
    is_code = len(clean) <= _CODE_LENGTH and clean.isascii()
    if "*" in clean or is_code:
        return clean
    long, medium = 8, 4
    if len(clean) > long:
        return f"{clean[:2]}****{clean[-4:]}"
    return f"{clean[:2]}****{clean[-2:]}" if len(clean) > medium else f"{clean[:1]}****"


def mask_code(code: str) -> str:
    """Hide the middle of a registration code.

    Examples
    --------
    >>> mask_code("91370100MA3C12345X"), mask_code("E12")
    ('913701********345X', 'E12')
    """
    clean = "".join(c if c.isprintable() else "?" for c in code)
    shown = 10
    if len(clean) > shown:
        return f"{clean[:6]}{'*' * (len(clean) - shown)}{clean[-4:]}"
    return clean if len(clean) <= _CODE_LENGTH else f"{clean[:2]}****{clean[-1:]}"
