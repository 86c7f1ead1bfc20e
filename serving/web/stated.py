"""What a firm said with a need, as people read it: the purpose, security and its own word."""

from collections.abc import Mapping

from features.contracts import Words
from models.matching.facts import FactEntry, load_facts
from models.matching.wording import fact_words
from serving.matching.schemas import Given

_PURPOSE = "need_purpose"


def stated(said: Mapping[str, Given]) -> list[tuple[Words, Words]]:
    """Each statement and its value, in the order in which a firm is asked.

    Examples
    --------
    >>> [(name.zh, value.zh) for name, value in stated({"monthly_turnover_cny": 300000.0})]
    [('月均流水', '30 万元')]
    """
    known = load_facts().of("offer", "firm")
    return [(one.words, _told(one, said[one.name])) for one in known if one.name in said]


def purpose_words(code: str) -> Words:
    """What the money is for."""
    entry = next(one for one in load_facts().of("need") if one.name == _PURPOSE)
    return entry.codes.get(code, Words(zh=code, en=code))


def _told(entry: FactEntry, value: Given) -> Words:
    return fact_words(entry.unit, entry.codes, value)
