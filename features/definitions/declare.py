"""One way to write a feature down, for families whose features differ in what is missing."""

from features.contracts import Words
from features.definitions.expressions import Value
from features.registry import Direction, Feature, Missing


def declare(
    name: str,
    value: Value,
    direction: Direction,
    group: str,
    zh: str,
    en: str,
    *,
    missing: Missing = "unknown",
    is_recency: bool = False,
) -> Feature:
    """A feature as a sentence: name, value, which way risk runs, reason group, words."""
    words = Words(zh=zh, en=en)
    return Feature(
        name, value.expression, value.of, value.unit, direction, missing, group, words, is_recency
    )
