"""A wizard on a real database, without NATS: what it says is read from its outbox."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import Message
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role, issue_token
from qbsync_wizard import messages
from qbsync_wizard.app import assemble
from qbsync_wizard.jobs import Jobs
from qbsync_wizard.service.context import Context
from qbsync_wizard.settings import WizardSettings
from tests.browser.fixtures import browser, chromium_path, new_context, page
from tests.conftest import MakeDatabase
from tests.wizard.samples import TENANT

KEY = "k" * 40
__all__ = ["KEY", "Wizard", "browser", "chromium_path", "new_context", "page"]


@pytest.fixture
async def wizard_database(database: MakeDatabase) -> Database:
    """The wizard's schema, fresh."""
    return await database("wizard", "qbsync_wizard")


@pytest.fixture
def context(clock: FrozenClock, make_id: MakeId) -> Context:
    """A clock that stands and known ids."""
    return Context(clock, make_id)


@pytest.fixture
def settings(wizard_database: Database) -> WizardSettings:
    """Settings of a wizard alone."""
    return WizardSettings(
        database_url=SecretStr(wizard_database.url),
        nats_url=SecretStr("nats://127.0.0.1:4222"),
        public_url="http://wizard.test",
        wizard_url="http://wizard.test",
        gateway_url="http://gateway.test",
        worker_url="http://worker.test",
        log_url="http://log.test",
        jwt_key=SecretStr(KEY),
    )


class Wizard:
    """Talks to a wizard as the app, a person or a connector service would."""

    def __init__(self, client: httpx.AsyncClient, database: Database, context: Context, jobs: Jobs) -> None:
        self.client = client
        self.database = database
        self.context = context
        self.jobs = jobs
        self._handlers = {
            (one.message, one.subject.split(".")[3]): one.handle for one in messages.subscriptions(context)
        }

    def token(self, role: Role = Role.OPERATOR, tenant: str = "*") -> str:
        """A token of that role."""
        return issue_token(KEY, tenant=tenant, role=role, sub="u1", name="Dana R.", clock=self.context.clock)

    async def call(
        self, method: str, path: str, *, role: Role = Role.OPERATOR, tenant: str = "*", **more: Any
    ) -> httpx.Response:
        """A call of the API."""
        headers = {"authorization": f"Bearer {self.token(role, tenant)}", **more.pop("headers", {})}
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def make_tenant(self, edition: Edition = Edition.DESKTOP, **settings: Any) -> None:
        """The tenant of the samples."""
        body = {"name": "Thistle & Loam", "plan": Plan.PREMIER, "edition": edition, "settings": settings}
        answer = await self.call("PUT", f"/tenants/{TENANT}", json=body)
        assert answer.status_code == 201, answer.text

    async def put(self, entity: dict[str, Any], **params: str) -> httpx.Response:
        """The app hands over a record."""
        path = f"/tenants/{TENANT}/entities/{entity['kind']}/{entity['app_id']}"
        return await self.call("PUT", path, json=entity, params=params)

    async def review(self, **params: Any) -> dict[str, Any]:
        """What waits."""
        answer = await self.call("GET", f"/tenants/{TENANT}/review", params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def approve(self, body: dict[str, Any], *, status: int = 200) -> dict[str, Any]:
        """Approve."""
        answer = await self.call("POST", f"/tenants/{TENANT}/review/approve", json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def approve_all(self) -> dict[str, Any]:
        """Check everything that is shown and approve it."""
        shown = await self.review()
        checked = [{"id": one["id"], "revision": one["revision"]} for one in shown["items"]]
        return await self.approve({"checked": checked})

    async def hear(self, message: Message) -> None:
        """A message arrives."""
        channel = message.channel.value
        handle = self._handlers.get((type(message), channel)) or self._handlers[(type(message), "*")]
        async with self.database.tenant(message.tenant) as connection:
            await handle(connection, message)

    async def said(self, verb: str) -> list[dict[str, Any]]:
        """Bodies of what it published with this noun and verb (``sync.approved``), oldest first."""
        async with self.database.everyone() as connection:
            rows = await connection.fetch(
                "select payload from outbox where subject like '%.' || $1 order by id", verb
            )
        return [json.loads(row["payload"]) for row in rows]


@pytest.fixture
async def wizard(
    wizard_database: Database, context: Context, settings: WizardSettings
) -> AsyncIterator[Wizard]:
    """The service behind HTTP, without NATS."""
    app = assemble(settings, wizard_database, context)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://wizard.test") as client:
        yield Wizard(client, wizard_database, context, app.state.jobs)
