"""The gallery of the web base, called without a network."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from tests.browser.gallery import KEY, NOW, create_gallery

from qbsync_shared.clock import FrozenClock
from qbsync_shared.web import Role, issue_token

MakeToken = Callable[..., str]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def app(clock: FrozenClock) -> FastAPI:
    return create_gallery(clock=clock)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def make_token(clock: FrozenClock) -> MakeToken:
    """``make_token(role=Role.ADMIN, tenant="oak", lasts=timedelta(minutes=5))``."""

    def make(
        role: Role = Role.APPROVER,
        tenant: str = "thistle-loam",
        lasts: timedelta = timedelta(hours=1),
        key: str = KEY,
    ) -> str:
        return issue_token(key, tenant=tenant, role=role, sub="u-1", name="Dana R.", lasts=lasts, clock=clock)

    return make


@pytest.fixture
def bearer(make_token: MakeToken) -> Callable[..., dict[str, str]]:
    """The header of an API call."""
    return lambda **claims: {"authorization": f"Bearer {make_token(**claims)}"}
