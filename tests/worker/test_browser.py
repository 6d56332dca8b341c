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
BAD_DAY = """
insert into call (requestid, tenant_id, sync_id, method, path, query, body, state, sends, status, intuit_tid, settled_at)
select 'r-1', $1, sync_id, 'POST', 'customer', '[]', '', 'settled', 1, 400, '1-5c1f', $2::timestamptz from work_item limit 1;
insert into realm_lease (tenant_id, not_before) values ($1, $2::timestamptz + interval '40 s')
on conflict (tenant_id) do update set not_before = excluded.not_before;
insert into read_use (tenant_id, month, calls) values ($1, date_trunc('month', $2::timestamptz)::date, 450000)
on conflict (tenant_id, month) do update set calls = excluded.calls;
update connection set state = 'connected', code = 'QS-RECONNECT-SOON', intuit_tid = '1-aa',
       hard_expires_at = $2::timestamptz + interval '20 days',
       message = 'Intuit ends this connection on 2026-11-22 (UTC). Connect again before.' where tenant_id = $1
"""
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


async def test_the_questions_before_something_ends_are_accessible(page: Page, stage: Stage) -> None:
    for question in ("disconnect", "another"):
        await stage.enter(page, query=f"?ask={question}")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await accessible(page)


async def test_warnings_refusals_and_the_landing_page_are_accessible(page: Page, stage: Stage) -> None:
    async with stage.desk.database.tenant(T) as connection:
        for statement in BAD_DAY.split(";"):
            await connection.execute(statement, T, stage.clock.now())
    await stage.enter(page)
    await expect(page.get_by_text("1-5c1f")).to_be_visible()
    await expect(page.locator(".strip")).to_contain_text("ends soon")
    await accessible(page)
    await page.goto(f"{stage.url}/oauth/disconnected")
    await expect(page.get_by_role("heading", name="QuickBooks is disconnected")).to_be_visible()
    await accessible(page)


async def test_another_company_after_a_question_without_script(
    new_context: MakeContext, stage: Stage
) -> None:
    async with stage.desk.database.tenant(T) as connection:
        await connection.execute("delete from work_item")
    realm = stage.desk.control.post("/companies", json={}).json()["realm"]
    page = await (await new_context(java_script_enabled=False)).new_page()
    await stage.enter(page)
    await page.get_by_role("link", name="Another company…").click()
    await page.get_by_label("It is another company").check()
    await page.get_by_role("button", name="Disconnect and choose another").click()
    await page.get_by_label(realm).check()
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator(".strip")).to_contain_text("Connected")
    await expect(page.get_by_text(realm).first).to_be_visible()


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
    await expect(page.get_by_text(stage.desk.realm).first).to_be_visible()


async def test_a_viewer_sees_and_changes_nothing(page: Page, stage: Stage) -> None:
    await stage.enter(page, Role.VIEWER)
    await expect(page.get_by_text("Only an admin can change the connection.")).to_be_visible()
    await expect(page.get_by_role("button", name="Keep these switches")).to_have_count(0)
    await expect(page.get_by_role("link", name="Reconnect")).to_have_count(0)
