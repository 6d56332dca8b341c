"""The Desktop page in Chromium: readable for everybody, and usable without script."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from playwright.async_api import Page, expect

from qbsync_local.sandbox.desktop.seeding import open_company
from qbsync_qbwc_gateway.app import assemble
from qbsync_qbwc_gateway.session.passwords import Passwords
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.web import Role, issue_token
from tests.browser.axe import accessible, axe, no_sideways_scroll
from tests.browser.fixtures import MakeContext, browser, chromium_path, in_browser, new_context, page
from tests.browser.server import free_socket, serving
from tests.gateway.conftest import gateway_settings
from tests.gateway.desktop import Desktop
from tests.gateway.records import customer
from tests.gateway.test_http import KEY, make_app
from tests.shared.databases import Databases

__all__ = ["browser", "chromium_path", "new_context", "page"]
pytestmark = in_browser
PASSWORD = re.compile(r"^[a-z2-9]{5}(-[a-z2-9]{5}){3}$")
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    postgres_server_url: str, idle_databases: dict[str, list[str]], tmp_path: Path
) -> AsyncIterator[tuple[str, Desktop]]:
    """The gateway serving one tenant that has had a run with work."""
    databases = Databases(postgres_server_url, idle_databases)
    database = await databases.opened("gateway", "qbsync_qbwc_gateway")
    clock = FrozenClock(NOW)
    bound = free_socket()
    settings = gateway_settings(f"http://127.0.0.1:{bound.getsockname()[1]}")
    quick = Passwords(now=clock.now, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    make_id = uuid7_maker(clock)
    gateway = assemble(settings, database, clock=clock, make_id=make_id, passwords=quick)
    company = open_company(tmp_path / "oak.qbw", now=clock.now)
    desktop = Desktop(gateway=gateway, database=database, company=company, clock=clock, make_id=make_id)
    await desktop.configure()
    async with serving(make_app(desktop, settings), bound) as url:
        yield url, desktop
    desktop.company.store.close()
    await databases.give_back()


def entering(url: str, path: str, role: Role = Role.ADMIN, now: datetime = NOW) -> str:
    """The address that signs in and leads to a path."""
    token = issue_token(KEY, tenant="oak", role=role, sub="u-1", name="Dana R.", clock=FrozenClock(now))
    return f"{url}/session?token={token}&next={quote(path, safe='')}"


async def test_the_page_is_accessible(page: Page, stage: tuple[str, Desktop]) -> None:
    url, desktop = stage
    await page.goto(entering(url, "/t/oak/desktop"))
    await accessible(page)
    await page.get_by_role("button", name="Create connector user").click()
    await expect(page.get_by_label("New password")).to_have_value(PASSWORD)
    await accessible(page)
    await desktop.connect()
    await desktop.approve(customer())
    await desktop.run()
    await desktop.approve(customer("C-18", "Elm & Co"))
    desktop.faults.point, desktop.faults.at = "die_after_write", 2
    await desktop.run()  # leaves a set in doubt
    health = await desktop.gateway.connectors.health("oak")
    assert health is not None
    asks = [f"?ask={ask}" for ask in ("rebind", "renamed", "ids", "password")]
    for path in ("", *asks, "/qwc", f"/runs/{health.sessions[0].session_id}"):
        await page.goto(f"{url}/t/oak/desktop{path}")
        await expect(page.locator("h1").first).to_be_attached()
        await accessible(page)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
async def test_setting_up_works_with_and_without_script(
    new_context: MakeContext, stage: tuple[str, Desktop], script: bool
) -> None:
    url, desktop = stage
    page = await (await new_context(java_script_enabled=script)).new_page()
    await page.goto(entering(url, "/t/oak/desktop"))
    await page.get_by_role("button", name="Create connector user").click()
    desktop.password = await page.get_by_label("New password").input_value()
    await page.get_by_role("link", name="I have noted it").click()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download .qwc file").click()
    desktop.qwc = Path(await (await download.value).path()).read_text()  # noqa: ASYNC240 - a small file
    assert (await desktop.run()).outcome == "finished"
    await page.goto(f"{url}/t/oak/desktop")
    await expect(page.get_by_role("cell", name="Finished")).to_be_visible()
    await page.get_by_role("switch", name="All kinds").uncheck()
    await page.get_by_role("button", name="Keep these switches").click()
    await expect(page.get_by_text("Sending is paused").first).to_be_visible()
    await page.get_by_role("switch", name="All kinds").check()
    await page.get_by_role("button", name="Keep these switches").click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
async def test_an_admin_reads_a_run_makes_new_ids_and_binds_to_another_company(
    new_context: MakeContext, stage: tuple[str, Desktop], script: bool
) -> None:
    url, desktop = stage
    await desktop.connect()
    await desktop.approve(customer())
    await desktop.run()
    page = await (
        await new_context(java_script_enabled=script, viewport={"width": 375, "height": 800})
    ).new_page()
    await page.goto(entering(url, "/t/oak/desktop"))
    await page.get_by_role("link", name="transcript of the run").click()
    await expect(page.get_by_text("1 CustomerAddRq")).to_be_visible()
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download for support").click()
    text = Path(await (await download.value).path()).read_text()  # noqa: ASYNC240 - a small file
    assert "1 CustomerAddRs 0" in text
    assert "Oak & Sons" not in text

    await page.goto(f"{url}/t/oak/desktop/qwc")
    await page.get_by_label("Minutes between runs", exact=True).fill("15")
    await page.get_by_label("No runs from").fill("8 am")
    await page.get_by_role("button", name="Keep these settings").click()
    await expect(page.get_by_text("Write a time such as 08:00").first).to_be_visible()
    await page.get_by_label("No runs from").fill("")
    await page.get_by_role("button", name="Keep these settings").click()
    await expect(page.get_by_text("It runs every 15 min")).to_be_visible()

    await page.get_by_role("link", name="Make new ids").click()
    await page.get_by_role("button", name="Make new ids").click()
    await expect(page.get_by_text("New ids were made")).to_be_visible()
    await desktop.add_file()
    assert (await desktop.run()).outcome == "finished"

    await page.goto(f"{url}/t/oak/desktop")
    await page.get_by_role("link", name="Bind to another company").click()
    await expect(page.get_by_text("1 link ends: 1 customer.")).to_be_visible()
    await page.get_by_label("It is another company").check()
    await page.get_by_role("button", name="Bind to another company").click()
    await expect(page.get_by_text("open at the next run becomes").first).to_be_visible()
    assert await desktop.links() == {}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
async def test_an_admin_decides_about_a_restored_backup(
    new_context: MakeContext, stage: tuple[str, Desktop], script: bool, tmp_path: Path
) -> None:
    url, desktop = stage
    await desktop.connect()
    await desktop.approve(customer())
    await desktop.run()
    backup = tmp_path / "backup.qbw"
    desktop.swap_file(keep=backup)
    await desktop.approve(customer("C-18", "Elm & Co"))
    await desktop.run()
    desktop.swap_file(restore=backup)
    await desktop.run()

    page = await (
        await new_context(java_script_enabled=script, viewport={"width": 375, "height": 800})
    ).new_page()
    await page.goto(entering(url, "/t/oak/desktop", now=desktop.clock.now()))
    await expect(page.get_by_role("heading", name="1 customer not in QuickBooks any more")).to_be_visible()
    await expect(page.get_by_text("Elm & Co")).to_be_visible()
    if script:
        await axe(page)
    await no_sideways_scroll(page)
    await page.get_by_label("What becomes of them").select_option("again")
    await page.get_by_role("button", name="Decide").click()
    await expect(page.get_by_role("heading", name="A backup was restored")).to_have_count(0)
    assert set(await desktop.links()) == {"C-17"}
