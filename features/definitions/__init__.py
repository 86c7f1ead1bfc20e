"""Feature definitions, one file a family; `REGISTRY` is all of them in a fixed order."""

from features.definitions import (
    agri,
    compliance,
    cross_source,
    finance,
    green,
    innovation,
    invoice,
    invoice_month,
    judicial,
    loans,
    procurement,
    registration,
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
        *registration.FEATURES,
        *compliance.FEATURES,
        *judicial.FEATURES,
        *social_insurance.FEATURES,
        *loans.FEATURES,
        *innovation.FEATURES,
        *green.FEATURES,
        *agri.FEATURES,
    )
)
