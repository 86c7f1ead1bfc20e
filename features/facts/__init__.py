"""Facts that only rules ask about, beside the features that models learn from: what happened lately, what a firm is.

A fact is declared as a feature is (grain, aggregate, datasets, words), but enters no model. A rule may
use both.
"""

from features.definitions import REGISTRY
from features.facts import activity, matching, public
from features.facts.feeds import FEED_FACTS
from features.facts.mortgages import MORTGAGE_FACTS
from features.registry import Registry

FACTS = Registry((*public.FACTS, *activity.FACTS, *MORTGAGE_FACTS, *FEED_FACTS, *matching.FACTS))
#: What models learn from, and what only rules ask about.
COLUMNS = Registry((*REGISTRY, *FACTS))
