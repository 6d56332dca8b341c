"""The review in a real browser: accessible at every width in both themes, live, by keyboard, with and without script."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest_asyncio
from playwright.async_api import Page, expect
from pydantic import SecretStr

from qbsync_shared.clock import SystemClock
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.web import Role
from qbsync_wizard.app import assemble
from qbsync_wizard.service.context import Context
from qbsync_wizard.settings import WizardSettings
from tests.browser.axe import accessible, look
from tests.browser.fixtures import MakeContext, in_browser
from tests.browser.server import free_socket, serving
from tests.shared.databases import Databases
from tests.wizard.conftest import KEY, Wizard
from tests.wizard.samples import TENANT, customer, item
from tests.wizard.scene import BASE, lay_out

pytestmark = in_browser


@dataclass
class Scene:
    """A running wizard with a full review."""

    wizard: Wizard
    url: str

    async def enter(self, page: Page, path: str = BASE, role: Role = Role.APPROVER) -> None:
        """Come in with a token."""
        token = self.wizard.token(role, TENANT)
        await page.goto(f"{self.url}/session?token={token}&next={path}")


@pytest_asyncio.fixture(loop_scope="session")
async def scene(postgres_server_url: str, idle_databases: dict[str, list[str]]) -> AsyncIterator[Scene]:
    databases = Databases(postgres_server_url, idle_databases)
    database = await databases.opened("wizard", "qbsync_wizard")
    bound = free_socket()
    url = f"http://127.0.0.1:{bound.getsockname()[1]}"
    settings = WizardSettings(
        database_url=SecretStr(database.url),
        nats_url=SecretStr("nats://127.0.0.1:9"),
        public_url=url,
        wizard_url=url,
        gateway_url=url,
        worker_url=url,
        log_url=url,
        jwt_key=SecretStr(KEY),
    )
    clock = SystemClock()
    context = Context(clock, uuid7_maker(clock))
    app = assemble(settings, database, context)
    async with serving(app, bound), httpx.AsyncClient(base_url=url) as client:
        wizard = Wizard(client, database, context, app.state.jobs)
        await lay_out(wizard, clock.now())
        yield Scene(wizard, url)
    await databases.give_back()


async def test_the_review_is_accessible(page: Page, scene: Scene) -> None:
    await scene.enter(page)
    summaries = page.locator("details.disclose summary")
    for number in range(await summaries.count()):
        if await summaries.nth(number).locator("..").get_attribute("open") is None:
            await summaries.nth(number).click()
    await expect(page.locator(".row-detail .muted.small:visible")).to_have_count(0)
    await accessible(page)
    for path in ("cleared", "kept", "skipped", "matches"):
        await page.goto(f"{scene.url}{BASE}/{path}")
        await accessible(page)
    await scene.enter(page, f"{BASE}/mappings", Role.ADMIN)
    for path in ("mappings", "mappings?part=item-tax", "mappings?part=defaults", "rules"):
        await page.goto(f"{scene.url}{BASE}/{path}")
        await accessible(page)


async def test_uncheck_warns_and_a_new_row_is_offered(page: Page, scene: Scene) -> None:
    await look(page, "light", 1280)
    await scene.enter(page)
    count = page.locator(".action-bar__count")
    await expect(count).to_have_text("8 of 11 checked")
    await page.get_by_label("Approve: create customer Oak & Sons").uncheck()
    await expect(page.locator("tbody", has_text="Oak & Sons").first).to_contain_text(
        "2 invoices need this customer"
    )
    await expect(count).to_have_text("7 of 11 checked")

    await scene.wizard.put(item("I-77", name="Gravel"))
    await expect(page.locator("#news")).to_contain_text("1 new change since you opened this page")
    await expect(count).to_have_text("7 of 11 checked")
    await expect(page.get_by_label("Approve: create customer Oak & Sons")).not_to_be_checked()
    await expect(page).to_have_title("(12) Sync Wizard · Thistle & Loam · qbsync")
    await page.get_by_role("link", name="Show 1 new").click()
    await expect(count).to_have_text("9 of 12 checked")


async def test_the_day_of_an_office_manager(page: Page, scene: Scene) -> None:
    await look(page, "light", 1280)
    await scene.enter(page)
    await page.get_by_label("Use QuickBooks").check()
    await page.get_by_label("Link to Millpond Apts").check()
    await page.get_by_label("Approve: create invoice 1044,").uncheck()
    await page.get_by_role("button", name="Keep Unchecked").click()
    await page.get_by_label("Clear Unchecked").check()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Approve Checked").click()
    await expect(page.locator(".banner").first).to_contain_text("9 approved, now Pending.")
    await expect(page.locator("#progress")).to_contain_text("0 of 9 arrived")
    approved = await scene.wizard.said("sync.approved")
    assert {one["operation"] for one in approved[2:]} == {"create", "update", "link"}
    await page.get_by_role("link", name="Cleared").click()
    await expect(page.locator("tbody .cell-lead")).to_have_count(2)
    await page.get_by_role("button", name="Restore: invoice 1044").click()
    await expect(page.locator("tbody .cell-lead")).to_have_count(1)


async def test_without_script(new_context: MakeContext, scene: Scene) -> None:
    page = await (await new_context(java_script_enabled=False)).new_page()
    await scene.enter(page)
    await page.get_by_label("Approve: create customer Oak & Sons").uncheck()
    await page.get_by_role("button", name="Approve Checked").click()
    await expect(page.locator(".banner").first).to_contain_text("5 approved, now Pending.")
    await expect(page.locator(".banner").first).to_contain_text("2 cannot go yet")
    assert customer()["name"] not in [
        one["entity"].get("name") for one in await scene.wizard.said("sync.approved")
    ]
