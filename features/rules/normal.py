"""A rule as things that must all hold, each of them any of a few plain questions (conjunctive form).

Kleene's three-valued logic is a distributive lattice with De Morgan's laws, so the form has the rule's
own answer for every combination of true, false and unknown. What a firm fails is then a short list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from features.errors import RuleError
from features.rules.syntax import AllOf, Among, AnyOf, Clause, Compare, Not, Rule

#: A form with more parts, or a part with more questions, than this is a table and not a rule.
MOST_PARTS = 64


@dataclass(frozen=True)
class Literal:
    """One question about one name, or its opposite; of unknown both are unknown.

    Parameters
    ----------
    clause : Clause
        Never a list of values: each is a question of its own.
    """

    clause: Clause
    is_negated: bool = False

    def __str__(self) -> str:
        return f"not {self.clause}" if self.is_negated else str(self.clause)


Part = tuple[Literal, ...]


def parts_of(rule: Rule, where: str = "rule") -> tuple[Part, ...]:
    """Every part that must hold; a part holds if any of its literals does.

    Raises
    ------
    RuleError
        If brackets multiply to more than `MOST_PARTS`.

    Examples
    --------
    >>> from features.rules.parser import parse_rule
    >>> rule = parse_rule("a_now and not (b_now or c_count in [1, 2]) and (d_now or e_now)")
    >>> [" or ".join(map(str, part)) for part in parts_of(rule)]
    ['a_now', 'not b_now', 'not c_count = 1', 'not c_count = 2', 'd_now or e_now']
    """
    return tuple(dict.fromkeys(_parts(rule, where, is_negated=False)))


def _parts(rule: Rule, where: str, *, is_negated: bool) -> Sequence[Part]:
    match rule:
        case Not(part):
            return _parts(part, where, is_negated=not is_negated)
        case AllOf(parts) | AnyOf(parts):
            inner = [_parts(part, where, is_negated=is_negated) for part in parts]
            must_all = isinstance(rule, AllOf) != is_negated
            return [one for each in inner for one in each] if must_all else _any(inner, where)
        case Among(name, values):
            each = [Compare(name, "=", value) for value in values]
            return _parts(AnyOf(tuple(each)), where, is_negated=is_negated)
        case _:
            return [(Literal(rule, is_negated),)]


def _any(inner: Sequence[Sequence[Part]], where: str) -> Sequence[Part]:
    """One part from each, in every combination."""
    count = 1
    for each in inner:
        count *= len(each)
    if count > MOST_PARTS:
        raise RuleError(
            en=f"{where}: its brackets stand for {count} conditions; at most {MOST_PARTS} are kept. "
            "Split it into two rules, or name a part of it as a tag.",
            zh=f"{where}：括号展开后共 {count} 个条件，最多 {MOST_PARTS} 个；请拆分规则，或将其中一部分定义为标签。",
        )
    return [
        tuple(dict.fromkeys(one for part in chosen for one in part)) for chosen in product(*inner)
    ]
