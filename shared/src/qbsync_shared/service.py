"""The frame of a service: one process with HTTP, messaging and loops, and a careful end."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse

from qbsync_shared import asyncapi, logging, metrics
from qbsync_shared.health import Check, examine
from qbsync_shared.loops import Background, Loop
from qbsync_shared.messaging import Subscription
from qbsync_shared.messaging.bus import Bus
from qbsync_shared.messaging.dead_letter_reader import HandleDeadLetter
from qbsync_shared.postgres import Database
from qbsync_shared.settings import ServiceSettings, SettingsError, load

SHUTDOWN_SECONDS = 25
S = TypeVar("S", bound=ServiceSettings)

log = structlog.get_logger()


def create_service(
    *,
    name: str,
    settings: ServiceSettings,
    database: Database,
    subscriptions: Sequence[Subscription[Any]],
    loops: Sequence[Loop],
    routers: Sequence[APIRouter],
    checks: Sequence[Check] = (),
    dead_letters: HandleDeadLetter | None = None,
) -> FastAPI:
    """Put a service together: its routes, `/health/live`, `/health/ready`, `/metrics`, `/docs/asyncapi`, its lifespan.

    The lifespan opens the database, starts messaging (broker, relay, guard) and the loops, and ends them in the other
    direction. HTTP works while NATS or PostgreSQL is down; what is said then waits in the outbox. Only readiness
    tells of it.

    Args:
        name: ``wizard``, ``qbwc-gateway``, ``qbo-worker`` or ``log``.
        settings: the service's own.
        database: the service's schema, not yet open.
        subscriptions: what it listens to.
        loops: each ``async () -> None``, restarted with a growing pause when it raises.
        routers: API and pages.
        checks: what readiness depends on besides database, NATS, consumers and relay.
        dead_letters: takes every service's dead letters from QBSYNC_DLQ, each once; for the log.
    """
    bus = Bus(
        service=name,
        database=database,
        nats_url=settings.nats_url.get_secret_value(),
        credentials=settings.nats_credentials.get_secret_value() if settings.nats_credentials else None,
        subscriptions=subscriptions,
        replicas=settings.nats_replicas,
        dead_letters=dead_letters,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        background = Background()
        await database.open()
        try:
            await bus.start()
            background.start(loops)
            log.info("service_started", service=name)
            yield
        finally:
            await background.stop()
            await bus.stop()
            await database.close()
            log.info("service_stopped", service=name)

    app = FastAPI(title=f"qbsync {name}", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.bus = bus
    for router in routers:
        app.include_router(router)
    app.include_router(_operations(bus, [_database_check(database), *bus.checks(), *checks]))
    app.include_router(_documents(name, subscriptions))
    return app


def _operations(bus: Bus, checks: Sequence[Check]) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        findings = await examine(checks)
        well = all(finding.problem is None for finding in findings)
        return JSONResponse(
            {
                "status": "ok" if well else "not ready",
                "checks": {finding.name: finding.problem or "ok" for finding in findings},
            },
            status_code=200 if well else 503,
        )

    @router.get("/metrics")
    async def read_metrics() -> Response:
        return Response(metrics.render(bus.registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


def _documents(name: str, subscriptions: Sequence[Subscription[Any]]) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/docs/asyncapi")
    async def describe_messages() -> JSONResponse:
        return JSONResponse(asyncapi.of_service(name, subscriptions))

    return router


def _database_check(database: Database) -> Check:
    async def probe() -> str | None:
        await database.ping()
        return None

    return Check("database", probe)


def run(build: Callable[[S], FastAPI], settings_type: type[S]) -> None:
    """Serve until SIGTERM or SIGINT: what every ``__main__.py`` calls.

    Faults in the settings are listed on standard error and end the process with code 2. On a signal no new request is
    taken, those under way are finished (at most 25 s), and the process ends with code 0.
    """
    try:
        settings = load(settings_type)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    logging.configure(settings.log_format, settings.log_level)
    metrics.describe_build(os.environ.get("QBSYNC_REVISION", "unknown"))
    config = uvicorn.Config(
        build(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    # uvicorn raises the signal again once it has shut down; ended on purpose is not ended by a fault
    for graceful in (signal.SIGTERM, signal.SIGINT):
        signal.signal(graceful, lambda _number, _frame: None)
    server = uvicorn.Server(config)
    asyncio.run(server.serve())
    if not server.started:
        raise SystemExit(3)
