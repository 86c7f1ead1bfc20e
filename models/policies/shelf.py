"""Policies of a day, compiled: one matcher over every rule, and what each comes to for a firm.

::

    policies = PolicyShelf.of(load_policies(), vocabulary_with_tags, as_of_date)
    found = policies.matcher.verdicts(policies.matcher.conditions.row(values))
    sums = policies.subsidies(values)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from features.rules.vocabulary import Vocabulary
from models.arrays import FloatArray
from models.matching.matcher import Matcher
from models.policies.book import PolicyEntry, PolicyVersion, policies_standing, policy_base
from models.products.book import Limit
from models.products.limits import LimitTable, Values
from models.products.shelf import rule_of


@dataclass(frozen=True, eq=False)
class Subsidies:
    """What each of p policies comes to for one firm, in whole yuan a year; NaN where nobody can tell.

    Attributes
    ----------
    amount_cny : ndarray of float64, shape (p,)
    at_least_cny, at_most_cny : ndarray of float64, shape (p,)
        Ends between which it lies whatever the missing facts are; the upper is NaN where none is set, or
        the policy is no sum of money.
    """

    amount_cny: FloatArray
    at_least_cny: FloatArray
    at_most_cny: FloatArray


@dataclass(frozen=True, eq=False)
class PolicyShelf:
    """p policies of a day; rule r of the matcher is policy r.

    Attributes
    ----------
    policies : sequence of (PolicyEntry, PolicyVersion), length p
    """

    as_of_date: date
    policies: Sequence[tuple[PolicyEntry, PolicyVersion]]
    matcher: Matcher
    amounts: LimitTable

    @classmethod
    def of(
        cls, entries: Sequence[PolicyEntry], vocabulary: Vocabulary, as_of_date: date
    ) -> "PolicyShelf":
        """Compile the versions in force at a date.

        Raises
        ------
        RuleError
            If a rule is wrong; the sentence names the policy.
        """
        found = policies_standing(entries, as_of_date)
        base = policy_base(as_of_date)
        named = [(f"policy {entry.code}", version) for entry, version in found]
        return cls(
            as_of_date=as_of_date,
            policies=found,
            matcher=Matcher.of_rules(
                [(where, rule_of(version, base, where)) for where, version in named], vocabulary
            ),
            amounts=LimitTable.of([(where, v.amount or Limit()) for where, v in named], vocabulary),
        )

    def __len__(self) -> int:
        """Count the policies."""
        return len(self.policies)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything rules and sums ask about."""
        return tuple(dict.fromkeys((*self.matcher.conditions.names, *self.amounts.names)))

    def subsidies(self, values: Values) -> Subsidies:
        """What each policy comes to for one firm, whether or not it meets the rule.

        Parameters
        ----------
        values : mapping of str to float, str or None
        """
        least, most = self.amounts.ends(values)
        is_set = np.isfinite(most)
        return Subsidies(
            amount_cny=np.where(is_set & (least == most), most, np.nan),
            at_least_cny=np.where(np.isfinite(least), least, 0.0),
            at_most_cny=np.where(is_set, most, np.nan),
        )
