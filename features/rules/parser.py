"""From the text of a rule, or its YAML form, to the rule; every mistake has its place."""

from decimal import Decimal
from typing import Any, cast

from features.errors import RuleError
from features.rules.syntax import (
    AllOf,
    Among,
    AnyOf,
    Between,
    Code,
    Compare,
    Flag,
    Known,
    Not,
    Operator,
    Quantity,
    Rule,
    Value,
    clauses,
)
from features.rules.words import Word, refuse, split

#: More clauses than a reader can hold, and deeper brackets, are a table and not a rule.
MOST_CLAUSES, DEEPEST = 64, 20
KEYWORDS = frozenset({"and", "or", "not", "between", "in", "is", "known"})

_OPERATORS: dict[str, Operator] = {
    "=": "=", "==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="
}  # fmt: skip
_LISTS = ("all_of", "any_of", "none_of")


def parse_rule(text: str, where: str = "rule") -> Rule:
    """Read a rule.

    Parameters
    ----------
    text : str
    where : str
        What the rule is called in an error.

    Raises
    ------
    RuleError
        With the character at which the text stops being a rule, and what was expected there.

    Examples
    --------
    >>> str(parse_rule("a_now and not (b_share>=30% or c_months between 6 months and 12 months)"))
    'a_now and not (b_share >= 30 % or c_months between 6 months and 12 months)'
    """
    rule = _Reader(text, where).whole()
    return _limited(rule, where)


def parse_condition(content: object, where: str) -> Rule:
    """Read a condition of a YAML file: a text, or `all_of`, `any_of`, `none_of` with a list.

    Raises
    ------
    RuleError

    Examples
    --------
    >>> str(parse_condition({"any_of": ["a_now", {"all_of": ["b_now", "not c_now"]}]}, "R"))
    'a_now or (b_now and not c_now)'
    """
    return _limited(_condition(content, where, 0), where)


def _condition(content: object, where: str, depth: int) -> Rule:
    if depth > DEEPEST:
        refuse(where, 1, f"lists stand {DEEPEST} deep in each other; flatten them", "列表嵌套过深")
    if isinstance(content, str):
        return _Reader(content, where).whole()
    if isinstance(content, dict) and len(cast("dict[Any, Any]", content)) == 1:
        [(key, items)] = cast("dict[Any, Any]", content).items()
        if key in _LISTS and isinstance(items, list) and items:
            listed = cast("list[object]", items)
            parts = tuple(
                _condition(item, f"{where}, {key} {number}", depth + 1)
                for number, item in enumerate(listed, start=1)
            )
            return _joined(str(key), parts)
    raise RuleError(
        en=f"{where}: a condition is a text, or one of {', '.join(_LISTS)} with a list of conditions.",
        zh=f"{where}：条件应为文本，或 {'、'.join(_LISTS)} 之一加条件列表。",
    )


def _joined(key: str, parts: tuple[Rule, ...]) -> Rule:
    if key == "all_of":
        return parts[0] if len(parts) == 1 else AllOf(parts)
    any_part = parts[0] if len(parts) == 1 else AnyOf(parts)
    return Not(any_part) if key == "none_of" else any_part


def _limited(rule: Rule, where: str) -> Rule:
    count = sum(1 for _ in clauses(rule))
    if count > MOST_CLAUSES:
        refuse(where, 1, f"the rule has {count} clauses; at most {MOST_CLAUSES} fit. Split it in two",
               f"规则有 {count} 个条件，最多 {MOST_CLAUSES} 个，请拆分")  # fmt: skip
    return rule


class _Reader:
    """Reads a rule from left to right, one word ahead."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.words = list(split(text, where))
        self.next = 0
        self.depth = 0

    @property
    def word(self) -> Word:
        return self.words[self.next]

    def whole(self) -> Rule:
        rule = self._any_of()
        if self.word.kind != "end":
            self._expected("'and', 'or' or the end", "and、or 或结尾")
        return rule

    def _any_of(self) -> Rule:
        parts = [self._all_of()]
        while self._took("or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all_of(self) -> Rule:
        parts = [self._part()]
        while self._took("and"):
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _part(self) -> Rule:
        self.depth += 1
        if self.depth > DEEPEST:
            refuse(self.where, self.word.place, f"brackets or 'not' stand more than {DEEPEST} deep; "
                   "write a simpler rule", "括号或 not 嵌套过深，请简化规则")  # fmt: skip
        rule = self._bracket_or_clause()
        self.depth -= 1
        return rule

    def _bracket_or_clause(self) -> Rule:
        if self._took("not"):
            return Not(self._part())
        if self._took("("):
            inner = self._any_of()
            self._take(")")
            return inner
        return self._clause()

    def _clause(self) -> Rule:
        word = self.word
        if word.kind != "word" or word.text in KEYWORDS:
            self._expected("a name", "名称")
        self.next += 1
        sign = self.word.text if self.word.kind == "mark" else ""
        if sign in _OPERATORS:
            self.next += 1
            return Compare(word.text, _OPERATORS[sign], self._value())
        if self._took("between"):
            low = self._value()
            self._take("and")
            return Between(word.text, low, self._value())
        if self._took("in"):
            return Among(word.text, self._list())
        if self._took("is"):
            is_negated = self._took("not")
            self._take("known")
            return Not(Known(word.text)) if is_negated else Known(word.text)
        return Flag(word.text)

    def _list(self) -> tuple[Value, ...]:
        self._take("[")
        values = [self._value()]
        while self._took(","):
            values.append(self._value())
        self._take("]")
        return tuple(values)

    def _value(self) -> Value:
        word = self.word
        if word.kind == "code":
            self.next += 1
            return Code(word.text[1:-1])
        if word.kind != "number":
            self._expected(
                "a number with its unit, or a code in quotes", "带单位的数字或引号中的代码"
            )
        self.next += 1
        unit = self.word
        if unit.text == "%" or (unit.kind == "word" and unit.text not in KEYWORDS):
            self.next += 1
            return Quantity(Decimal(word.text), unit.text)
        return Quantity(Decimal(word.text))

    def _took(self, text: str) -> bool:
        """Step over a keyword or sign if it is next."""
        if self.word.kind in {"word", "mark"} and self.word.text == text:
            self.next += 1
            return True
        return False

    def _take(self, text: str) -> None:
        if not self._took(text):
            self._expected(f"'{text}'", f"“{text}”")

    def _expected(self, en: str, zh: str) -> None:
        found = self.word
        shown, zh_shown = (
            (f"'{found.text}'", f"“{found.text}”") if found.text else ("the end", "结尾")
        )
        refuse(
            self.where,
            found.place,
            f"expected {en}, found {shown}",
            f"此处应为{zh}，实为{zh_shown}",
        )
