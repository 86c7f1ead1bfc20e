"""Whether a product can be matched at all: rules, names, amounts; said before anybody reviews it."""

from datetime import date

from features.errors import RuleError
from features.rules.compiled import compile_parsed, compile_rule
from features.rules.vocabulary import Vocabulary
from models.matching.matcher import Matcher
from models.products.book import ProductEntry, ProductVersion
from models.products.shelf import PURPOSE, rule_of


def check_product(entry: ProductEntry, vocabulary: Vocabulary) -> None:
    """Compile everything a product says.

    Raises
    ------
    RuleError
        With the first thing that is wrong: an unknown name, tag, purpose or unit, a rule that is never or
        always true, a sum of something that is no money.
    """
    for version in entry.versions:
        where = f"product {entry.code}"
        rule = rule_of(version, None, where)
        if rule is not None:
            compile_parsed(rule, vocabulary, where)
            Matcher.of_rules([(where, rule)], vocabulary)
        _check_limit(version, vocabulary, where)


def require_future(entry: ProductEntry, today: date) -> None:
    """Refuse a version that would change yesterday's matches.

    Raises
    ------
    RuleError
    """
    begins = entry.versions[0].valid_from
    if begins < today:
        raise RuleError(
            en=f"Product {entry.code} would begin on {begins}, which is past. Let it begin today or later.",
            zh=f"产品 {entry.code} 的生效日期 {begins} 已过，请改为今天或以后。",
        )


def _check_limit(version: ProductVersion, vocabulary: Vocabulary, where: str) -> None:
    caps = version.limit.caps
    for cap in caps:
        if cap.when is not None:
            compile_rule(cap.when, vocabulary, f"{where}, limit")
    bounds = [*version.limit.bounds, *(bound for cap in caps for bound in cap.bounds)]
    for part in (part for bound in bounds for part in bound):
        term = vocabulary.term(part.of, f"{where}, limit")
        if term.unit != "cny":
            raise RuleError(
                en=f"{where}, limit: {part.of} is in {term.unit}; a limit is a sum of amounts of money.",
                zh=f"{where}，额度：{part.of} 的单位是 {term.unit}，额度只能由金额计算。",
            )
    for purpose in version.purposes:
        codes = vocabulary.term(PURPOSE, where).codes
        if purpose not in codes:
            raise RuleError(
                en=f"{where}: there is no purpose '{purpose}'. There are {', '.join(codes)}.",
                zh=f"{where}：没有用途“{purpose}”，可用：{'、'.join(codes)}。",
            )
