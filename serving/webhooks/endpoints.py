"""`/v1/webhook-endpoints`: where an institution hears of what happens to its enterprises."""

from dataclasses import asdict

from fastapi import Response

from serving.access.decision import Action
from serving.auth.wire import after
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.pages import CurrentPager, Page
from serving.webhooks import service
from serving.webhooks.endpoint_repository import AttemptRow
from serving.webhooks.schemas import (
    AttemptAnswer,
    EndpointAnswer,
    EndpointChange,
    EndpointSecret,
    NewEndpoint,
    NewSecret,
    Replay,
    Replayed,
    ShownEndpointSecret,
    TestSent,
)
from serving.webhooks.service import EndpointWithSecrets

door = Door("/v1/webhook-endpoints", "webhooks")


@door.post("", status_code=201)
@asks(Action.WEBHOOK_CREATE)
async def create(body: NewEndpoint, look: CurrentLook) -> EndpointAnswer:
    """登记推送地址 · Register where notices go; ask for its secret next, before that nothing is sent."""
    return _answer(await service.create(look, body))


@door.get("")
@asks(Action.WEBHOOK_READ)
async def list_endpoints(look: CurrentLook, pager: CurrentPager) -> Page[EndpointAnswer]:
    """推送地址清单 · An institution's own endpoints, or all for the platform."""
    found = await service.list_some(look, after(pager), pager.fetch)
    return pager.page(found, _answer, lambda row: (row[0].endpoint_id,))


@door.get("/{endpoint_id}")
@asks(Action.WEBHOOK_READ)
async def read_endpoint(endpoint_id: str, look: CurrentLook) -> EndpointAnswer:
    """One endpoint with the ids and dates of its live secrets."""
    return _answer(await service.read(look, endpoint_id))


@door.patch("/{endpoint_id}")
@asks(Action.WEBHOOK_CHANGE)
async def change_endpoint(
    endpoint_id: str, body: EndpointChange, look: CurrentLook
) -> EndpointAnswer:
    """变更 · Name, move, disable or enable it; enabled, what waits is tried at once."""
    return _answer(await service.change(look, endpoint_id, body))


@door.delete("/{endpoint_id}", status_code=204)
@asks(Action.WEBHOOK_CHANGE)
async def remove_endpoint(endpoint_id: str, look: CurrentLook) -> None:
    """删除 · Remove it with its secrets; what waited for it is not sent."""
    await service.remove(look, endpoint_id)


@door.post("/{endpoint_id}/secrets", status_code=201)
@asks(Action.WEBHOOK_CHANGE)
async def add_secret(
    endpoint_id: str, body: NewSecret, look: CurrentLook, response: Response
) -> ShownEndpointSecret:
    """换发密钥 · Make a secret, shown this once; the one before signs beside it for a day."""
    response.headers["Cache-Control"] = "no-store"
    return await service.add_secret(look, endpoint_id, drop_old=body.drop_old)


@door.post("/{endpoint_id}/test", status_code=202)
@asks(Action.WEBHOOK_CHANGE)
async def send_test(endpoint_id: str, look: CurrentLook) -> TestSent:
    """测试推送 · Send a notice about nothing; its attempts say what came of it."""
    return TestSent(notice_id=await service.send_test(look, endpoint_id))


@door.post("/{endpoint_id}/replay", status_code=202)
@asks(Action.WEBHOOK_CHANGE)
async def replay(endpoint_id: str, body: Replay, look: CurrentLook) -> Replayed:
    """重新推送 · Send again what was posted since a moment, or what was given up, under the same ids."""
    return Replayed(notices=await service.replay(look, endpoint_id, body))


@door.get("/{endpoint_id}/attempts")
@asks(Action.WEBHOOK_READ)
async def list_attempts(
    endpoint_id: str, look: CurrentLook, pager: CurrentPager
) -> Page[AttemptAnswer]:
    """推送记录 · What was tried, the latest first."""
    before = int(pager.after[0]) if pager.after else None
    found = await service.attempts(look, endpoint_id, before, pager.fetch)
    return pager.page(found, _attempt, lambda row: (row.attempt_no,))


def _answer(found: EndpointWithSecrets) -> EndpointAnswer:
    endpoint, secrets = found
    listed = [
        EndpointSecret(
            secret_id=secret.secret_id, created_at=secret.created_at, expires_at=secret.expires_at
        )
        for secret in secrets
    ]
    return EndpointAnswer.model_validate({**asdict(endpoint), "secrets": listed})


def _attempt(row: AttemptRow) -> AttemptAnswer:
    return AttemptAnswer.model_validate(asdict(row))
