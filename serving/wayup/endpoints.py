"""`/v1/way-ups`."""

from serving.access.decision import Action
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.wayup.schemas import WayUpAnswer, WayUpRequest
from serving.wayup.service import show_way_up

door = Door("/v1/way-ups", "way-ups")


@door.post("")
@asks(Action.WAY_UP_READ)
async def make_way_up(body: WayUpRequest, look: CurrentLook) -> WayUpAnswer:
    """信用培植 · The cheapest plan of realistic steps to a grade or a product, for the owner's own firm alone.

    Steps change facts; features and the rating are computed anew months ahead for every combination of them, and
    a plan once more by itself. Without a plan the answer says how many combinations were computed. Authorising
    data is never part of a plan.
    """
    told = await show_way_up(look, body)
    return WayUpAnswer(sha256=told.sha256, way_up=told)
