"""Feature definitions, one file a family; `REGISTRY` is all of them in a fixed order."""

from features.definitions import invoice, invoice_month
from features.registry import Registry

REGISTRY = Registry((*invoice.FEATURES, *invoice_month.FEATURES))
