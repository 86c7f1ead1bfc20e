"""Decisions about endpoints: who may have which, their secrets, trying and sending again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from features.clock import SHANGHAI
from serving.access.decision import Resource, not_found
from serving.auth.institutions.service import own_institution
from serving.auth.marks import new_id
from serving.errors import ConflictError
from serving.look import Look
from serving.webhooks import endpoint_repository as repository
from serving.webhooks.addresses import checked_url
from serving.webhooks.endpoint_repository import AttemptRow, EndpointRow, SecretRow
from serving.webhooks.outbox import Notice, post_to
from serving.webhooks.rules import load_rules
from serving.webhooks.schemas import EndpointChange, NewEndpoint, Replay, ShownEndpointSecret
from serving.webhooks.secrets import Keyring
from serving.webhooks.signing import new_webhook_secret

ENDPOINT_PREFIX, SECRET_PREFIX = "W", "K"
EndpointWithSecrets = tuple[EndpointRow, Sequence[SecretRow]]


async def create(look: Look, new: NewEndpoint) -> EndpointWithSecrets:
    """Take an address in; a secret is asked for next, and until then nothing is signed or sent.

    Raises
    ------
    AddressRefusedError
        If no notice may go there.
    ConflictError
        If the institution has as many endpoints as it may.
    """
    await look.allow(Resource(institution=new.institution))
    _require_url(look, new.url)
    count, most = (
        await repository.hold_institution(look.connection, new.institution),
        load_rules().endpoints.per_institution,
    )
    if count is None:
        raise not_found()
    if count >= most:
        raise ConflictError(
            en=f"This institution has {count} endpoints, which is all it may have. Remove one first.",
            zh=f"该机构已有 {count} 个推送地址，已达上限；请先删除一个。",
            details={"endpoints": count},
        )
    endpoint_id = new_id(ENDPOINT_PREFIX)
    await repository.add(
        look.connection, endpoint_id, new.institution, new.label, new.url, look.now
    )
    look.says(endpoint=endpoint_id)
    return await _with_secrets(look, endpoint_id)


async def read(look: Look, endpoint_id: str) -> EndpointWithSecrets:
    """One endpoint, for its institution and for the platform."""
    found = await _allowed(look, endpoint_id)
    return found, await repository.secrets_of(look.connection, [endpoint_id], look.now)


async def list_some(look: Look, after: str, limit: int) -> list[EndpointWithSecrets]:
    """Endpoints the caller may know of."""
    only = own_institution(look)
    await look.allow(Resource(institution=only))
    rows = await repository.read_some(look.connection, only, after, limit)
    ids = [row.endpoint_id for row in rows]
    secrets = await repository.secrets_of(look.connection, ids, look.now)
    return [
        (row, [secret for secret in secrets if secret.endpoint_id == row.endpoint_id])
        for row in rows
    ]


async def change(look: Look, endpoint_id: str, wish: EndpointChange) -> EndpointWithSecrets:
    """Name, move, disable or enable an endpoint; enabled, what waits is tried at once."""
    await _allowed(look, endpoint_id)
    if wish.url is not None:
        _require_url(look, wish.url)
    await repository.hold_streams(look.connection, endpoint_id)
    if wish.state == "active":
        await repository.try_at_once(look.connection, endpoint_id, look.now)
    await repository.change(
        look.connection,
        endpoint_id,
        look.now,
        label=wish.label,
        url=wish.url,
        state=wish.state,
        reason={"active": "", "disabled": "asked", None: None}[wish.state],
    )
    look.says(changed=sorted(wish.model_dump(exclude_none=True)))
    return await _with_secrets(look, endpoint_id)


async def remove(look: Look, endpoint_id: str) -> None:
    """End an endpoint with its secrets; what waited for it is never sent."""
    await _allowed(look, endpoint_id)
    await repository.hold_streams(look.connection, endpoint_id)
    await repository.give_up(look.connection, endpoint_id, look.now)
    await repository.retire_secrets(look.connection, endpoint_id, look.now)
    await repository.change(look.connection, endpoint_id, look.now, state="removed", reason="asked")


async def add_secret(look: Look, endpoint_id: str, *, drop_old: bool) -> ShownEndpointSecret:
    """Make a secret; the one before signs beside it for a day, so that a receiver can change over.

    Raises
    ------
    ConflictError
        If a change of secrets is still going on.
    """
    await _allowed(look, endpoint_id)
    await repository.hold_streams(look.connection, endpoint_id)
    rules = load_rules().endpoints
    live = await repository.secrets_of(look.connection, [endpoint_id], look.now)
    if len(live) >= rules.live_secrets and not drop_old:
        raise ConflictError(
            en=f"{len(live)} secrets sign already. Wait until {live[0].expires_at:%Y-%m-%d %H:%M}, or give `drop_old`.",
            zh=f"已有 {len(live)} 个密钥同时签名，请等到 {live[0].expires_at:%Y-%m-%d %H:%M}，或使用 drop_old。",
            details={"live_secrets": [secret.secret_id for secret in live]},
        )
    ends = look.now + timedelta(hours=0 if drop_old else rules.overlap_hours)
    await repository.retire_secrets(look.connection, endpoint_id, ends)
    secret, secret_id = new_webhook_secret(), new_id(SECRET_PREFIX)
    sealed = await Keyring(look.house.vault).seal(endpoint_id, secret)
    await repository.add_secret(look.connection, endpoint_id, secret_id, sealed, look.now)
    look.says(secret=secret_id)
    return ShownEndpointSecret(endpoint_id=endpoint_id, secret_id=secret_id, secret=secret)


async def send_test(look: Look, endpoint_id: str) -> str:
    """Post a notice about nothing, which leaves as any other; its id."""
    found = await _allowed(look, endpoint_id)
    rules = load_rules().test_notice
    notice = Notice(
        institution=found.institution,
        kind=rules.kind,
        stream=rules.stream,
        thing=rules.stream,
        uscc="",
        needs=frozenset(),
        body={"endpoint_id": endpoint_id},
    )
    notice_id = await post_to(look.connection, endpoint_id, notice, look.now)
    look.says(notice=notice_id)
    return notice_id


async def replay(look: Look, endpoint_id: str, wish: Replay) -> int:
    """Send again what a receiver lost, or what was given up; how many notices."""
    await _allowed(look, endpoint_id)
    since = None if wish.since is None else _wall_time(wish.since)
    count = await repository.replay(look.connection, endpoint_id, since, look.now)
    look.says(notices=count)
    return count


async def attempts(
    look: Look, endpoint_id: str, before: int | None, limit: int
) -> list[AttemptRow]:
    """What was tried, the latest first."""
    await _allowed(look, endpoint_id)
    return await repository.attempts_of(look.connection, endpoint_id, before, limit)


async def _allowed(look: Look, endpoint_id: str) -> EndpointRow:
    found = await repository.read_one(look.connection, endpoint_id)
    await look.allow(Resource(institution=found.institution if found else ""))
    if found is None:
        raise not_found()
    look.says(endpoint=endpoint_id, institution=found.institution)
    return found


async def _with_secrets(look: Look, endpoint_id: str) -> EndpointWithSecrets:
    found = await repository.read_one(look.connection, endpoint_id)
    if found is None:
        raise not_found()
    return found, await repository.secrets_of(look.connection, [endpoint_id], look.now)


def _require_url(look: Look, url: str) -> None:
    checked_url(url, may_loop_back=look.house.settings.webhooks_to_loopback)


def _wall_time(given: datetime) -> datetime:
    """A moment with a zone as ours without; one without is ours already."""
    return given.astimezone(SHANGHAI).replace(tzinfo=None) if given.tzinfo else given
