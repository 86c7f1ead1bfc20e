"""Contests of tags: a firm says that it should not have one, the platform looks at why it does, and answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from features.contracts import Words
from models.tags.held import answers_of
from serving.access.decision import not_found
from serving.auth.marks import new_id
from serving.disputes.filing import shared_catalogue
from serving.errors import ConflictError
from serving.look import Look
from serving.ratings.sight import Opened
from serving.tags import repository
from serving.tags.rows import Claim, Contest
from serving.tags.schemas import ContestAnswer, ContestAnswered, TagAnswer
from serving.tags.service import entry_of, find_entry, read_records, setting_of, tell_tag

#: What the platform may look at without any firm's consent.
PUBLIC = Opened("grantee")


@dataclass(frozen=True)
class Grounds:
    """Why a firm has the tag that it contests, as far as the platform may see.

    Attributes
    ----------
    tag : TagAnswer or None
        None if the book has it no longer: then nobody holds it.
    claim : Claim or None
        The certificate or declaration that gave it, if it was not a rule.
    """

    tag: TagAnswer | None
    claim: Claim | None


async def contest(look: Look, code: str, text: str) -> str:
    """Say that one's own firm should not have a tag; the contest's id.

    Raises
    ------
    NotFoundError
        If there is no such tag that the firm sees.
    ConflictError
        If it is contested already.
    """
    entry = find_entry(code)
    if entry.audience == "platform":
        raise not_found()
    contest_id = new_id("X")
    uscc, by = look.caller.tenant, look.caller.id
    if not await repository.write_contest(
        look.connection, contest_id, uscc, code, text, by, look.now
    ):
        raise ConflictError(
            en=f"The tag '{code}' is contested already. Wait for the answer.",
            zh=f"标签“{entry.words.zh}”的异议正在处理，请等待答复。",
            details={"tag": code},
        )
    return contest_id


async def find_contest(look: Look, contest_id: str) -> Contest:
    """One contest, locked.

    Raises
    ------
    NotFoundError
    """
    found = await repository.find_contest(look.connection, contest_id)
    if found is None:
        raise not_found()
    return found


def told(contested: Contest) -> ContestAnswer:
    """A contest with the words of its tag; of one that has left the book the code is all there is."""
    code, entry = contested.tag, entry_of(contested.tag)
    gone = Words(zh=f"标签已下架（{code}）", en=f"no longer in the book ({code})")
    return ContestAnswer.of(contested, entry.words if entry else gone)


async def grounds_of(look: Look, contested: Contest) -> Grounds:
    """What the contested tag rests on today: its rule with public values, or what was certified or declared."""
    claims = await repository.read_claims(look.connection, [contested.uscc])
    claim = next((one for one in claims if one.tag == contested.tag), None)
    if entry_of(contested.tag) is None:
        return Grounds(None, claim)
    return Grounds(await _tag_today(look, contested, claims), claim)


async def _tag_today(look: Look, contested: Contest, claims: Sequence[Claim]) -> TagAnswer:
    uscc, setting = contested.uscc, await setting_of(look)
    found = await read_records(look, uscc, PUBLIC)
    removed = {tag for _, tag in await repository.removed_tags(look.connection, [uscc])}
    given = [*found.given, *(one.given for one in claims)]
    answers = answers_of(setting.tags, found.values, uscc, given, removed, look.now.date())
    answer = next(one for one in answers if one.tag.entry.code == contested.tag)
    return tell_tag(answer, setting, PUBLIC.withheld(shared_catalogue()), contested)


async def answer_contest(look: Look, contested: Contest, answered: ContestAnswered) -> None:
    """Close a contest; where it is upheld, the tag is gone until the firm restores it.

    Raises
    ------
    ConflictError
        If it was answered before.
    """
    if contested.state != "open":
        raise ConflictError(
            en="This contest has been answered.",
            zh="该异议已答复。",
            details={"contest_id": contested.contest_id, "state": contested.state},
        )
    connection, by, now = look.connection, look.caller.id, look.now
    await repository.answer_contest(
        connection, contested.contest_id, answered.outcome, answered.answer_zh, by, now
    )
    if answered.outcome == "upheld":
        await repository.remove_tag(
            connection, contested.uscc, contested.tag, cause="contest", by=by, now=now
        )
