"""Facts of activity records."""

from features.registry import Feature

FACTS: tuple[Feature, ...] = ()
