"""Facts of public records, with those that enforcement and registration share under consent."""

from features.facts.public_authorities import AUTHORITY_FACTS
from features.facts.public_courts import COURT_FACTS
from features.facts.public_register import REGISTER_FACTS
from features.registry import Feature

FACTS: tuple[Feature, ...] = (*COURT_FACTS, *AUTHORITY_FACTS, *REGISTER_FACTS)
