"""A rule checked against its vocabulary, ready for one firm or a whole table."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from features.errors import RuleError
from features.rules.evaluate import Column, Columns, Test, build
from features.rules.parser import parse_condition
from features.rules.planes import Planes
from features.rules.sense import require_sense
from features.rules.syntax import Rule, clauses, names_of
from features.rules.vocabulary import Vocabulary


@dataclass(frozen=True)
class CompiledRule:
    """A rule that has been checked once and can be asked any number of times.

    Parameters
    ----------
    rule : Rule
    names : tuple of str
        What it asks about, in order.
    datasets : frozenset of str
        What must be open for every name to be known.
    """

    rule: Rule
    names: tuple[str, ...]
    datasets: frozenset[str]
    _test: Test = field(repr=False, compare=False)

    def evaluate(self, columns: Columns) -> Planes:
        """Answer for n firms at once.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (n,)
            Every name of the rule: numbers in the name's own unit with NaN, or codes with the empty
            text, where nothing is known.

        Raises
        ------
        RuleError
            If a column is missing; unknown values are NaN, a column nobody looked up is a mistake.
        """
        absent = [name for name in self.names if name not in columns]
        if absent:
            raise RuleError(
                en=f"The rule '{self.rule}' asks about {', '.join(absent)}, which was not looked up. "
                "Give a column for it; NaN says that nothing is known.",
                zh=f"规则“{self.rule}”需要 {'、'.join(absent)}，但未提供该列；没有记录时请填 NaN。",
            )
        return self._test(columns)

    def ask(self, values: Mapping[str, float | str | None]) -> bool | None:
        """Answer for one firm.

        Parameters
        ----------
        values : mapping of str to (float, str or None)
            A name that is left out is unknown.

        Returns
        -------
        bool or None
            None is unknown: never favourable and never a failure.
        """
        return self.evaluate({name: _one(values.get(name)) for name in self.names}).only()


def compile_rule(content: object, vocabulary: Vocabulary, where: str = "rule") -> CompiledRule:
    """Read a rule and check that it makes sense.

    Parameters
    ----------
    content : object
        Text, or the YAML form with `all_of`, `any_of`, `none_of`.
    vocabulary : Vocabulary
    where : str
        What the rule is called in an error.

    Raises
    ------
    RuleError
        If it is no rule, uses an unknown name or a wrong unit, or is never or always true.

    Examples
    --------
    >>> from features.rules.vocabulary import Term
    >>> words = Vocabulary({"age": Term("age", "months"), "debt": Term("debt", "ratio")})
    >>> rule = compile_rule("age >= 1 year and debt < 70 %", words)
    >>> [rule.ask({"age": 12, "debt": 0.5}), rule.ask({"age": 11}), rule.ask({"age": 12})]
    [True, False, None]
    """
    return compile_parsed(parse_condition(content, where), vocabulary, where)


def compile_parsed(rule: Rule, vocabulary: Vocabulary, where: str = "rule") -> CompiledRule:
    """The same of a rule that is read already."""
    for clause in clauses(rule):
        vocabulary.require(clause, where)
    require_sense(rule, vocabulary, where)
    names = tuple(sorted(names_of(rule)))
    datasets = frozenset(d for name in names for d in vocabulary.term(name, where).datasets)
    return CompiledRule(rule, names, datasets, build(rule, vocabulary, where))


def _one(value: float | str | None) -> Column:
    if isinstance(value, str):
        return np.array([value])
    return np.array([np.nan if value is None else float(value)])
