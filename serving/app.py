"""The application: rooms behind the door, one handler of errors, one guard around everything."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from fastapi import APIRouter, FastAPI
from structlog.typing import FilteringBoundLogger

from features.vault import Vault
from serving.alerts import endpoints as alerts
from serving.audit import endpoints as audit
from serving.auth import rooms as auth
from serving.auth.limits import RateLimits
from serving.auth.tokens import TokenKeys
from serving.consent import endpoints as consents
from serving.db import open_database
from serving.disputes import beside_endpoints as beside
from serving.disputes import endpoints as disputes
from serving.guard import Guard
from serving.house import House
from serving.loans import endpoints as loans
from serving.matching import endpoints as matching
from serving.matching import policy_endpoints as policies
from serving.needs import endpoints as needs
from serving.observe import endpoints as health
from serving.observe.log import make_log
from serving.observe.meters import Meters
from serving.portfolio import endpoints as portfolio
from serving.problems import install
from serving.products import endpoints as products
from serving.ratings import rooms as ratings
from serving.ratings.errors import NoModelError
from serving.reference import endpoints as reference
from serving.reference.openapi import describe
from serving.reports import rooms as reports
from serving.settings import Settings, settings_from
from serving.tags import endpoints as tags
from serving.verifications import endpoints as verifications
from serving.wayup import endpoints as wayup
from serving.web import rooms as web
from serving.web.failures import problem_page
from serving.webhooks import endpoints as webhooks

#: Every room that answers; a new one is added here. A request tries them in this order, so the busiest comes first.
ROOMS: tuple[APIRouter, ...] = (
    *ratings.DOORS,
    *auth.DOORS,
    consents.door,
    audit.door,
    *disputes.DOORS,
    *beside.DOORS,
    *alerts.DOORS,
    *web.DOORS,
    *reports.DOORS,
    matching.door,
    policies.door,
    portfolio.door,
    verifications.door,
    webhooks.door,
    loans.door,
    *tags.DOORS,
    products.door,
    *needs.DOORS,
    wayup.door,
)


def create_app(
    settings: Settings | None = None,
    *,
    clock: Callable[[], datetime] | None = None,
    rooms: Sequence[APIRouter] = ROOMS,
    log: FilteringBoundLogger | None = None,
) -> FastAPI:
    """Build the application of one worker; the ledger is opened when it starts."""
    chosen = settings or settings_from()
    told = clock or chosen.now
    meters = Meters(chosen.metrics)

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
            clock=told,
        )
        with suppress(NoModelError):  # without a model everything else still works
            await app.state.house.desks.desk(told())
        yield
        app.state.is_stopping = True
        await database.close()
        app.state.house.limits.close()
        app.state.house.desks.close()
        app.state.house.reading.close()

    app = FastAPI(
        title="Xinqiao 信桥",
        version="1",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.meters = meters
    app.state.is_stopping = False
    app.state.language = chosen.language
    app.state.settings = chosen
    app.state.problem_page = problem_page
    install(app, chosen.language)
    for router in (*rooms, health.router, reference.router):
        app.include_router(router)
    describe(app)
    app.add_middleware(Guard, settings=chosen, meters=meters, log=log or make_log())
    return app
