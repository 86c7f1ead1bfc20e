"""What requests and answers of this room have in common."""

from datetime import date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
)

from features.clock import SHANGHAI
from features.identifiers import uscc_is_valid
from serving.pages import Pager


class Wire(BaseModel):
    """Base of what crosses the wire: unknown members are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


def after(pager: Pager) -> str:
    """The id after which a page goes on; every list of this room is in the order of one text."""
    return str(pager.after[0]) if pager.after else ""
