"""What a card may say, as checked data: reason groups, their sentences, and when each is true."""

from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from features.contracts import Words
from features.documents import Document, load_document
from features.errors import ModelDocumentError
from features.registry import Registry

REASONS_PATH = Path(__file__).parent / "reasons.yaml"

Side = Literal["weak", "strong"]
BandUnit = Literal["percent", "days", "months", "count", "wan_yuan"]


class Condition(Document):
    """Limits on one feature, in its own unit; all that are given must hold."""

    feature: str
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Condition":
        if all(limit is None for limit in (self.above, self.at_least, self.below, self.at_most)):
            raise ValueError("needs one of above, at_least, below, at_most")
        return self

    def is_met(self, values: Mapping[str, float | None]) -> bool:
        """Whether the firm's value is within the limits; a missing value is not.

        Examples
        --------
        >>> Condition(feature="x", above=1).is_met({"x": 1.0})
        False
        >>> Condition(feature="x", at_most=1).is_met({"x": float("nan")})
        False
        """
        value = values.get(self.feature)
        if value is None or not isfinite(value):
            return False
        return (
            (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
        )


class Band(Document):
    """Edges that turn a value into a span.

    Parameters
    ----------
    unit : str
        How edges are written: `percent` of shares of 1, whole `days`, `months` and `count`, or
        `wan_yuan` (ten thousand yuan in Chinese, million yuan in English) of yuan.
    edges : list of float
        Ascending; a span is half open, [edge, next edge).
    magnitude : bool
        Show the size of a negative value.
    """

    unit: BandUnit
    edges: list[float] = Field(min_length=1)
    magnitude: bool = False

    @model_validator(mode="after")
    def _edges_ascend(self) -> "Band":
        if sorted(set(self.edges)) != self.edges:
            raise ValueError("edges must ascend")
        return self

    def render(self, value: float) -> Words:
        """Write the span that holds a value.

        Examples
        --------
        >>> Band(unit="percent", edges=[0, 0.1, 0.3]).render(0.25).en
        '10–30 %'
        >>> Band(unit="months", edges=[0, 3, 6]).render(4).zh
        '3–5 个月'
        >>> Band(unit="wan_yuan", edges=[0, 300000, 1000000]).render(2.5e6).en
        'CNY 1 million or more'
        """
        return self.spans[self.place_of(value)]

    def place_of(self, value: float) -> int:
        """Number of the span that holds a value; 0 lies below the first edge."""
        return bisect_right(self.edges, abs(value) if self.magnitude else value)

    @cached_property
    def spans(self) -> tuple[Words, ...]:
        """Every span in words, from below the first edge up."""
        return tuple(self._span(place) for place in range(len(self.edges) + 1))

    def _span(self, place: int) -> Words:
        if place == 0:
            low = self._written(self.edges[0])
            return Words(zh=f"低于 {low.zh}", en=f"below {low.en}")
        if place == len(self.edges):
            low = self._written(self.edges[-1])
            return Words(zh=f"{low.zh}及以上", en=f"{low.en} or more")
        low, high = self.edges[place - 1], self.edges[place]
        is_whole = self.unit in {"days", "months", "count"}
        return self._written(low, high - 1 if is_whole else high)

    def _written(self, low: float, high: float | None = None) -> Words:
        """One edge or a span with its unit."""

        def span(divisor: float) -> str:
            ends = [low] if high is None or high == low else [low, high]
            return "–".join(f"{round(end / divisor, 6):.10g}" for end in ends)

        match self.unit:
            case "percent":
                return Words(zh=f"{span(0.01)} %", en=f"{span(0.01)} %")
            case "days":
                return Words(zh=f"{span(1)} 天", en=f"{span(1)} days")
            case "months":
                return Words(zh=f"{span(1)} 个月", en=f"{span(1)} months")
            case "count":
                return Words(zh=span(1), en=span(1))
            case "wan_yuan":
                return Words(zh=f"{span(1e4)} 万元", en=f"CNY {span(1e6)} million")


class BandUse(Document):
    """Which feature a sentence shows, in which band."""

    feature: str
    name: str


class Sentence(Document):
    """A fact about a firm, true while all its conditions hold."""

    side: Side
    when: list[Condition] = Field(min_length=1)
    band: BandUse | None = None
    zh: str
    en: str

    @model_validator(mode="after")
    def _shows_its_band(self) -> "Sentence":
        wanted = self.band is not None
        if any(("{band}" in text) != wanted for text in (self.zh, self.en)):
            raise ValueError(
                "{band} must be in both texts if a band is given, and in neither if not"
            )
        return self

    @cached_property
    def words(self) -> Words:
        """The sentence of a fact without a band."""
        return Words(zh=self.zh, en=self.en)

    def holds(self, values: Mapping[str, float | None]) -> bool:
        """Whether every condition is met."""
        for condition in self.when:  # noqa: SIM110 - asked for every sentence; `all` costs a third more
            if not condition.is_met(values):
                return False
        return True


class ReasonGroup(Document):
    """Features that are explained together."""

    title: Words
    advice: Words
    sentences: list[Sentence]


class Reasons(Document):
    """Everything a card can say."""

    fallback: dict[Side, Words]
    bands: dict[str, Band]
    groups: dict[str, ReasonGroup]

    @model_validator(mode="after")
    def _is_sound(self) -> "Reasons":
        if set(self.fallback) != {"weak", "strong"}:
            raise ValueError("fallback needs weak and strong")
        for code, group in self.groups.items():
            for number, sentence in enumerate(group.sentences, start=1):
                problem = self._problem(sentence)
                if problem:
                    raise ValueError(f"sentence {number} of {code} {problem}")
        return self

    def _problem(self, sentence: Sentence) -> str:
        """Why a band could contradict the sentence around it, or nothing."""
        use = sentence.band
        if use is None:
            return ""
        if use.name not in self.bands:
            return f"uses the unknown band '{use.name}'"
        band = self.bands[use.name]
        shown = [condition for condition in sentence.when if condition.feature == use.feature]
        if not shown:
            return f"shows '{use.feature}' without a condition on it"
        sign = -1 if band.magnitude else 1
        for limit in shown:
            # A half-open band never straddles a limit only if the limit is closed on its side.
            loose = (
                (limit.at_least, limit.below) if band.magnitude else (limit.above, limit.at_most)
            )
            closed = (
                (limit.above, limit.at_most) if band.magnitude else (limit.at_least, limit.below)
            )
            if any(edge is not None for edge in loose):
                return f"limits '{use.feature}' on the open side of its band"
            if any(edge is not None and sign * edge not in band.edges for edge in closed):
                return f"limits '{use.feature}' between two edges of its band"
        return ""

    def words_of(self, sentence: Sentence, values: Mapping[str, float | None]) -> Words:
        """Fill the band into a sentence whose conditions hold."""
        if sentence.band is None:
            return sentence.words
        value = values.get(sentence.band.feature)
        if value is None:
            raise ModelDocumentError(
                en=f"A sentence on '{sentence.band.feature}' was asked for without its value.",
                zh=f"缺少特征“{sentence.band.feature}”的取值，无法生成语句。",
            )
        return self.spoken[id(sentence)][self.bands[sentence.band.name].place_of(value)]

    @cached_property
    def spoken(self) -> dict[int, tuple[Words, ...]]:
        """Every sentence with a band, by its identity, in each span of the band."""
        return {
            id(sentence): tuple(
                Words(
                    zh=sentence.zh.replace("{band}", span.zh),
                    en=sentence.en.replace("{band}", span.en),
                )
                for span in self.bands[sentence.band.name].spans
            )
            for group in self.groups.values()
            for sentence in group.sentences
            if sentence.band is not None
        }


def load_reasons(path: Path = REASONS_PATH) -> Reasons:
    """Load the reason groups.

    Raises
    ------
    ModelDocumentError
        If the file is wrong, or a sentence could contradict its own band.
    """
    return load_document(path, Reasons, ModelDocumentError)


def check_reasons(reasons: Reasons, registry: Registry) -> list[ModelDocumentError]:
    """Every mismatch between sentences and features, one sentence each; empty when they fit."""
    known = set(registry.names)
    named = {
        (condition.feature, code)
        for code, group in reasons.groups.items()
        for sentence in group.sentences
        for condition in sentence.when
    }
    unknown = [
        ModelDocumentError(
            en=f"Reason group {code} speaks of '{feature}', which is no feature.",
            zh=f"原因组 {code} 引用了不存在的特征“{feature}”。",
        )
        for feature, code in sorted(named)
        if feature not in known
    ]
    silent = [
        ModelDocumentError(
            en=f"Feature '{feature.name}' counts in reason group {feature.group}, "
            "which has no entry.",
            zh=f"特征“{feature.name}”属于原因组 {feature.group}，但该组没有说明。",
        )
        for feature in registry
        if feature.group not in reasons.groups
    ]
    return unknown + silent
