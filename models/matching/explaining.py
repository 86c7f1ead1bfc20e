"""Why a firm does not meet a condition: what is asked, how far it is, and what would settle it.

::

    teller = Teller.of(shelf.matcher.conditions, meanings)
    for one in teller.tell_all(matcher.missing(rule, states), row, closed):
        print(one.words.zh, [ask.short.zh for ask in one.asks if ask.short])
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isnan
from typing import Literal

from features.contracts import Words
from models.arrays import FloatArray
from models.matching.conditions import Conditions
from models.matching.matcher import Missing
from models.matching.meanings import Meaning, Meanings
from models.matching.phrases import Phrase, joined, phrases_of
from models.matching.wording import difference_words, value_words
from models.products.book import ProductVersion, yuan

#: What would settle it. Known and not met: a `tag` to gain or lose, a `threshold` to reach, another `fact`.
#: Unknown: consent to `authorise`, an answer to `supply`, a lender to `confirm`, a `record` nobody holds.
Kind = Literal["tag", "threshold", "fact", "authorise", "supply", "confirm", "record"]
#: Units whose whole values differ by whole steps.
_WHOLE = frozenset({"count", "days", "months", "level"})
#: In place of a condition: the limit worked out, of which no rule speaks.
LIMIT = -1


@dataclass(frozen=True, slots=True)
class Ask:
    """One alternative of a condition.

    Attributes
    ----------
    words : Words
        What is asked.
    question : Words or None
        What the firm is asked, if it can say it itself.
    scopes : tuple of str
        Consent scopes that would let it be known.
    found, short : Words or None
        The firm's value and how far it lies from the limit; None where nobody may be told or nothing counts.
    distance : float or None
        The same in the unit of the name, > 0.
    """

    kind: Kind
    meaning: Meaning
    words: Words
    question: Words | None = None
    scopes: tuple[str, ...] = ()
    found: Words | None = None
    short: Words | None = None
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One condition that is not known to hold; any one of its asks would do.

    Attributes
    ----------
    place : int
        Of the condition; `LIMIT` for what `too_small` explains.
    is_failed : bool
        Known not to hold; else unknown.
    words : Words
        The whole condition.
    """

    place: int
    is_failed: bool
    words: Words
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class Needs:
    """What would let unknown conditions be decided; sorted.

    Attributes
    ----------
    scopes : tuple of str
        Consent scopes to open.
    fields : tuple of str
        Names to be supplied, confirmed or put on record.
    """

    scopes: tuple[str, ...]
    fields: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Teller:
    """The conditions of many rules in words, made once."""

    meanings: Meanings
    _phrases: tuple[tuple[Phrase, ...], ...]
    _words: tuple[Words, ...]

    @classmethod
    def of(cls, conditions: Conditions, meanings: Meanings) -> "Teller":
        """Put every condition into words."""
        places = {name: place for place, name in enumerate(conditions.names)}
        phrases: list[tuple[Phrase, ...]] = []
        for condition in conditions.conditions:
            names = [literal.clause.name for literal in condition.part]
            known = [(meanings[name], places[name]) for name in names]
            phrases.append(phrases_of(condition.part, known, str(condition)))
        words = [
            joined([one.words for one in several], zh="，或", en="; or ") for several in phrases
        ]
        return cls(meanings, tuple(phrases), tuple(words))

    def words(self, place: int) -> Words:
        """What a condition asks, whoever asks."""
        return self._words[place]

    def tell(
        self,
        place: int,
        row: FloatArray,
        closed: frozenset[str] = frozenset(),
        *,
        may_see_values: bool,
    ) -> Explanation:
        """Explain one condition that does not hold.

        Parameters
        ----------
        row : ndarray of float64, shape (m,)
            From `Conditions.row`.
        closed : frozenset of str
            Datasets withheld from this look.
        may_see_values : bool
            The reader may be told the firm's own values and so its distance: the firm itself may.
        """
        phrases = self._phrases[place]
        dark = [one for one in phrases if _is_dark(one, row)]
        if dark:
            asks = [self._unknown(one, closed) for one in dark]
        else:
            asks = [
                self._failed(one, float(row[one.place]), closed, may_see=may_see_values)
                for one in phrases
            ]
        return Explanation(place, not dark, self._words[place], tuple(asks))

    def tell_all(
        self,
        missing: Missing,
        row: FloatArray,
        closed: frozenset[str] = frozenset(),
        *,
        may_see_values: bool,
    ) -> tuple[Explanation, ...]:
        """Explain what one rule lacks: what fails, then what is unknown."""
        return tuple(
            self.tell(place, row, closed, may_see_values=may_see_values)
            for place in (*missing.failed, *missing.unknown)
        )

    def _failed(
        self, phrase: Phrase, value: float, closed: frozenset[str], *, may_see: bool
    ) -> Ask:
        meaning = phrase.meaning
        if phrase.asks_for_presence and isnan(value):
            return self._unknown(phrase, closed)
        if not phrase.spans:
            found = _code(meaning, value) if may_see else None
            return Ask("tag" if meaning.is_tag else "fact", meaning, phrase.words, found=found)
        if not may_see:
            return Ask("threshold", meaning, phrase.words)
        found, short, distance = _distance(phrase, value)
        return Ask("threshold", meaning, phrase.words, found=found, short=short, distance=distance)

    def _unknown(self, phrase: Phrase, closed: frozenset[str]) -> Ask:
        meaning = phrase.meaning
        scopes = self.meanings.scopes_of(meaning.datasets & closed)
        if scopes:
            return Ask("authorise", meaning, phrase.words, scopes=scopes)
        kind = _KIND_OF_UNKNOWN.get(meaning.origin, "record")
        return Ask(kind, meaning, phrase.words, question=meaning.question)


_KIND_OF_UNKNOWN: dict[str, Kind] = {
    "need": "supply",
    "offer": "supply",
    "firm": "supply",
    "self_declared": "supply",
    "certified": "tag",
    "institution": "confirm",
}


def too_small(version: ProductVersion) -> Explanation:
    """What a product lacks whose limit works out at 0 (`OfferTerms.may_lend`), as if its rule asked for it.

    Examples
    --------
    >>> from models.products.book import load_products
    >>> found = too_small(load_products()[0].versions[0])
    >>> found.is_failed, found.asks
    (True, ())
    """
    if version.limit.at_least is None:
        words = Words(zh="测算额度大于 0", en="the limit worked out is more than 0")
    else:
        least = value_words("cny", yuan(version.limit.at_least))
        words = Words(
            zh=f"测算额度达到该产品最低 {least.zh}",
            en=f"the limit worked out reaches the product's least, {least.en}",
        )
    return Explanation(LIMIT, is_failed=True, words=words, asks=())


def needs_of(explanations: Iterable[Explanation]) -> Needs:
    """What would let all unknown conditions be decided; alternatives are all named."""
    asks = [ask for one in explanations if not one.is_failed for ask in one.asks]
    scopes = {scope for ask in asks for scope in ask.scopes}
    fields = {ask.meaning.name for ask in asks if not ask.scopes}
    return Needs(tuple(sorted(scopes)), tuple(sorted(fields)))


def _is_dark(phrase: Phrase, row: FloatArray) -> bool:
    value = row[phrase.place]
    return isnan(value) and not phrase.asks_for_presence


def _code(meaning: Meaning, value: float) -> Words | None:
    """The firm's own code; of a flag the condition says it."""
    if meaning.unit != "code":
        return None
    return meaning.codes[tuple(meaning.codes)[int(value)]]


def _distance(phrase: Phrase, value: float) -> tuple[Words, Words, float]:
    """The value, how far it is from the nearest span, and the same as a number."""
    unit = phrase.meaning.unit
    spans = phrase.spans
    low, high = (
        spans[0]
        if len(spans) == 1
        else min(spans, key=lambda span: max(span[0] - value, value - span[1]))
    )
    is_short = value < low
    distance = low - value if is_short else value - high
    if unit in _WHOLE and value == int(value):
        distance = float(ceil(distance))
    letter = phrase.meaning.codes.get(f"{value:.12g}")
    found = letter or value_words(unit, value, -1 if is_short else 1)
    return found, _gap(unit, distance, is_short), distance


@lru_cache(maxsize=4096)
def _gap(unit: str, distance: float, is_short: bool) -> Words:  # noqa: FBT001 - which side
    gap = difference_words(unit, distance)
    if is_short:
        return Words(zh=f"还差 {gap.zh}", en=f"{gap.en} short")
    return Words(zh=f"超出 {gap.zh}", en=f"{gap.en} over")
