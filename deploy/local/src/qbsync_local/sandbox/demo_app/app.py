"""Wires the demo app: database, NATS, HTTP, pages, and the set-up of the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import structlog
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from qbsync_local.sandbox.demo_app import sign_in
from qbsync_local.sandbox.demo_app.guard import Guard
from qbsync_local.sandbox.demo_app.imports import Imports
from qbsync_local.sandbox.demo_app.pages import Pages
from qbsync_local.sandbox.demo_app.people import Tokens
from qbsync_local.sandbox.demo_app.qbsync_api import QbsyncApi
from qbsync_local.sandbox.demo_app.settings import DemoSettings
from qbsync_local.sandbox.demo_app.simulators import Simulators
from qbsync_local.sandbox.demo_app.site import Site
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Store
from qbsync_local.sandbox.demo_app.stream import Bus, Listener, Teller
from qbsync_local.sandbox.setup import Setup, profiles
from qbsync_shared.messaging.link import login_of
from qbsync_shared.web.static import PREFIX, StaticFiles

RESTART_SECONDS = 1.0

log = structlog.get_logger()


def build(settings: DemoSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The app. `transport` is how qbsync and the simulators are reached over HTTP; over the network by default."""
    tenants = profiles()
    store = Store(settings.database)
    standing = Standing(store)
    tokens = Tokens(settings.jwt_key.get_secret_value())
    http = httpx.AsyncClient(transport=transport, trust_env=False, timeout=30)
    api = QbsyncApi(settings.wizard_url, tokens, http)
    credentials = settings.nats_credentials.get_secret_value() if settings.nats_credentials else None
    bus = Bus(settings.nats_url, login_of(credentials))
    teller = Teller(store, bus, api)
    store.changed = teller.wake
    listener = Listener(bus, api, standing, Imports(store, standing), [tenant.id for tenant in tenants])
    simulators = _simulators(settings, http)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loops = {"tell": teller.run, "listen": listener.run, "poll": listener.poll}
        running = [asyncio.create_task(_keep(name, loop), name=name) for name, loop in loops.items()]
        if simulators is not None:
            setup = Setup(
                store, standing, simulators, tokens, http,
                wizard_url=settings.wizard_url, gateway_url=settings.gateway_url, worker_url=settings.worker_url,
            )  # fmt: skip
            running.append(asyncio.create_task(_keep("set-up", lambda: setup.run(tenants)), name="set-up"))
        yield
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await bus.close()
        await http.aclose()
        store.close()

    site = Site({tenant.id: tenant.name for tenant in tenants})
    app = FastAPI(title="Demo app", lifespan=lifespan, openapi_url=None)
    app.state.store, app.state.standing = store, standing
    app.add_api_route("/health/live", _alive, methods=["GET"])
    app.include_router(sign_in.routes(site, settings, tokens))
    app.include_router(Pages(site, store, standing, tenants, simulators).routes())
    app.mount(PREFIX, StaticFiles(), name="static")
    _explain_errors(app, site)
    app.add_middleware(Guard, form_targets=_origins(settings))
    return app


def _simulators(settings: DemoSettings, http: httpx.AsyncClient) -> Simulators | None:
    if settings.sandbox_desktop_url is None or settings.sandbox_online_url is None:
        return None
    return Simulators(settings.sandbox_desktop_url, settings.sandbox_online_url, http)


def _origins(settings: DemoSettings) -> tuple[str, ...]:
    urls = (settings.wizard_url, settings.gateway_url, settings.worker_url, settings.log_url)
    parts = [urlsplit(url) for url in urls]
    return tuple(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts))


async def _keep(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop again when it fails: the pages stay, and the reason is in the log."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("demo_loop_failed", loop=name)
        else:
            return
        await asyncio.sleep(RESTART_SECONDS)


async def _alive() -> dict[str, str]:
    return {"status": "ok"}


def _explain_errors(app: FastAPI, site: Site) -> None:
    async def explain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return site.render(request, "problem.html", status=error.status_code, text=error.detail)

    app.add_exception_handler(HTTPException, explain)
