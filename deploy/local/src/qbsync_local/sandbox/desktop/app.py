"""Wires the simulated QuickBooks Desktop: desk, control API, pages, Auto-Run."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from qbsync_local.sandbox.desktop.control import build_api
from qbsync_local.sandbox.desktop.desk import AlreadyRunningError, Desk, UnknownTenantError
from qbsync_local.sandbox.desktop.pages import build_pages

log = structlog.get_logger()
POLL_SECONDS = 0.2


def build(folder: Path) -> FastAPI:
    """The application over the company files in `folder`."""
    desk = Desk(folder)
    stopping = threading.Event()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        auto_run = threading.Thread(target=run_when_due, args=(desk, stopping), name="auto-run", daemon=True)
        auto_run.start()
        yield
        stopping.set()
        auto_run.join(timeout=10)
        desk.close()

    app = FastAPI(title="QuickBooks Desktop (simulated)", lifespan=lifespan)
    app.state.desk = desk
    app.mount(
        "/static", StaticFiles(directory=str(resources.files(__package__).joinpath("static"))), name="static"
    )
    app.include_router(build_api(desk))
    app.include_router(build_pages(desk))
    return app


def run_when_due(desk: Desk, stopping: threading.Event) -> None:
    """Auto-Run: start each update when its time has come, one after the other."""
    while not stopping.wait(POLL_SECONDS):
        for tenant in desk.due():
            try:
                report = desk.run(tenant, auto=True)
            except (UnknownTenantError, AlreadyRunningError):
                continue
            log.info(
                "web_connector_ran", tenant=tenant, outcome=report.outcome, round_trips=report.round_trips
            )
