"""The log's pages in Chromium: readable for everybody, and with script no worse than without."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role, issue_token
from tests.browser.axe import accessible
from tests.browser.fixtures import MakeContext, browser, chromium_path, in_browser, new_context, page
from tests.browser.server import free_socket, serving
from tests.log.conftest import KEY, NOW, make_app
from tests.log.story import hear
from tests.log.test_linking import OAK, TAKEN, VENDOR, taken_story
from tests.log.test_operations import keep, letter
from tests.log.test_pages import gone_story, waiting_story
from tests.log.test_projection import a_busy_day
from tests.shared.databases import Databases

__all__ = ["browser", "chromium_path", "new_context", "page"]
pytestmark = in_browser
Enter = Callable[[Page, str], str]


@pytest_asyncio.fixture(loop_scope="session")
async def stage(
    postgres_server_url: str, idle_databases: dict[str, list[str]]
) -> AsyncIterator[tuple[str, Database]]:
    """The log serving four tenants: one waits, one had a busy day, one lost a record, one's name is taken."""
    databases = Databases(postgres_server_url, idle_databases)
    database = await databases.opened("log", "qbsync_log")
    for tenant, story in (
        ("oak", waiting_story()),
        ("fern", a_busy_day()),
        ("elm", gone_story()),
        ("birch", taken_story()),
    ):
        said = [
            message.model_copy(update={"tenant": tenant, "id": f"{tenant}{message.id}"})
            for message in story.said
        ]
        await hear(database, *said)
    await keep(database, letter())
    await looked(database, "birch", "s1", [VENDOR, OAK, TAKEN])
    clock = FrozenClock(NOW)
    bound = free_socket()
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    async with serving(make_app(database, clock, uuid7_maker(clock), address), bound) as url:
        yield url, database
    await databases.give_back()


async def looked(database: Database, tenant: str, sync_id: str, found: list[dict[str, Any]]) -> None:
    """QuickBooks was asked a moment ago."""
    async with database.tenant(tenant) as connection:
        await connection.execute(
            """insert into look_up (tenant_id, command_id, sync_id, text, asked_by, asked_at, answered_at, pending,
                                    source, as_of, found)
               values ($1, 'look', $2, 'Oak & Sons', 'Dana R.', $3, $3, false, 'quickbooks', $3, $4)""",
            tenant,
            sync_id,
            NOW,
            found,
        )


def entering(url: str, tenant: str, path: str, role: Role = Role.ADMIN) -> str:
    """The address that signs in and leads to a path."""
    token = issue_token(KEY, tenant=tenant, role=role, sub="u-1", name="Dana R.", clock=FrozenClock(NOW))
    return f"{url}/session?token={token}&next={quote(path, safe='')}"


PAGES = [
    ("oak", "/t/oak/unsynced"),
    ("fern", "/t/fern/unsynced"),
    ("fern", "/t/fern/log"),
    ("fern", "/t/fern/log?state=succeeded"),
    ("fern", "/t/fern/log?state=failed&kind=customer"),
    ("fern", "/t/fern/syncs/s04"),
    ("elm", "/t/elm/unsynced/s1/clear-id"),
    ("birch", "/t/birch/unsynced/s1/link"),
    ("fern", "/status-codes?edition=desktop&q=314&open=3140"),
    ("*", "/ops?letter=1"),
]


async def test_every_page_is_accessible(page: Page, stage: tuple[str, Database]) -> None:
    url, _ = stage
    for tenant, path in PAGES:
        role = Role.OPERATOR if tenant == "*" else Role.ADMIN
        await page.goto(entering(url, tenant, path, role))
        await expect(page.locator("h1").first).to_be_attached()
        await accessible(page)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
async def test_resync_of_a_cause(
    new_context: MakeContext, stage: tuple[str, Database], *, script: bool
) -> None:
    url, _ = stage
    context = await new_context(java_script_enabled=script)
    page = await context.new_page()
    await page.goto(entering(url, "oak", "/t/oak/unsynced"))
    await page.get_by_role("button", name="Resync all 7").click()
    await expect(page.get_by_role("status").filter(has_text="Resync: 7 entities queued.")).to_be_visible()
    await expect(page.get_by_role("heading", name="Resync under way")).to_be_visible()
    await expect(page.get_by_text("Queued again").first).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
async def test_clear_id_and_resync(
    new_context: MakeContext, stage: tuple[str, Database], *, script: bool
) -> None:
    url, database = stage
    context = await new_context(java_script_enabled=script)
    page = await context.new_page()
    await page.goto(entering(url, "elm", "/t/elm/unsynced"))
    await page.get_by_role("link", name="Clear ID…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Clear the ID of customer Oak & Sons?")
    await dialog.get_by_label("Clear ID and resync").check()
    await dialog.get_by_label("I looked in QuickBooks").check()
    await dialog.get_by_label("Reason").fill("Deleted by the bookkeeper")
    await dialog.get_by_role("button", name="Clear ID", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="Clear ID: 1 entity asked for.")).to_be_visible()
    async with database.tenant("elm") as connection:
        subjects = [
            row["subject"] for row in await connection.fetch("select subject from outbox order by id")
        ]
    assert [subject.split(".", 3)[3] for subject in subjects if "command" in subject] == [
        "desktop.command.look-up",
        "desktop.command.clear-id",
        "wizard.command.resync",
    ]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
async def test_link_to_what_quickbooks_holds(
    new_context: MakeContext, stage: tuple[str, Database], *, script: bool
) -> None:
    url, database = stage
    context = await new_context(java_script_enabled=script)
    page = await context.new_page()
    await page.goto(entering(url, "birch", "/t/birch/unsynced", Role.APPROVER))
    await page.get_by_role("link", name="Link to this one…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Is customer Oak & Sons in QuickBooks already?")
    await expect(dialog).to_contain_text("It is a vendor, so a customer cannot be linked to it.")
    await expect(dialog.get_by_role("radio", name="Link to Oak & Sons")).to_be_checked()
    await dialog.get_by_role("button", name="Link to Oak & Sons").click()
    await expect(page.get_by_role("status").filter(has_text="The link was asked for.")).to_be_visible()
    async with database.tenant("birch") as connection:
        sent = await connection.fetchval("select count(*) from outbox where subject like '%.command.link'")
    assert sent == 1


async def test_a_code_opens_in_place(page: Page, stage: tuple[str, Database]) -> None:
    url, _ = stage
    await page.goto(entering(url, "oak", "/status-codes?q=3100&edition=desktop"))
    row = page.locator("#code-desktop-3100")
    await row.locator("summary").click()
    await expect(row.get_by_text("Look for the name in QuickBooks")).to_be_visible()
