"""Tags over HTTP: a firm's tags and why, certificates brought in, and contests."""

from typing import Annotated, Literal

from fastapi import Path, Query

from features.scope import Purpose
from serving.access.callers import Role
from serving.access.decision import Action, Resource
from serving.door import Door, asks
from serving.look import CurrentLook, Look
from serving.pages import CurrentPager, Page
from serving.tags import contesting, repository, service
from serving.tags.schemas import (
    CertificateList,
    CertificatesAnswer,
    ClaimAnswer,
    ContestAnswer,
    ContestAnswered,
    ContestMade,
    TagCode,
    TagsAnswer,
)

tags = Door("/v1/tags", "tags")
certificates = Door("/v1/tag-certificates", "tags")
contests = Door("/v1/tag-contests", "tags")
DOORS = (tags, certificates, contests)

Tag = Annotated[TagCode, Path()]


@tags.get("")
@asks(Action.TAG_READ)
async def read_tags(
    uscc: Annotated[str, Query(pattern=r"^[0-9A-Z]{18}$")],
    look: CurrentLook,
    purpose: Annotated[
        Purpose | None,
        Query(
            description="What an institution's consent is for; without one, public records alone count."
        ),
    ] = None,
) -> TagsAnswer:
    """企业标签 · A firm's tags, each with what it rests on.

    The firm sees all its own. An institution sees what public records and its live consent show, values that
    are not public as a band. The platform sees what was certified or declared, and whether the firm is watched.
    """
    is_public = purpose is None and look.caller.role is not Role.OWNER
    consent = await look.allow(
        Resource(uscc=uscc, institution=look.caller.tenant, purpose=purpose, is_public=is_public)
    )
    if look.caller.role is Role.OPERATOR:
        answer = await service.tags_for_platform(look, uscc)
    else:
        opened = await service.opened_by(look, consent.scopes)
        answer = await service.tags_of_firm(look, uscc, opened, purpose)
    look.says(fields=["tags"], count=len(answer.tags))
    return answer


@tags.post("/{tag}/declaration", status_code=201)
@asks(Action.TAG_CHANGE)
async def declare_tag(tag: Tag, look: CurrentLook) -> ClaimAnswer:
    """自主申报 · Say that one's own firm has a tag of those that firms declare."""
    await _own(look, tag)
    return ClaimAnswer.of(await service.declare(look, tag))


@tags.post("/{tag}/removal", status_code=204)
@asks(Action.TAG_CHANGE)
async def remove_tag(tag: Tag, look: CurrentLook) -> None:
    """移除 · Take a personal tag away from one's own firm: unknown from now on, to everybody."""
    await _own(look, tag)
    await service.remove(look, tag)


@tags.delete("/{tag}/removal", status_code=204)
@asks(Action.TAG_CHANGE)
async def restore_tag(tag: Tag, look: CurrentLook) -> None:
    """恢复 · Take a removal back."""
    await _own(look, tag)
    await service.restore(look, tag)


@tags.post("/{tag}/contests", status_code=201)
@asks(Action.TAG_CHANGE)
async def contest_tag(tag: Tag, made: ContestMade, look: CurrentLook) -> ContestAnswer:
    """标签异议 · Say that one's own firm should not have a tag.

    A record behind it that is wrong is better disputed itself (`/v1/disputes`): then all that rests on it
    is corrected.
    """
    await _own(look, tag)
    contest_id = await contesting.contest(look, tag, made.text)
    look.says(contest_id=contest_id)
    return contesting.told(await contesting.find_contest(look, contest_id))


@certificates.post("", status_code=201)
@asks(Action.TAG_CERTIFY)
async def bring_certificates(brought: CertificateList, look: CurrentLook) -> CertificatesAnswer:
    """导入认证标签 · Certificates of authorities; a new one takes the place of the one before."""
    for uscc in {one.uscc for one in brought.certificates}:
        await look.allow(Resource(uscc=uscc))
    made = await service.certify(look, brought.certificates)
    look.says(fields=["tags"], count=len(made), tags=sorted({one.tag for one in made}))
    return CertificatesAnswer(certificates=[ClaimAnswer.of(one) for one in made])


@contests.get("")
@asks(Action.TAG_CONTEST_READ)
async def list_contests(
    look: CurrentLook,
    pager: CurrentPager,
    state: Literal["open", ""] = "",
) -> Page[ContestAnswer]:
    """标签异议清单 · Contests, the oldest first: a firm's own, or all for the platform."""
    uscc = look.caller.tenant if look.caller.role is Role.OWNER else ""
    await look.allow(Resource(uscc=uscc))
    after = int(str(pager.after[0])) if pager.after else 0
    found = await repository.list_contests(
        look.connection, uscc=uscc, only_open=state == "open", after=after, limit=pager.fetch
    )
    look.says(fields=["tags", "list"], count=min(len(found), pager.limit))
    return pager.page(found, contesting.told, lambda one: (one.contest_no,))


@contests.post("/{contest_id}/answer")
@asks(Action.TAG_CONTEST_ANSWER)
async def answer(
    contest_id: Annotated[str, Path(max_length=64)], answered: ContestAnswered, look: CurrentLook
) -> ContestAnswer:
    """答复标签异议 · Uphold or reject a contest, with a sentence to the firm."""
    contested = await contesting.find_contest(look, contest_id)
    await look.allow(Resource(uscc=contested.uscc))
    await contesting.answer_contest(look, contested, answered)
    look.says(fields=["tags"], contest_id=contest_id, outcome=answered.outcome)
    return contesting.told(await contesting.find_contest(look, contest_id))


async def _own(look: Look, tag: str) -> None:
    await look.allow(Resource(uscc=look.caller.tenant))
    look.says(fields=["tags"], tag=tag)
