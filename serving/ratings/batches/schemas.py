"""Orders of many ratings at the wire."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from features.scope import Purpose
from serving.ratings.schemas import AsOf

MOST_ROWS = 10_000

BatchPurpose = Literal[Purpose.APPLY, Purpose.PRE_CREDIT, Purpose.POSTLOAN]
RowState = Literal["waiting", "rated", "refused"]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BatchRequest(_Closed):
    """Rate many enterprises; what is no code becomes a row with its reason, nothing is lost."""

    usccs: list[Annotated[str, Field(max_length=64)]] = Field(min_length=1, max_length=MOST_ROWS)
    purpose: BatchPurpose
    as_of: AsOf | None = None
    public_only: bool = False


class BatchAnswer(_Closed):
    """How far an order is."""

    batch_id: str
    purpose: BatchPurpose
    as_of: date | None
    public_only: bool
    state: Literal["running", "done", "cancelled"]
    rows: int
    waiting: int
    rated: int
    refused: int
    ordered_at: datetime
    ended_at: datetime | None


class BatchRow(_Closed):
    """One row of an order with what came of it.

    `rating` is the document as it was given; it is left out (`locked`) while what it was made from is
    not open any more.
    """

    row: int
    uscc: str
    state: RowState
    reason: str = Field(description="Why there is no rating: a problem's code, or `duplicate`, …")
    rating_id: str | None
    is_locked: bool
