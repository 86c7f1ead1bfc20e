"""A rule's text cut into words, each with its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

from features.errors import RuleError

Kind = Literal["number", "code", "word", "mark", "end"]

#: Longer texts and numbers are no rules; the limits keep a hostile text cheap.
LONGEST_TEXT, LONGEST_NUMBER = 4_000, 16

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?[0-9]+(?:\.[0-9]+)?)|(?P<code>'[^'\n]*'|\"[^\"\n]*\")"
    r"|(?P<word>[^\W\d]\w*)|(?P<mark><=|>=|==|!=|[<>=()\[\],%]))"
)


@dataclass(frozen=True)
class Word:
    """One word of a rule and the place of its first character, 1 the first."""

    kind: Kind
    text: str
    place: int


def split(text: str, where: str) -> Iterator[Word]:
    """Cut a text into words; the last one is always the end.

    Raises
    ------
    RuleError
        At a character no rule has, or where the text or a number is too long.
    """
    if len(text) > LONGEST_TEXT:
        refuse(where, 1, f"the text has {len(text)} characters; at most {LONGEST_TEXT} are read. "
               "Split the rule", f"文本共 {len(text)} 个字符，最多 {LONGEST_TEXT} 个，请拆分规则")  # fmt: skip
    place = 0
    end = len(text.rstrip())
    while place < end:
        found = _TOKEN.match(text, place)
        if found is None:
            start = place + len(text[place:]) - len(text[place:].lstrip())
            shown = text[start : start + 10]
            refuse(where, start + 1, f"{shown!r} is no part of a rule. Use names, numbers with a unit, "
                   "codes in quotes, and the signs = != < <= > >= ( ) [ ] , %",
                   f"{shown!r} 无法识别，请使用名称、带单位的数字、引号中的代码及 = != < <= > >= ( ) [ ] , %")  # fmt: skip
        kind: Kind = found.lastgroup  # pyright: ignore[reportAssignmentType] - the groups of the pattern
        start, place = found.start(kind), found.end()
        word = Word(kind, found[kind], start + 1)
        if kind == "number" and len(word.text) > LONGEST_NUMBER:
            refuse(where, word.place, f"the number {word.text[:20]}… is too long; write at most "
                   f"{LONGEST_NUMBER} characters and a larger unit", "数字过长，请使用更大的单位")  # fmt: skip
        yield word
    yield Word("end", "", end + 1)


def refuse(where: str, place: int, en: str, zh: str) -> NoReturn:
    """Raise with the rule and the character at which it stops making sense."""
    raise RuleError(
        en=f"{where}, character {place}: {en}.", zh=f"{where}，第 {place} 个字符：{zh}。"
    )
