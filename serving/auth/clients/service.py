"""Decisions about clients and their secrets."""

from collections.abc import Sequence

from serving.access.callers import Role
from serving.access.decision import Action, Resource, load_policy, not_found
from serving.auth.clients import repository
from serving.auth.clients.repository import Client, Secret
from serving.auth.clients.schemas import NewClient, ShownSecret
from serving.auth.institutions.service import own_institution
from serving.auth.marks import CLIENT_PREFIX, SECRET_PREFIX, digest_of, new_id, new_secret
from serving.auth.rules import load_rules
from serving.errors import ConflictError
from serving.look import Look

ClientWithSecrets = tuple[Client, list[Secret]]


def grantable() -> frozenset[Action]:
    """Everything a client may ever be permitted, as the access policy says."""
    return frozenset(action for action, rule in load_policy().items() if Role.CLIENT in rule.roles)


async def create(look: Look, new: NewClient) -> ClientWithSecrets:
    """Make a client without a secret; one is asked for separately, and shown once.

    Raises
    ------
    ConflictError
        If a permission is not one for programs, or the institution has left.
    """
    await look.allow(Resource(institution=new.institution))
    _require_grantable(new.permissions)
    state = await repository.institution_state(look.connection, new.institution)
    if state is None:
        raise not_found()
    if state == "exited":
        raise ConflictError(
            en="This institution has left; it gets no clients. It may apply again.",
            zh="该机构已退出，不能为其创建客户端；可重新申请接入。",
        )
    client = Client(
        client_id=new_id(CLIENT_PREFIX),
        institution=new.institution,
        label=new.label,
        permissions=sorted(set(new.permissions)),
        rate_per_second=new.rate_per_second,
        burst=new.burst,
        state="active",
        created_at=look.now,
    )
    await repository.add_client(look.connection, client)
    look.says(
        client=client.client_id, institution=client.institution, permissions=client.permissions
    )
    return client, []


async def read(look: Look, client_id: str) -> ClientWithSecrets:
    """One client, for its institution and for the platform."""
    client = await repository.read_one(look.connection, client_id)
    await look.allow(Resource(institution=client.institution if client else ""))
    if client is None:
        raise not_found()
    return client, await repository.secrets_of(look.connection, [client_id])


async def list_some(look: Look, after: str, limit: int) -> list[ClientWithSecrets]:
    """Clients the caller may know of."""
    only = own_institution(look)
    await look.allow(Resource(institution=only))
    clients = await repository.read_some(look.connection, only, after, limit)
    secrets = await repository.secrets_of(look.connection, [row.client_id for row in clients])
    return [
        (row, [secret for secret in secrets if secret.client_id == row.client_id])
        for row in clients
    ]


async def revoke(look: Look, client_id: str) -> None:
    """End a client for good; its tokens are dead from the next request on."""
    await _lock(look, client_id)
    await repository.revoke_client(look.connection, client_id, look.now)


async def add_secret(look: Look, client_id: str) -> ShownSecret:
    """Make a further secret, so that a program can change over before the old one is revoked.

    Raises
    ------
    ConflictError
        If the client is revoked, or has as many live secrets as it may.
    """
    client = await _lock(look, client_id)
    most = load_rules().secrets.live_per_client
    secrets = await repository.secrets_of(look.connection, [client_id])
    live = [secret.secret_id for secret in secrets if secret.is_live(look.now)]
    if client.state != "active":
        raise ConflictError(
            en="This client was revoked; it gets no secrets. Ask the platform for a new client.",
            zh="该客户端已被吊销，不能再生成密钥；请向平台申请新的客户端。",
        )
    if len(live) >= most:
        raise ConflictError(
            en=f"This client has {len(live)} live secrets, which is all it may have. Revoke one first.",
            zh=f"该客户端已有 {len(live)} 个有效密钥，已达上限；请先吊销其中一个。",
            details={"live_secrets": live},
        )
    text, secret_id = new_secret(), new_id(SECRET_PREFIX)
    await repository.add_secret(look.connection, client_id, secret_id, digest_of(text), look.now)
    look.says(secret=secret_id)
    return ShownSecret(client_id=client_id, secret_id=secret_id, client_secret=text)


async def revoke_secret(look: Look, client_id: str, secret_id: str) -> None:
    """Revoke one secret and every token it was given."""
    await _lock(look, client_id)
    if not await repository.revoke_secrets(look.connection, client_id, secret_id, look.now):
        raise not_found()
    look.says(secret=secret_id)


async def _lock(look: Look, client_id: str) -> Client:
    """The client to be changed; a program changes itself only, or it could take over a stronger one."""
    client = await repository.lock_one(look.connection, client_id)
    await look.allow(Resource(institution=client.institution if client else ""))
    if client is None or (look.caller.role is Role.CLIENT and look.caller.id != client_id):
        raise not_found()
    look.says(client=client_id, institution=client.institution)
    return client


def _require_grantable(permissions: Sequence[Action]) -> None:
    refused = sorted(set(permissions) - grantable())
    if refused:
        raise ConflictError(
            en=f"A program may never hold: {', '.join(refused)}.",
            zh=f"以下权限不能授予程序：{'、'.join(refused)}。",
            details={"not_grantable": refused, "grantable": sorted(grantable())},
        )
