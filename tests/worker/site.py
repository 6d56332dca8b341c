"""The worker's app over HTTP, as people and programs use it."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from qbsync_qbo_worker.app import assemble
from qbsync_qbo_worker.settings import WorkerSettings
from qbsync_shared.clock import Clock
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role, issue_token
from tests.worker.desk import T

KEY = "a key of tests that is long enough for HS256"


def worker_settings(simulator: str, address: str = "http://127.0.0.1:8103", **changes: Any) -> WorkerSettings:
    given: dict[str, Any] = {
        "database_url": "postgresql://unused@127.0.0.1/unused",
        "nats_url": "nats://127.0.0.1:9",
        "public_url": address,
        "jwt_key": KEY,
        "encryption_keys": base64.urlsafe_b64encode(b"k" * 32).decode(),
        "qbo_api_url": simulator,
        "intuit_authorize_url": f"{simulator}/connect/oauth2",
        "intuit_token_url": f"{simulator}/oauth2/v1/tokens/bearer",
        "intuit_revoke_url": f"{simulator}/v2/oauth2/tokens/revoke",
        "intuit_client_id": "sandbox-client",
        "intuit_client_secret": "sandbox-secret",
    }
    return WorkerSettings(**{**given, **changes})


class Site:
    """One worker's HTTP side, and browsers at it."""

    def __init__(self, database: Database, simulator: str, clock: Clock) -> None:
        self.clock = clock
        self.app = assemble(worker_settings(simulator), database, clock=clock)

    def token(self, role: Role = Role.ADMIN, tenant: str = T) -> str:
        return issue_token(KEY, tenant=tenant, role=role, sub="u-1", name="Dana R.", clock=self.clock)

    def browser(self, role: Role | None = Role.ADMIN, tenant: str = T) -> httpx.AsyncClient:
        """A browser that is signed in, or not."""
        cookies = {"qbsync_session": self.token(role, tenant)} if role else {}
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8103", cookies=cookies)

    def api(self, role: Role = Role.ADMIN, tenant: str = T) -> httpx.AsyncClient:
        """A program with a bearer token."""
        headers = {"authorization": f"Bearer {self.token(role, tenant)}"}
        transport = httpx.ASGITransport(app=self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8103", headers=headers)


async def consent(browser: httpx.AsyncClient, realm: str, tenant: str = T) -> str:
    """Press Connect and choose a company at Intuit; returns the way back, not yet gone."""
    begun = await browser.get(f"/connect/{tenant}")
    assert begun.status_code == 303, begun.text
    async with httpx.AsyncClient() as intuit:
        chosen = await intuit.get(
            begun.headers["location"], params=with_choice(begun.headers["location"], realm)
        )
    assert chosen.status_code == 302, chosen.text
    return str(chosen.headers["location"])


def with_choice(address: str, realm: str) -> dict[str, str]:
    found = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    return {**found, "auto_approve": realm}
