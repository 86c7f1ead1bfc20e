"""The names a rule may use, and what a value written beside one means."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from features.documents import suggestion
from features.errors import RuleError
from features.registry import Registry
from features.rules.syntax import Clause, Code, Compare, Flag, Known, Value, values_of
from features.rules.units import UnitEntry, load_units


@dataclass(frozen=True)
class Term:
    """A name a rule may use.

    Parameters
    ----------
    name : str
    unit : str
        Unit of a number, `flag` for yes or no, `code` for a code of a list.
    codes : tuple of str
        All codes there are, if it is one.
    datasets : frozenset of str
        What must be open for the value to be known.
    """

    name: str
    unit: str
    codes: tuple[str, ...] = ()
    datasets: frozenset[str] = frozenset()

    @property
    def measure(self) -> UnitEntry:
        """How limits on it are written."""
        return load_units().units[self.unit]


@dataclass(frozen=True)
class Vocabulary:
    """Names of features and facts."""

    terms: Mapping[str, Term]

    @classmethod
    def of(cls, registry: Registry, facts: Iterable[Term] = ()) -> "Vocabulary":
        """Every feature of a registry, and some facts."""
        features = [Term(f.name, f.unit, datasets=f.datasets) for f in registry]
        return cls({term.name: term for term in (*features, *facts)})

    def term(self, name: str, where: str) -> Term:
        """Return the term of a name.

        Raises
        ------
        RuleError
            If there is none; near names are listed.
        """
        found = self.terms.get(name)
        if found is None:
            hint = suggestion(name, list(self.terms))
            raise RuleError(
                en=f"{where}: there is no feature or fact '{name}'.{hint}",
                zh=f"{where}：没有名为“{name}”的特征或事实。{hint}",
            )
        return found

    def require(self, clause: Clause, where: str) -> None:
        """Check that a clause asks what its name can answer.

        Raises
        ------
        RuleError
            If the name is unknown, a unit is missing or wrong, or a code is not on the list.
        """
        term = self.term(clause.name, where)
        if isinstance(clause, Known):
            return
        if term.unit == "flag" or isinstance(clause, Flag):
            _require_yes_or_no(term, clause, where)
            return
        for value in values_of(clause):
            limit_of(term, value, f"{where}, '{clause}'")
        if (
            term.unit == "code"
            and isinstance(clause, Compare)
            and clause.operator not in {"=", "!="}
        ):
            _refuse(where, f"'{clause}' orders codes, which have no order. Use = or in [...]",
                    f"“{clause}”对代码排序；请使用 = 或 in [...]")  # fmt: skip


def limit_of(term: Term, value: Value, where: str) -> float | str:
    """A written value in the unit of its name.

    Raises
    ------
    RuleError

    Examples
    --------
    >>> from features.rules.parser import parse_rule
    >>> limit_of(Term("x", "cny"), parse_rule("x >= 50 万元").value, "R")
    500000.0
    """
    if term.unit == "code":
        return _code(term, value, where)
    if isinstance(value, Code):
        _refuse(where, f"{term.name} is a number; write for instance {term.measure.example}",
                f"{term.name} 是数值，请写如 {term.measure.example}")  # fmt: skip
    measure = term.measure
    scale = measure.symbols.get(value.unit)
    if value.unit == "" and measure.may_stand_alone:
        return float(value.number)
    if scale is None:
        named = f"'{value.unit}'" if value.unit else "no unit"
        known = ", ".join(measure.symbols) or "a number alone"
        _refuse(where, f"{term.name} is in {term.unit}, and the limit has {named}. Use {known}; for "
                f"instance {measure.example}",
                f"{term.name} 的单位是 {term.unit}，所写为“{value.unit}”；可用：{known}，如 {measure.example}")  # fmt: skip
    return float(value.number * scale)


def _code(term: Term, value: Value, where: str) -> str:
    written = value.text if isinstance(value, Code) else str(value)
    if isinstance(value, Code) and written in term.codes:
        return written
    hint = suggestion(written, list(term.codes))
    listed = ", ".join(f"'{code}'" for code in term.codes)
    raise RuleError(
        en=f"{where}: {term.name} is one of {listed} in quotes, not {value}.{hint}",
        zh=f"{where}：{term.name} 应为带引号的 {listed} 之一，而非 {value}。",
    )


def _require_yes_or_no(term: Term, clause: Clause, where: str) -> None:
    if term.unit == "flag" and isinstance(clause, Flag):
        return
    if term.unit == "flag":
        _refuse(where, f"{term.name} is yes or no. Write '{term.name}' or 'not {term.name}', "
                f"not '{clause}'", f"{term.name} 为是/否，请写“{term.name}”或“not {term.name}”")  # fmt: skip
    example = f"'{term.codes[0]}'" if term.unit == "code" else term.measure.example
    _refuse(where, f"{term.name} alone is no condition, since it is in {term.unit}. Compare it, for "
            f"instance '{term.name} = {example}'",
            f"{term.name} 的单位是 {term.unit}，不能单独作为条件；请写比较，如“{term.name} = {example}”")  # fmt: skip


def _refuse(where: str, en: str, zh: str) -> NoReturn:
    raise RuleError(en=f"{where}: {en}.", zh=f"{where}：{zh}。")
