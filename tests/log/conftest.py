"""The log on a real PostgreSQL, and its API and pages without a network."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from qbsync_log.app import make_pages, make_routers
from qbsync_log.service import looking
from qbsync_log.settings import LogSettings
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role, install, issue_token
from qbsync_shared.web.sse import Hints
from tests.conftest import MakeDatabase

KEY = "a key for the tests of the log, long enough"
NOW = datetime(2026, 11, 12, 17, 16, tzinfo=UTC)
BASE = "http://127.0.0.1:8104"
Bearer = Callable[..., dict[str, str]]
SignIn = Callable[..., None]


@pytest.fixture(autouse=True)
def _nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no connector service here: nothing is gained by waiting for it."""
    monkeypatch.setattr(looking, "PATIENCE_SECONDS", 0.0)


@pytest.fixture
async def log_database(database: MakeDatabase) -> Database:
    """The log's schema, empty."""
    return await database("log", "qbsync_log")


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


def log_settings(database: Database, address: str = BASE) -> LogSettings:
    return LogSettings(
        database_url=database.url, nats_url="nats://127.0.0.1:1", public_url=address, jwt_key=KEY, port=8104
    )


def make_app(database: Database, clock: FrozenClock, make_id: MakeId, address: str = BASE) -> FastAPI:
    """API and pages, without messaging."""
    settings = log_settings(database, address)
    pages = make_pages(settings, clock)
    app = FastAPI(title="qbsync log", docs_url=None, redoc_url=None)
    for router in make_routers(settings, database, pages, Hints("log"), make_id):
        app.include_router(router)
    install(app, settings=settings, pages=pages)
    return app


@pytest.fixture
def app(log_database: Database, clock: FrozenClock, make_id: MakeId) -> FastAPI:
    return make_app(log_database, clock, make_id)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        yield client


@pytest.fixture
def bearer(clock: FrozenClock) -> Bearer:
    """``bearer(role=Role.ADMIN, tenant="oak")``: the header of an API call."""

    def make(role: Role = Role.VIEWER, tenant: str = "oak") -> dict[str, str]:
        token = issue_token(KEY, tenant=tenant, role=role, sub="u-1", name="Dana R.", clock=clock)
        return {"authorization": f"Bearer {token}"}

    return make


@pytest.fixture
def sign_in(client: httpx.AsyncClient, clock: FrozenClock) -> SignIn:
    """``sign_in(Role.ADMIN)``: the session cookie, as after the hand-over."""

    def make(role: Role = Role.APPROVER, tenant: str = "oak") -> None:
        token = issue_token(KEY, tenant=tenant, role=role, sub="u-1", name="Dana R.", clock=clock)
        client.cookies.set("qbsync_session", token)

    return make
