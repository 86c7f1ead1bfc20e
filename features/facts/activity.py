"""Facts of activity records."""

from features.facts import (
    activity_farm,
    activity_invoice,
    activity_staff,
    activity_tax,
    activity_utility,
)
from features.registry import Feature

FACTS: tuple[Feature, ...] = (
    *activity_tax.FACTS,
    *activity_invoice.FACTS,
    *activity_staff.FACTS,
    *activity_utility.FACTS,
    *activity_farm.FACTS,
)
