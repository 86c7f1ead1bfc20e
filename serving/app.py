"""The application: rooms behind the door, one handler of errors, one guard around everything."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from features.clock import now_in_shanghai
from features.vault import Vault
from serving.auth.limits import RateLimits
from serving.auth.tokens import TokenKeys
from serving.db import open_database
from serving.house import House
from serving.settings import Settings, settings_from


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application of one worker; the ledger is opened when it starts."""
    chosen = settings or settings_from()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncGenerator[None]:
        database = await open_database(
            chosen.database, size=chosen.pool_size, wait_seconds=chosen.pool_wait_seconds
        )
        app.state.house = House(
            settings=chosen,
            database=database,
            vault=Vault(chosen.home / "vault"),
            token_keys=TokenKeys(chosen.home / "vault" / "tokens"),
            limits=RateLimits(chosen.home / "run" / "rates"),
            clock=now_in_shanghai,
        )
        yield
        await database.close()

    return FastAPI(title="Xinqiao 信桥", version="1", lifespan=life, docs_url=None, redoc_url=None)
