"""Is the process alive, can it answer, what has it counted: for whoever runs the service."""

import asyncio
import hmac
import ipaddress
import os
from dataclasses import dataclass

import psycopg
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from features.errors import XinqiaoError
from serving.access.decision import not_found
from serving.house import House, house_of
from serving.observe.meters import meters_of

router = APIRouter(tags=["watching"])
_READY_SECONDS = 2.0
_REVISION = "SELECT version_num FROM alembic_version"


@dataclass(frozen=True)
class Health:
    """The process answers."""

    alive: bool = True


@dataclass(frozen=True)
class Readiness:
    """Whether requests should be sent here, and which part says no."""

    ready: bool
    serving: bool
    ledger: bool
    schema_current: bool
    keys: bool


@router.get("/healthz")
async def read_health() -> Health:
    """Whether the process lives; asks nothing of anybody."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Not now."}})
async def read_readiness(request: Request, response: Response) -> Readiness:
    """Whether this process can answer now: not stopping, ledger there and current, keys readable."""
    house = house_of(request)
    serving, revision = not request.app.state.is_stopping, await _revision(house)
    current = revision is not None and house.settings.revision in {"", revision}
    keys = os.access(house.settings.home / "vault" / "master.key", os.R_OK)
    ready = serving and current and keys
    response.status_code = 200 if ready else 503
    return Readiness(ready, serving, revision is not None, current, keys)


@router.get("/metrics", include_in_schema=False)
async def read_metrics(request: Request) -> Response:
    """What was counted; for programs on this host, or with the secret."""
    house = house_of(request)
    if not _may_watch(request, house.settings.metrics_secret):
        raise not_found()
    meters = meters_of(request)
    meters.pool(house.database)
    return Response(meters.page(), media_type=CONTENT_TYPE_LATEST)


async def _revision(house: House) -> str | None:
    """The ledger's schema; None if it does not answer in time."""
    try:
        async with asyncio.timeout(_READY_SECONDS), house.database.transaction() as connection:
            found = await (await connection.execute(_REVISION)).fetchone()
    except (XinqiaoError, TimeoutError, psycopg.Error):
        return None
    return str(found[0]) if found else ""


def _may_watch(request: Request, secret: str) -> bool:
    if secret:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), secret.encode())
    is_forwarded = "forwarded" in request.headers or "x-forwarded-for" in request.headers
    return not is_forwarded and _is_loopback(request.client.host if request.client else "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
