"""Ways up at the wire."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.wayup.document import WayUpTold

FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class WayUpRequest(BaseModel):
    """Where the firm wants to get to: a grade, or a product."""

    model_config = ConfigDict(extra="forbid")

    target_grade: str | None = Field(default=None, pattern="^[A-Z]{1,3}$")
    product: str | None = Field(default=None, pattern="^[A-Z][A-Z0-9_-]{1,31}$")
    said: dict[FactName, float | bool | Annotated[str, Field(max_length=40)]] = Field(
        default_factory=dict,
        max_length=40,
        description="For a product: the need, what the firm offers, and its own word; names of `facts.yaml`.",
    )

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target_grade is None) == (self.product is None):
            raise ValueError("give either target_grade or product")
        return self


class WayUpAnswer(BaseModel):
    """A way up, and the hash under which the record knows it."""

    model_config = ConfigDict(extra="forbid")

    sha256: str
    way_up: WayUpTold
