"""Wires the simulated QuickBooks Online into one ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI
from starlette.responses import Response

from qbsync_local.sandbox.online.api import api_routes
from qbsync_local.sandbox.online.control import control_routes
from qbsync_local.sandbox.online.limits import Gate
from qbsync_local.sandbox.online.oauth import oauth_routes
from qbsync_local.sandbox.online.pages import page_routes
from qbsync_local.sandbox.online.settings import OnlineSettings
from qbsync_local.sandbox.online.store import Store
from qbsync_local.sandbox.online.tokens import Tokens
from qbsync_local.sandbox.online.traffic import Traffic
from qbsync_shared.clock import Clock, SystemClock


def build(settings: OnlineSettings, *, clock: Clock | None = None) -> FastAPI:
    """The application with its store open. All handlers run on one event loop, so the books need no locks."""
    store = Store(settings.database, clock or SystemClock())
    tokens, traffic, gate = Tokens(store), Traffic(store), Gate(store)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        store.close()

    app = FastAPI(title="QuickBooks Online (simulated)", lifespan=lifespan, docs_url=None, redoc_url=None)
    stylesheet = (
        files("qbsync_local.sandbox.online").joinpath("static/online.css").read_text(encoding="utf-8")
    )

    @app.get("/static/online.css", include_in_schema=False)
    async def style() -> Response:
        return Response(stylesheet, media_type="text/css")

    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    app.include_router(control_routes(store, tokens, traffic, gate))
    app.include_router(oauth_routes(store, tokens, traffic, settings))
    app.include_router(api_routes(store, tokens, traffic, gate))
    app.include_router(page_routes(store))
    return app
