"""Feature definitions, one file a family; `REGISTRY` is all of them in a fixed order."""

from features.definitions import (
    agri,
    cross_source,
    finance,
    green,
    innovation,
    invoice,
    invoice_month,
    loans,
    procurement,
    social_insurance,
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
        *social_insurance.FEATURES,
        *loans.FEATURES,
        *innovation.FEATURES,
        *green.FEATURES,
        *agri.FEATURES,
    )
)
