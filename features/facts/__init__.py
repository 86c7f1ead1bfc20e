"""Facts that only rules ask about: what happened lately, beside the features that models learn from.

A fact is declared as a feature is (grain, aggregate, datasets, words), but enters no model. A rule may
use both.
"""

from features.facts import activity, public
from features.facts.feeds import FEED_FACTS
from features.facts.mortgages import MORTGAGE_FACTS
from features.registry import Registry

FACTS = Registry((*public.FACTS, *activity.FACTS, *MORTGAGE_FACTS, *FEED_FACTS))
