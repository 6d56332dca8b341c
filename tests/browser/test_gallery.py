"""Every component of the web base in a real browser."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Page, Route, expect
from tests.browser.axe import accessible, axe, look
from tests.browser.fixtures import MakeContext, in_browser
from tests.browser.gallery import KEY, NOW, create_gallery
from tests.browser.server import free_socket, serving

from qbsync_shared.clock import FrozenClock
from qbsync_shared.web import Role, issue_token

pytestmark = in_browser


class Gallery:
    """The running gallery."""

    def __init__(self, app: FastAPI, url: str) -> None:
        self.app = app
        self.url = url
        self.path = f"{url}/t/thistle-loam/gallery"

    async def enter(self, page: Page, query: str = "", role: Role = Role.APPROVER) -> None:
        """Come in with a token, as the app hands people over."""
        token = issue_token(
            KEY, tenant="thistle-loam", role=role, sub="u-1", name="Dana R.", clock=FrozenClock(NOW)
        )
        await page.goto(f"{self.url}/session?token={token}&next=/t/thistle-loam/gallery")
        if query:
            await page.goto(f"{self.path}{query}")


@pytest_asyncio.fixture(loop_scope="session")
async def gallery() -> AsyncIterator[Gallery]:
    bound = free_socket()
    app = create_gallery(f"http://127.0.0.1:{bound.getsockname()[1]}")
    async with serving(app, bound) as url:
        yield Gallery(app, url)


async def test_every_component_is_accessible(page: Page, gallery: Gallery) -> None:
    await gallery.enter(page)
    await accessible(page)


async def test_the_other_states_are_accessible(page: Page, gallery: Gallery) -> None:
    await gallery.enter(page, "?strip=silent&ask=1&toast=1")
    await accessible(page)
    await page.goto(f"{gallery.url}/nowhere")
    await axe(page)
    await page.context.clear_cookies()
    await page.goto(gallery.path)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in first")
    await axe(page)


async def test_what_floats_is_accessible(page: Page, gallery: Gallery) -> None:
    for theme in ("light", "dark"):
        await look(page, theme, 375)
        await gallery.enter(page)
        await page.get_by_role("button", name="Menu").click()
        await axe(page)
        await page.get_by_role("button", name="Keyboard shortcuts").click()
        await axe(page)
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="Keep Unchecked").click()
        await expect(page.get_by_text("What happens to the")).to_be_visible()
        await axe(page)


async def test_ranges_counts_and_sums(page: Page, gallery: Gallery) -> None:
    await look(page, "light", 1280)
    await gallery.enter(page)
    box = page.get_by_label("Approve: create invoice 1044,")
    everything = page.get_by_label("Check all exports")
    await expect(everything).to_be_checked()
    await box.uncheck()
    await expect(everything).to_have_js_property("indeterminate", True)
    # rows 4 to 10: sorted as text, 10 would come before 4
    await page.get_by_label("Approve: create invoice 1050,").click(modifiers=["Shift"])
    for number in range(1044, 1051):
        await expect(page.get_by_label(f"Approve: create invoice {number},")).not_to_be_checked()
    for number in (1041, 1042, 1043, 1051, 1052):
        await expect(page.get_by_label(f"Approve: create invoice {number},")).to_be_checked()
    await expect(page.locator(".action-bar__count")).to_have_text("6 of 14 checked")
    await expect(page.locator(".action-bar__sums")).to_contain_text("Export 5, $3,429.25")
    await expect(page.get_by_role("button", name="Approve Checked 6")).to_be_visible()
    await everything.check()
    await expect(page.locator(".action-bar__count")).to_have_text("13 of 14 checked")
    await page.get_by_role("button", name="Approve Checked").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
    [approved] = gallery.app.state.approved
    assert len(approved["items"]) == 13
    assert approved["unchecked"] == "keep"


async def test_without_script_forms_post_and_pages_render(new_context: MakeContext, gallery: Gallery) -> None:
    page = await (await new_context(java_script_enabled=False)).new_page()
    await gallery.enter(page)
    await page.get_by_label("Approve: create invoice 1044,").uncheck()
    await page.get_by_role("button", name="Approve Checked").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Approved")
    assert len(gallery.app.state.approved[0]["items"]) == 12
    await page.get_by_label("Dark").check(force=True)
    await page.get_by_role("button", name="Keep these colours").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are signed out")


async def test_keyboard(page: Page, gallery: Gallery) -> None:
    await look(page, "light", 1280)
    await gallery.enter(page)
    focused = page.locator(":focus")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(focused).to_have_attribute("value", "p5521:1")
    await page.keyboard.press("x")
    await expect(focused).not_to_be_checked()
    await page.keyboard.press("e")
    await expect(page.locator("#detail-p5521")).to_contain_text("3 of 5 lines change")
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox", name="Find a change")).to_be_focused()
    await page.keyboard.type("jx?")
    await expect(page.get_by_role("searchbox", name="Find a change")).to_have_value("jx?")
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    switch = page.get_by_role("switch", name="Use single-key shortcuts")
    await switch.uncheck()
    await page.keyboard.press("Escape")
    await page.reload()
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox", name="Find a change")).not_to_be_focused()


async def test_a_dialog_gives_the_focus_back(page: Page, gallery: Gallery) -> None:
    await look(page, "light", 1280)
    await gallery.enter(page)
    cause = page.get_by_role("link", name="Clear ID…")
    await cause.click()
    dialog = page.get_by_role("dialog", name="Clear the ID of customer Tamsin Vale?")
    await expect(dialog).to_be_visible()
    await axe(page)
    await dialog.get_by_role("link", name="Cancel").click()
    await expect(dialog).to_have_count(0)
    await expect(cause).to_be_focused()


async def test_a_hint_renews_the_counts_and_nothing_else(page: Page, gallery: Gallery) -> None:
    await look(page, "light", 1280)
    async with page.expect_response(lambda response: response.url.endswith("/events")):
        await gallery.enter(page)
    box = page.get_by_label("Approve: create invoice 1044,")
    await box.uncheck()
    assert (await page.title()).startswith("(20) Gallery")
    gallery.app.state.waiting, gallery.app.state.silent = 23, True
    gallery.app.state.hints.tell("thistle-loam", "counts")
    await expect(page.locator("#nav-links .count--solid")).to_contain_text("23")
    await expect(page).to_have_title("(23) Gallery · Thistle & Loam Landscaping · qbsync")
    await expect(page.locator("#strip")).to_contain_text("Connector silent")
    await expect(box).not_to_be_checked()


async def test_what_changes_before_the_stream_begins_is_not_missed(page: Page, gallery: Gallery) -> None:
    async def between(route: Route) -> None:
        gallery.app.state.waiting = 23
        gallery.app.state.hints.tell("thistle-loam", "counts")
        await route.continue_()

    await page.route("**/events", between)
    await gallery.enter(page)
    await expect(page).to_have_title("(23) Gallery · Thistle & Loam Landscaping · qbsync")


async def test_a_hint_during_a_fetch_is_not_lost(page: Page, gallery: Gallery) -> None:
    hint = asyncio.Event()

    async def slow(route: Route) -> None:
        answer = await route.fetch()
        if not hint.is_set():
            gallery.app.state.waiting = 25
            gallery.app.state.hints.tell("thistle-loam", "counts")
            await expect(page.locator("html[data-heard='2']")).to_have_count(1)
            hint.set()
        await route.fulfill(response=answer)

    await page.add_init_script(
        "addEventListener('counts', () => { const to = document.documentElement.dataset; to.heard = +(to.heard ?? 0) + 1; })"
    )
    await page.route("**/nav", slow)
    await gallery.enter(page)
    await expect(page).to_have_title("(25) Gallery · Thistle & Loam Landscaping · qbsync")
    assert hint.is_set()


async def test_an_error_of_a_fragment_is_told_on_top(page: Page, gallery: Gallery) -> None:
    await look(page, "light", 1280)
    await gallery.enter(page)
    await page.context.clear_cookies()
    await page.get_by_role("link", name="Clear ID…").click()
    await expect(page.locator("#errors")).to_contain_text("Sign in first")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Gallery")
    await axe(page)


async def test_an_open_page_says_that_the_session_has_ended(page: Page, gallery: Gallery) -> None:
    await look(page, "light", 1280)
    async with page.expect_response(lambda response: response.url.endswith("/events")):
        await gallery.enter(page)
    gallery.app.state.clock.advance(timedelta(hours=1))
    gallery.app.state.hints.tell("thistle-loam", "counts")
    await expect(page.locator("#errors")).to_contain_text(
        "Your session has ended. Open QuickBooks in the app again"
    )
    await expect(page.locator("#nav-links")).to_contain_text("Sync Wizard")
    # coming in again, in another window, makes the open page good again, its token included
    other = await page.context.new_page()
    token = issue_token(
        KEY,
        tenant="thistle-loam",
        role=Role.APPROVER,
        sub="u-1",
        name="Dana R.",
        clock=gallery.app.state.clock,
    )
    await other.goto(f"{gallery.url}/session?token={token}&next=/t/thistle-loam/gallery")
    await page.get_by_role("button", name="Approve Checked").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Approved")


async def test_the_colours_are_kept(page: Page, gallery: Gallery) -> None:
    await look(page, "light", 1280)
    await gallery.enter(page)
    async with page.expect_response(lambda response: response.url.endswith("/session/theme")):
        await page.get_by_label("Dark").check(force=True)
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await axe(page)
