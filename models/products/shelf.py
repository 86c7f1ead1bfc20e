"""Products of a day, compiled: one matcher over every rule, with the base rule before each.

::

    shelf = Shelf.of(load_products(), vocabulary_with_tags, as_of_date)
    found = shelf.matcher.verdicts(shelf.matcher.conditions.row(values))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from features.rules.parser import parse_condition
from features.rules.syntax import AllOf, Among, AnyOf, Between, Code, Flag, Not, Quantity, Rule
from features.rules.vocabulary import Vocabulary
from models.matching.matcher import Matcher
from models.products.book import OfferVersion, ProductEntry, ProductVersion, standing
from models.tags.book import PREFIX

#: A region code has six digits; a shorter one stands for all that begin with it.
_REGION_DIGITS = 6
REGION = "region_code"
PURPOSE = "need_purpose"


@dataclass(frozen=True, eq=False)
class Shelf:
    """p products of a day; rule r of the matcher is product r.

    Attributes
    ----------
    products : sequence of (ProductEntry, ProductVersion), length p
    """

    as_of_date: date
    products: Sequence[tuple[ProductEntry, ProductVersion]]
    matcher: Matcher

    @classmethod
    def of(
        cls,
        entries: Sequence[ProductEntry],
        vocabulary: Vocabulary,
        as_of_date: date,
        base: object = None,
    ) -> "Shelf":
        """Compile the versions in force at a date.

        Parameters
        ----------
        base : object
            Rule every product asks beside its own; None for none.

        Raises
        ------
        RuleError
            If a rule is wrong; the sentence names the product.
        """
        found = standing(entries, as_of_date)
        rules = [
            (f"product {e.code}", rule_of(version, base, f"product {e.code}"))
            for e, version in found
        ]
        return cls(as_of_date, found, Matcher.of_rules(rules, vocabulary))

    def __len__(self) -> int:
        """Count the products."""
        return len(self.products)


def rule_of(version: OfferVersion, base: object, where: str) -> Rule | None:
    """Everything an offer asks, as one rule; None if it asks nothing.

    Raises
    ------
    RuleError
        If a rule cannot be read.
    """
    parts: list[Rule] = [
        parse_condition(one, where) for one in (base, version.when) if one is not None
    ]
    if "*" not in version.regions:
        parts.append(_any([_region(prefix) for prefix in version.regions]))
    if version.purposes:
        parts.append(Among(PURPOSE, tuple(Code(code) for code in version.purposes)))
    parts += [Flag(PREFIX + code) for code in version.requires_tags]
    parts += [Not(Flag(PREFIX + code)) for code in version.excludes_tags]
    return AllOf(tuple(parts)) if parts else None


def _region(prefix: str) -> Rule:
    rest = _REGION_DIGITS - len(prefix)
    low, high = (Quantity(Decimal(prefix + digit * rest)) for digit in "09")
    return Between(REGION, low, high)


def _any(parts: list[Rule]) -> Rule:
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))
