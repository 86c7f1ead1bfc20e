"""What a rule is made of, and how it is written.

`dishonest_debtor_now or tax_arrears_now_cny >= 50 万元 and not enterprise_age_months < 12 months`:
comparisons with a literal and its unit, `between … and …`, `in [...]`, `is known`, a yes-or-no name
alone, joined by `not`, `and`, `or` in this order of strength.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True)
class Quantity:
    """A number with the unit it was written in; the unit is empty for a bare number."""

    number: Decimal
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.number:f} {self.unit}".rstrip()


@dataclass(frozen=True)
class Code:
    """A code of a list, in quotes."""

    text: str

    def __str__(self) -> str:
        quote = '"' if "'" in self.text else "'"
        return f"{quote}{self.text}{quote}"


Value = Quantity | Code


@dataclass(frozen=True)
class Flag:
    """A yes-or-no name alone: it is yes."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Compare:
    """A name held against one value."""

    name: str
    operator: Operator
    value: Value

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.value}"


@dataclass(frozen=True)
class Between:
    """A name within two values, both included."""

    name: str
    low: Value
    high: Value

    def __str__(self) -> str:
        return f"{self.name} between {self.low} and {self.high}"


@dataclass(frozen=True)
class Among:
    """A name equal to one of some values."""

    name: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.name} in [{', '.join(map(str, self.values))}]"


@dataclass(frozen=True)
class Known:
    """Whether anything is on record; the one question that is never itself unknown."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} is known"


@dataclass(frozen=True)
class Not:
    """The opposite; of unknown it is unknown."""

    part: "Rule"

    def __str__(self) -> str:
        return f"not {_inner(self.part)}"


@dataclass(frozen=True)
class AllOf:
    """True if every part is; false as soon as one part is, whatever the others are."""

    parts: tuple["Rule", ...]

    def __str__(self) -> str:
        return " and ".join(map(_inner, self.parts))


@dataclass(frozen=True)
class AnyOf:
    """True as soon as one part is; false if every part is."""

    parts: tuple["Rule", ...]

    def __str__(self) -> str:
        return " or ".join(map(_inner, self.parts))


Clause = Flag | Compare | Between | Among | Known
Rule = Clause | Not | AllOf | AnyOf


def clauses(rule: Rule) -> Iterator[Clause]:
    """Every clause of a rule, from left to right."""
    match rule:
        case Not(part):
            yield from clauses(part)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from clauses(part)
        case _:
            yield rule


def values_of(clause: Clause) -> tuple[Value, ...]:
    """The literals of a clause."""
    match clause:
        case Compare(value=value):
            return (value,)
        case Between(low=low, high=high):
            return (low, high)
        case Among(values=values):
            return values
        case _:
            return ()


def names_of(rule: Rule) -> frozenset[str]:
    """Every name a rule asks about."""
    return frozenset(clause.name for clause in clauses(rule))


def _inner(rule: Rule) -> str:
    return f"({rule})" if isinstance(rule, AllOf | AnyOf) else str(rule)
