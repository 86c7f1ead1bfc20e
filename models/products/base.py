"""What every product asks beside its own rule, by day."""

from datetime import date
from functools import cache
from pathlib import Path

from pydantic import Field

from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.rules.book import RuleVersion, in_force
from features.rules.normal import Part, parts_of
from features.rules.parser import parse_condition
from features.rules.syntax import Between, Clause, Code, Compare, Value

BASE_PATH = Path(__file__).parent / "base.yaml"
GRADE = "grade_rank"
#: Place of the last letter of the master scale, D.
_LAST_GRADE = 10


class BaseBook(Document):
    """Every version of the base rule."""

    versions: list[RuleVersion] = Field(min_length=1)


@cache
def load_base(path: Path = BASE_PATH) -> BaseBook:
    """Read the base rule.

    Raises
    ------
    ModelDocumentError
        If the file is wrong.
    """
    return load_document(path, BaseBook, ModelDocumentError)


def base_rule(as_of_date: date) -> object:
    """The base rule in force at a date, as `Shelf.of` takes it; None before the first.

    Examples
    --------
    >>> list(base_rule(date(2026, 6, 30)))
    ['all_of']
    """
    version = in_force(load_base().versions, as_of_date)
    return version.when if version else None


def weakest_grade(conditions: list[object], where: str) -> int:
    """Place of the weakest grade that rules accept, 1 AAA to 10 D.

    Parameters
    ----------
    conditions : list of object
        Rules that must all hold; None asks nothing.

    Raises
    ------
    RuleError
        If one cannot be read.

    Examples
    --------
    >>> weakest_grade(["grade_rank <= 8", "grade_rank < 7 and score >= 500"], "P1"), weakest_grade([], "P2")
    (6, 10)
    """
    parts = [
        part
        for condition in conditions
        if condition is not None
        for part in parts_of(parse_condition(condition, where), where)
    ]
    return min([_LAST_GRADE, *(_weakest(part) for part in parts)])


def _weakest(part: Part) -> int:
    """The weakest grade a part leaves; a part that asks anything else leaves them all."""
    return max(_LAST_GRADE if literal.is_negated else _accepted(literal.clause) for literal in part)


def _accepted(clause: Clause) -> int:
    match clause:
        case Compare(name=name, operator="<=" | "=", value=value) if name == GRADE:
            return _place(value)
        case Compare(name=name, operator="<", value=value) if name == GRADE:
            return _place(value) - 1
        case Between(name=name, high=value) if name == GRADE:
            return _place(value)
        case _:
            return _LAST_GRADE


def _place(value: Value) -> int:
    return _LAST_GRADE if isinstance(value, Code) else int(value.number)
