"""Rules against firms: who meets all of a rule's conditions, who nearly does, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.rules.parser import parse_condition
from features.rules.syntax import Rule
from features.rules.vocabulary import Vocabulary
from models.arrays import BoolArray, FloatArray
from models.matching.conditions import (
    FALSE,
    UNKNOWN,
    ConditionBuilder,
    Conditions,
    Int32Array,
    StateArray,
    packed,
)
from models.matching.kernels import verdicts_kernel


@dataclass(frozen=True, eq=False)
class Verdicts:
    """What one firm lacks of each of p rules.

    Attributes
    ----------
    failed, unknown : ndarray of int16, shape (p,)
        Conditions known not to hold, and conditions of which nobody can tell.
    """

    failed: npt.NDArray[np.int16]
    unknown: npt.NDArray[np.int16]

    @property
    def is_eligible(self) -> BoolArray:
        """Every condition is known to hold, shape (p,)."""
        return (self.failed == 0) & (self.unknown == 0)

    @property
    def is_open(self) -> BoolArray:
        """Nothing fails and something is unknown: more data would decide, shape (p,)."""
        return (self.failed == 0) & (self.unknown > 0)

    @property
    def is_near(self) -> BoolArray:
        """One condition fails and every other holds, shape (p,)."""
        return (self.failed == 1) & (self.unknown == 0)


@dataclass(frozen=True)
class Missing:
    """Places of the conditions of one rule that do not hold for a firm."""

    failed: tuple[int, ...]
    unknown: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Matcher:
    """p rules over shared conditions.

    Attributes
    ----------
    conditions : Conditions
    start, asked : ndarray of int32
        Conditions of rule r are `asked[start[r]:start[r + 1]]`.
    """

    conditions: Conditions
    start: Int32Array
    asked: Int32Array

    @classmethod
    def of(cls, rules: Sequence[tuple[str, object]], vocabulary: Vocabulary) -> "Matcher":
        """Compile rules, each with what it is called in an error; `None` asks nothing.

        Raises
        ------
        RuleError
            If one is no rule, or uses an unknown name, a wrong unit or code.

        Examples
        --------
        >>> from features.rules.vocabulary import Term
        >>> words = Vocabulary({"age": Term("age", "months"), "debt": Term("debt", "ratio")})
        >>> book = [("old", "age >= 2 years"), ("sound", "age >= 2 years and debt < 70 %")]
        >>> matcher = Matcher.of(book, words)
        >>> found = matcher.verdicts(matcher.conditions.row({"age": 24}))
        >>> found.is_eligible.tolist(), found.is_open.tolist(), len(matcher.conditions)
        ([True, False], [False, True], 2)
        """
        read = [
            (where, None if content is None else parse_condition(content, where))
            for where, content in rules
        ]
        return cls.of_rules(read, vocabulary)

    @classmethod
    def of_rules(
        cls, rules: Sequence[tuple[str, Rule | None]], vocabulary: Vocabulary
    ) -> "Matcher":
        """The same from rules that are read already."""
        builder = ConditionBuilder(vocabulary)
        asked = [() if rule is None else builder.take(rule, where) for where, rule in rules]
        return cls(builder.done(), *packed(asked))

    def __len__(self) -> int:
        """Count the rules."""
        return len(self.start) - 1

    def verdicts(self, values: FloatArray) -> Verdicts:
        """What one firm lacks of every rule.

        Parameters
        ----------
        values : ndarray of float64, shape (m,)
            From `Conditions.row`.
        """
        return self.judged(self.conditions.ask(values[np.newaxis])[0])

    def judged(self, states: StateArray) -> Verdicts:
        """The same from states of the conditions, shape (c,)."""
        failed, unknown = (np.empty(len(self), dtype=np.int16) for _ in range(2))
        verdicts_kernel(states, self.start, self.asked, failed, unknown)
        return Verdicts(failed, unknown)

    def of_rule(self, rule: int) -> Int32Array:
        """Places of one rule's conditions."""
        return self.asked[self.start[rule] : self.start[rule + 1]]

    def missing(self, rule: int, states: StateArray) -> Missing:
        """What of one rule does not hold; `states` of one firm, shape (c,)."""
        asked = self.of_rule(rule)
        pairs = list(zip(asked.tolist(), states[asked].tolist(), strict=True))
        failed, unknown = (
            tuple(place for place, state in pairs if state == wanted) for wanted in (FALSE, UNKNOWN)
        )
        return Missing(failed, unknown)
