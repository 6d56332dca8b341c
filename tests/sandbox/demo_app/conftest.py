"""The demo app over a database of the test's own; qbsync and the simulators are answered by the test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from tests.browser.fixtures import browser, chromium_path, new_context, page
from tests.sandbox.demo_app.outside import KEY, Outside

from qbsync_local.sandbox.demo_app.app import build
from qbsync_local.sandbox.demo_app.imports import Imports
from qbsync_local.sandbox.demo_app.settings import DemoSettings
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Store
from qbsync_shared.clock import FrozenClock

__all__ = ["browser", "chromium_path", "new_context", "page"]


@pytest.fixture
def store(tmp_path: Path, clock: FrozenClock) -> Iterator[Store]:
    opened = Store(tmp_path / "app.sqlite3", now=clock.now)
    yield opened
    opened.close()


@pytest.fixture
def standing(store: Store) -> Standing:
    return Standing(store)


@pytest.fixture
def imports(store: Store, standing: Standing) -> Imports:
    return Imports(store, standing)


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def settings(tmp_path: Path) -> DemoSettings:
    return DemoSettings(
        data=tmp_path,
        nats_url="nats://127.0.0.1:1",
        wizard_url="http://127.0.0.1:8101",
        gateway_url="http://127.0.0.1:8102",
        worker_url="http://127.0.0.1:8103",
        log_url="http://127.0.0.1:8104",
        jwt_key=KEY,
        sandbox_desktop_url="http://127.0.0.1:8107",
        sandbox_online_url="http://127.0.0.1:8106",
    )


@pytest.fixture
def app(settings: DemoSettings, outside: Outside) -> Iterator[FastAPI]:
    """The app as it is served, without its loops."""
    built = build(settings, transport=httpx.MockTransport(outside.answer))
    yield built
    built.state.store.close()


@pytest.fixture
async def visitor(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without JavaScript."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8105") as client:
        yield client
