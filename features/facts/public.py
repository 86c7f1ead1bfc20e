"""Facts of public records."""

from features.registry import Feature

FACTS: tuple[Feature, ...] = ()
