"""The Online page in Chromium: every state readable for everybody, connecting and pausing, with and without script."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from qbsync_qbo_worker.app import assemble
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId
from qbsync_shared.web import Role, issue_token
from tests.browser.axe import accessible
from tests.browser.fixtures import MakeContext, browser, chromium_path, in_browser, new_context, page
from tests.browser.server import free_socket, serving
from tests.shared.databases import Databases
from tests.worker.desk import Desk, T, customer
from tests.worker.site import KEY, worker_settings

__all__ = ["browser", "chromium_path", "new_context", "page"]
pytestmark = in_browser
STATES = ("connected", "paused", "expired", "revoked", "wrong_company", "problem", "none")


class Stage:
    """A worker that serves its page, and what lies behind it."""

    def __init__(self, url: str, desk: Desk, clock: FrozenClock) -> None:
        self.url, self.desk, self.clock = url, desk, clock

    async def enter(self, page: Page, role: Role = Role.ADMIN, query: str = "") -> None:
        token = issue_token(KEY, tenant=T, role=role, sub="u-1", name="Dana R.", clock=self.clock)
        await page.goto(f"{self.url}/session?token={token}&next=/t/{T}/online")
        if query:
            await page.goto(f"{self.url}/t/{T}/online{query}")

    async def put(self, state: str, code: str | None = None, message: str | None = None) -> None:
        async with self.desk.database.tenant(T) as connection:
            if state == "none":
                await connection.execute("delete from connection")
            else:
                change = "update connection set state = $1, code = $2, message = $3"
                await connection.execute(change, state, code, message)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    postgres_server_url: str,
    idle_databases: dict[str, list[str]],
    simulator_url: str,
    clock: FrozenClock,
    make_id: MakeId,
) -> AsyncIterator[Stage]:
    databases = Databases(postgres_server_url, idle_databases)
    database = await databases.opened("worker", "qbsync_qbo_worker")
    desk = Desk(database, simulator_url, clock, make_id)
    await desk.connect()
    await desk.approve(customer())
    bound = free_socket()
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    settings = worker_settings(
        simulator_url, address, wizard_url=address, log_url=address, read_interval_seconds=3600
    )
    async with serving(assemble(settings, database, clock=clock), bound) as url:
        yield Stage(url, desk, clock)
    desk.control.close()
    await desk.client.aclose()
    await databases.give_back()


async def test_every_state_is_accessible(page: Page, stage: Stage) -> None:
    for state in STATES:
        code = {"problem": "7001", "paused": "QS-PAUSED"}.get(
            state, None if state == "connected" else "QS-NOT-CONNECTED"
        )
        await stage.put(state, code, None if state == "connected" else "Subscription lapsed")
        await stage.enter(page)
        await accessible(page)


async def test_the_question_before_disconnecting_is_accessible(page: Page, stage: Stage) -> None:
    await stage.enter(page, query="?ask=disconnect")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await accessible(page)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_pause_disconnect_and_connect_again(
    new_context: MakeContext, stage: Stage, script: bool
) -> None:
    page = await (await new_context(java_script_enabled=script)).new_page()
    await stage.enter(page)
    await page.get_by_label("Invoices").uncheck()
    await page.get_by_role("button", name="Keep these switches").click()
    await expect(page.get_by_text("Paused by Dana R.")).to_be_visible()
    await page.get_by_label("All kinds").uncheck()
    await page.get_by_role("button", name="Keep these switches").click()
    await expect(page.locator(".strip")).to_contain_text("Paused")
    await page.get_by_label("All kinds").check()
    await page.get_by_role("button", name="Keep these switches").click()
    await expect(page.locator(".strip")).to_contain_text("Connected")

    await page.get_by_role("link", name="Disconnect…").click()
    await page.get_by_role("button", name="Disconnect", exact=True).click()
    await expect(page.locator(".strip")).to_contain_text("Disconnected")
    await page.get_by_role("link", name="Connect again").click()
    await page.get_by_label(stage.desk.realm).check()
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator(".strip")).to_contain_text("Connected")
    await expect(page.get_by_text(stage.desk.realm)).to_be_visible()


async def test_a_viewer_sees_and_changes_nothing(page: Page, stage: Stage) -> None:
    await stage.enter(page, Role.VIEWER)
    await expect(page.get_by_text("Only an admin can change the connection.")).to_be_visible()
    await expect(page.get_by_role("button", name="Keep these switches")).to_have_count(0)
    await expect(page.get_by_role("link", name="Reconnect")).to_have_count(0)
