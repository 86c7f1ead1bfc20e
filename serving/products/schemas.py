"""Products at the wire: the document is the product's own YAML, as JSON."""

from typing import Annotated, Literal

from pydantic import Field

from features.datasets import Words
from models.products.book import ProductVersion
from serving.auth.wire import Instant, Reason, Wire

ProductCode = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_-]{1,31}$")]
State = Literal["in_review", "rejected", "withdrawn", "expired", "coming", "published", "starter"]


class NewProduct(Wire):
    """A product, or a new version of one's own; it is reviewed before it is matched."""

    code: ProductCode
    name: Words
    lender: Words
    channels: list[str] = Field(default_factory=list, max_length=10)
    terms: ProductVersion


class ProductAnswer(Wire):
    """One version of a product.

    `asks` are its conditions as rules write them; all must hold.
    """

    code: str
    institution: str
    version: int
    state: State
    name: Words
    lender: Words
    channels: list[str]
    terms: ProductVersion
    asks: list[str]
    submitted_at: Instant | None
    reviewed_at: Instant | None
    note: str


class ProductChecked(Wire):
    """What a product would ask, had it been handed in; nothing was kept."""

    asks: list[str]


class Review(Wire):
    """What the platform says of a version."""

    outcome: Literal["published", "rejected"]
    note: Reason


class Withdrawal(Wire):
    """Why a product is taken off."""

    reason: Reason
