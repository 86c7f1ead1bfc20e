"""Facts that tags, products and policies ask about, beside those that warnings do."""

from features.facts import matching_assets, matching_public, matching_shared, matching_titles
from features.registry import Feature

FACTS: tuple[Feature, ...] = (
    *matching_titles.FACTS,
    *matching_public.FACTS,
    *matching_shared.FACTS,
    *matching_assets.FACTS,
)
