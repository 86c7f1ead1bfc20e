"""What requests and answers of this room have in common."""

from datetime import date, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

from features.clock import SHANGHAI
from features.identifiers import uscc_is_valid

Item = TypeVar("Item")


class Wire(BaseModel):
    """Base of what crosses the wire: unknown members are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Listed(Wire, Generic[Item]):
    """A page of a list; `next` is what to send as `after` for the following one, null at the end."""

    items: list[Item]
    next: str | None


def _require_uscc(value: str) -> str:
    if not uscc_is_valid([value])[0]:
        message = "not a unified social credit code (18 characters, GB 32100-2015)"
        raise ValueError(message)
    return value


def _with_zone(value: datetime) -> str:
    return value.replace(tzinfo=SHANGHAI).isoformat()


Uscc = Annotated[
    str, StringConstraints(min_length=18, max_length=18), AfterValidator(_require_uscc)
]
#: Instants leave with their zone, so that nobody has to know ours.
Instant = Annotated[datetime, PlainSerializer(_with_zone, return_type=str)]
Day = date
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=500)]
After = Annotated[str, Query(max_length=64, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
Limited = Annotated[str, Field(max_length=500)]


def page(items: list[Item], limit: int, keys: list[str]) -> Listed[Item]:
    """A page out of one row more than it may hold.

    Examples
    --------
    >>> page(["a", "b"], 1, ["a", "b"])
    Listed[TypeVar](items=['a'], next='a')
    """
    has_more = len(items) > limit
    return Listed(items=items[:limit], next=keys[limit - 1] if has_more else None)
