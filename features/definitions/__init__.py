"""Feature definitions, one file a family; `REGISTRY` is all of them in a fixed order."""

from features.definitions import (
    cross_source,
    finance,
    invoice,
    invoice_month,
    procurement,
    tax,
    trade,
    utility,
)
from features.registry import Registry

REGISTRY = Registry(
    (
        *invoice.FEATURES,
        *invoice_month.FEATURES,
        *utility.FEATURES,
        *tax.FEATURES,
        *cross_source.FEATURES,
        *finance.FEATURES,
        *trade.FEATURES,
        *procurement.FEATURES,
    )
)
