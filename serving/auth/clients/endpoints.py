"""Clients and tokens over HTTP."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Form, Header, Response

from serving.access.decision import Action, Resource
from serving.auth.clients import service
from serving.auth.clients.issuing import TokenRequest, issue
from serving.auth.clients.schemas import (
    ClientAnswer,
    KeySet,
    NewClient,
    SecretAnswer,
    ShownSecret,
    TokenAnswer,
)
from serving.auth.clients.service import ClientWithSecrets
from serving.auth.wire import after
from serving.door import Door, asks
from serving.look import CurrentLook
from serving.pages import CurrentPager, Page
from serving.reference.responses import problem_response

door = Door("/v1/clients", "clients")
token_door = Door("", "tokens")

_ASKED_OTHERWISE = (
    "The token was not asked for as OAuth 2.0 does; `error` is its word for what is wrong."
)
Field = Annotated[str, Form(max_length=2000)]


@door.post("", status_code=201)
@asks(Action.CLIENT_CREATE)
async def create(body: NewClient, look: CurrentLook) -> ClientAnswer:
    """Make a client 客户端 for a program of an institution; its secret is asked for next."""
    return _answer(await service.create(look, body))


@door.get("")
@asks(Action.CLIENT_READ)
async def list_clients(look: CurrentLook, pager: CurrentPager) -> Page[ClientAnswer]:
    """Clients, an institution's own or all for the platform."""
    found = await service.list_some(look, after(pager), pager.fetch)
    return pager.page(found, _answer, lambda row: (row[0].client_id,))


@door.get("/{client_id}")
@asks(Action.CLIENT_READ)
async def read_client(client_id: str, look: CurrentLook) -> ClientAnswer:
    """One client with the ids and dates of its secrets."""
    return _answer(await service.read(look, client_id))


@door.delete("/{client_id}", status_code=204)
@asks(Action.CLIENT_CHANGE)
async def revoke_client(client_id: str, look: CurrentLook) -> None:
    """Revoke a client for good 吊销; its tokens are dead from the next request on."""
    await service.revoke(look, client_id)


@door.post("/{client_id}/secrets", status_code=201)
@asks(Action.CLIENT_CHANGE)
async def add_secret(client_id: str, look: CurrentLook, response: Response) -> ShownSecret:
    """Make a secret 密钥; this answer is the only one that shows it."""
    response.headers["Cache-Control"] = "no-store"
    return await service.add_secret(look, client_id)


@door.delete("/{client_id}/secrets/{secret_id}", status_code=204)
@asks(Action.CLIENT_CHANGE)
async def revoke_secret(client_id: str, secret_id: str, look: CurrentLook) -> None:
    """Revoke one secret and every token it was given."""
    await service.revoke_secret(look, client_id, secret_id)


@token_door.post("/v1/token", responses={400: problem_response(_ASKED_OTHERWISE)})
@asks(Action.TOKEN_ISSUE)
async def issue_token(
    look: CurrentLook,
    response: Response,
    grant_type: Field = "",
    scope: Field = "",
    client_id: Field = "",
    client_secret: Field = "",
    authorization: Annotated[str, Header(include_in_schema=False)] = "",
) -> TokenAnswer:
    """Client credentials for an access token 访问令牌 (RFC 6749, 4.4); errors carry its `error` member."""
    response.headers["Cache-Control"] = "no-store"
    asked = TokenRequest(grant_type, scope, client_id, client_secret, authorization)
    return await issue(look, asked)


@token_door.get("/.well-known/jwks.json")
@asks(Action.SERVICE_READ)
async def read_keys(look: CurrentLook) -> KeySet:
    """The public keys that verify our tokens (RFC 7517)."""
    await look.allow(Resource())
    return KeySet(keys=look.house.token_keys.published(look.now))


def _answer(found: ClientWithSecrets) -> ClientAnswer:
    client, secrets = found
    listed = [
        SecretAnswer(
            secret_id=secret.secret_id,
            created_at=secret.created_at,
            expires_at=secret.expires_at,
            revoked_at=secret.revoked_at,
        )
        for secret in secrets
    ]
    return ClientAnswer.model_validate({**asdict(client), "secrets": listed})
