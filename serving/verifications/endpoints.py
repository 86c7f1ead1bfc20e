"""`/v1/verifications`."""

from serving.access.decision import Action
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.verifications.schemas import VerificationAnswer, VerificationRequest
from serving.verifications.service import answer_question

door = Door("/v1/verifications", "verifications")


@door.post("")
@asks(Action.VERIFICATION_ASK)
async def ask_verification(asked: VerificationRequest, look: CurrentLook) -> VerificationAnswer:
    """核验 · Ask whether a value held about an enterprise is so; the value asked is kept nowhere.

    A column of a record's key asks whether there is such a record; any other asks about the newest one.
    """
    return await answer_question(look, asked)
