"""A room of the tests' own, so that the skeleton is exercised without any real room."""

import asyncio
from typing import Annotated

from fastapi import Body, Response
from pydantic import BaseModel, ConfigDict, Field

from features.scope import Purpose
from serving.access.decision import Action, Resource
from serving.door import Door, asks
from serving.errors import ConflictError
from serving.look import CurrentLook
from serving.pages import CurrentPager, Page

door = Door("/v1/trials", "trials")


class Count(BaseModel):
    """A number, and whom it is about."""

    model_config = ConfigDict(extra="forbid")
    step: int = Field(ge=1)
    uscc: str = ""


class Counted(BaseModel):
    """What came of it."""

    total: int


@door.post("", status_code=201)
@asks(Action.SELF_READ)
async def count_up(count: Count, look: CurrentLook, response: Response) -> Counted:
    """Add, and fail afterwards if the step is 13."""
    await look.allow(Resource())
    await look.connection.execute(
        "INSERT INTO trial (step) VALUES (%(step)s)", {"step": count.step}
    )
    if count.step == 13:
        raise ConflictError(en="Unlucky.", zh="不吉利。")
    rows = await look.connection.execute("SELECT sum(step)::int FROM trial")
    found = await rows.fetchone()
    response.headers["Location"] = "/v1/trials/1"
    look.says(fields=["total"], steps=1)
    return Counted(total=found[0] if found else 0)


@door.post("/late")
@asks(Action.SELF_READ)
async def write_at_last(count: Count, look: CurrentLook) -> Counted:
    """Add on the trip of the record; the ledger refuses step 13."""
    await look.allow(Resource())
    look.at_last(
        "INSERT INTO trial (step) VALUES (nullif(%(step)s::integer, 13))", {"step": count.step}
    )
    return Counted(total=count.step)


@door.post("/consented")
@asks(Action.CONSENT_READ)
async def read_consented(count: Count, look: CurrentLook) -> Counted:
    """Something an institution may do with its own."""
    await look.allow(Resource(institution=look.caller.tenant))
    return Counted(total=count.step)


@door.post("/spent")
@asks(Action.CONSENT_READ)
async def spend_consent(count: Count, look: CurrentLook) -> Counted:
    """Something that needs the firm's consent for tax, before a loan."""
    asked = Resource(
        uscc=count.uscc,
        institution=look.caller.tenant,
        needs=frozenset({"tax"}),
        purpose=Purpose("pre_credit"),
    )
    await look.allow(asked)
    return Counted(total=count.step)


@door.get("")
@asks(Action.SELF_READ)
async def list_trials(look: CurrentLook, pager: CurrentPager) -> Page[int]:
    """In order of their number."""
    await look.allow(Resource())
    after = pager.after[0] if pager.after else 0
    cursor = await look.connection.execute(
        "SELECT trial_no FROM trial WHERE trial_no > %(after)s ORDER BY trial_no LIMIT %(fetch)s",
        {"after": after, "fetch": pager.fetch},
    )
    rows = [int(row[0]) for row in await cursor.fetchall()]
    return pager.page(rows, item=lambda row: row, key=lambda row: (row,))


@door.get("/slow/{seconds}")
@asks(Action.SERVICE_READ)
async def sleep_in_ledger(seconds: float, look: CurrentLook) -> None:
    """Keep the ledger busy."""
    await look.allow(Resource())
    await look.connection.execute("INSERT INTO trial (step) VALUES (1)")
    await look.connection.execute("SELECT pg_sleep(%(seconds)s)", {"seconds": seconds})


@door.get("/wait/{name}")
@asks(Action.SERVICE_READ)
async def wait_outside(name: str, look: CurrentLook) -> None:
    """Keep a place without the ledger's help."""
    await look.allow(Resource())
    await asyncio.sleep(30)


@door.post("/broken")
@asks(Action.SERVICE_READ)
async def break_down(look: CurrentLook, word: Annotated[str, Body(embed=True)]) -> None:
    """A defect whose exception holds what the caller sent."""
    await look.allow(Resource())
    raise RuntimeError(word)


@door.get("/undecided")
@asks(Action.SERVICE_READ)
async def never_asks(look: CurrentLook) -> Counted:
    """A defect: answers without asking."""
    return Counted(total=1)


TRIAL = "CREATE TABLE trial (trial_no integer GENERATED ALWAYS AS IDENTITY, step integer NOT NULL)"
GRANT = "GRANT SELECT, INSERT ON trial TO xinqiao_app"
