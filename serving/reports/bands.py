"""Bands: what an exact value is told as to those who may not see it."""

from bisect import bisect_right
from itertools import pairwise

from pydantic import Field, model_validator

from features.contracts import Words
from features.documents import Document

NO_UNIT = Words(zh="", en="")


class Band(Document):
    """Edges of half-open intervals, or words for codes.

    Parameters
    ----------
    edges : tuple of float
        Rising; the first interval lies below the first edge.
    codes : dict of str to Words
        Several codes may share their words.
    """

    unit: Words = NO_UNIT
    edges: tuple[float, ...] = ()
    codes: dict[str, Words] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Band":
        if bool(self.edges) == bool(self.codes):
            raise ValueError("a band has edges or codes, one of them")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("the edges of a band rise")
        if self.codes and len({words.en for words in self.codes.values()}) == len(self.codes):
            raise ValueError("words for codes that tell every code apart are no band")
        return self

    def words(self, value: object) -> Words:
        """The band of a value.

        Examples
        --------
        >>> heads = Band(unit=Words(zh="人", en="persons"), edges=(1, 10, 1000))
        >>> heads.words(10).en, heads.words(0).en, heads.words(5000).zh
        ('10 to under 1,000 persons', 'under 1 persons', '1,000人及以上')
        """
        if self.codes:
            return self.codes[str(value)]
        place = bisect_right(self.edges, float(str(value)))
        low = _number(self.edges[place - 1]) if place else ""
        high = _number(self.edges[place]) if place < len(self.edges) else ""
        zh, en = self.unit.zh, self.unit.en
        if not low:
            return Words(zh=f"不足{high}{zh}", en=f"under {high} {en}".strip())
        if not high:
            return Words(zh=f"{low}{zh}及以上", en=f"{low} {en} or more")
        return Words(zh=f"{low}至不足{high}{zh}", en=f"{low} to under {high} {en}".strip())


def _number(edge: float) -> str:
    return f"{edge:,.0f}" if edge == int(edge) else f"{edge:,}"
