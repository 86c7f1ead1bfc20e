"""`/v1/policy-matches` and `/v1/channels`."""

from typing import Annotated

from fastapi import Path

from serving.access.decision import Action, Resource, not_found
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.matching.channels import channel_answer, channel_answers
from serving.matching.policies import policies_for
from serving.matching.schemas import ChannelAnswer, PolicyMatchAnswer

door = Door("/v1", "policies")


@door.get("/policy-matches")
@asks(Action.POLICY_MATCH_READ)
async def read_policy_matches(look: CurrentLook) -> PolicyMatchAnswer:
    """惠企政策 · Policies the caller's firm can claim, what each comes to, and what is missing for others."""
    await look.allow(Resource(uscc=look.caller.tenant))
    return await policies_for(look)


@door.get("/channels")
@asks(Action.SERVICE_READ)
async def read_channels(look: CurrentLook) -> list[ChannelAnswer]:
    """专栏 · Columns of products, policies and tags that belong together."""
    await look.allow(Resource())
    return await channel_answers(look)


@door.get("/channels/{code}")
@asks(Action.SERVICE_READ)
async def read_channel(
    code: Annotated[str, Path(pattern="^[a-z_]{1,32}$")], look: CurrentLook
) -> ChannelAnswer:
    """专栏详情 · One column."""
    await look.allow(Resource())
    found = await channel_answer(look, code)
    if found is None:
        raise not_found()
    return found
