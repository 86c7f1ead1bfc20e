"""Verifications at the wire."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from features.scope import Purpose

Name = Annotated[str, Field(pattern="^[a-z0-9_]{1,64}$")]
Value = Annotated[str, Field(max_length=400)] | bool | int | Decimal


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class QuestionAsked(_Closed):
    """Whether a column's value is so; the value is used once and kept nowhere."""

    dataset: Name = Field(description="Of the catalogue.")
    column: Name
    operator: Literal["equals", "at_least", "at_most", "within"] = "equals"
    value: Value | Annotated[list[Value], Field(min_length=2, max_length=2)] = Field(
        repr=False,
        description="As a file of the provider writes it: money in yuan, dates 2026-05-31, months 2026-05; two for `within`.",
    )


class VerificationRequest(_Closed):
    """One question about one enterprise."""

    uscc: Annotated[str, Field(pattern="^[0-9A-Z]{18}$")]
    question: QuestionAsked
    purpose: Literal[Purpose.APPLY, Purpose.PRE_CREDIT, Purpose.POSTLOAN]


class VerificationAnswer(_Closed):
    """The answer, and how many more questions on this column are left today."""

    answer: Literal["yes", "no", "unknown", "mismatch"] = Field(
        description="`unknown`: nothing is on record; `mismatch`: the name or person does not belong to the enterprise."
    )
    left_today: int
