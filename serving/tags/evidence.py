"""What a tag rests on, in words: the firm reads its own values, an institution public ones and bands."""

from collections.abc import Collection

from features.contracts import Sensitivity, Words
from models.matching.meanings import Meaning, Meanings
from models.matching.wording import fact_words
from models.tags.held import Answer, Known
from serving.alerts.evidence import banded, load_evidence
from serving.disputes.filing import shared_catalogue
from serving.tags.schemas import RestsOn

_NOTHING = Words(zh="无记录", en="nothing on record")
_CLOSED = Words(zh="未授权", en="not authorised")
_KEPT = Words(zh="不显示", en="not shown")


def rests_on(answer: Answer, meanings: Meanings, closed: Collection[str] | None) -> list[RestsOn]:
    """Every name of a tag's rule with its words and, as far as it may be told, its value.

    Parameters
    ----------
    closed : collection of str or None
        Datasets closed to an institution; None for the firm itself.
    """
    return [
        RestsOn(name=one.name, words=meanings[one.name].words, value=_told(one, meanings, closed))
        for one in answer.rests_on
    ]


def _told(known: Known, meanings: Meanings, closed: Collection[str] | None) -> Words:
    meaning = meanings[known.name]
    if known.value is None:
        is_closed = closed is not None and not meaning.datasets.isdisjoint(closed)
        return _CLOSED if is_closed else _NOTHING
    if closed is None or meaning.is_tag or _is_public(meaning):
        return fact_words(meaning.unit, meaning.codes, known.value)
    if meaning.unit in load_evidence().edges and not isinstance(known.value, str):
        return banded(known.value, meaning.unit)
    # What says no more than the tag itself may be said.
    return fact_words(meaning.unit, meaning.codes, known.value) if meaning.unit == "flag" else _KEPT


def _is_public(meaning: Meaning) -> bool:
    catalogue = shared_catalogue()
    kinds = {catalogue[name].document.sensitivity for name in meaning.datasets}
    return bool(kinds) and kinds == {Sensitivity.PUBLIC}
