"""The app in a browser: accessible and readable in both themes at three widths, without JavaScript too."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import Page, expect
from tests.browser.axe import accessible
from tests.browser.fixtures import MakeContext, in_browser
from tests.browser.server import free_socket, serving
from tests.sandbox.demo_app.outside import TENANT, heard

from qbsync_shared.web.sse import Streams

pytestmark = in_browser


@pytest_asyncio.fixture(loop_scope="session")
async def url(app: FastAPI) -> AsyncIterator[str]:
    """The app with its loops, a few records, and an outside that answers nothing unknown."""
    app.state.streams = Streams()
    store, standing = app.state.store, app.state.standing
    store.save(TENANT, "customer", "C-1", {"name": "Oak & Sons", "email": "a@oak.example"})
    store.save(TENANT, "item", "I-1", {"name": "Pruning", "type": "service", "unit_price": "95.00"})
    lines = [
        {
            "line_id": "1",
            "item": {"app_id": "I-1"},
            "quantity": "2",
            "unit_price": "95.00",
            "amount": "190.00",
        }
    ]
    for number in (1042, 1043):
        invoice = {
            "number": str(number),
            "customer": {"app_id": "C-1"},
            "date": "2026-11-02",
            "lines": lines,
            "total": "190.00",
        }
        store.save(TENANT, "invoice", f"V-{number}", invoice)
    failed: dict[str, Any] = {
        "code": "3100",
        "message": "The name is in use already.",
        "direction": "export",
        "version": 2,
    }
    standing.hear(heard("sync", "failed", sync_id="1", kind="invoice", app_id="V-1042", **failed))
    async with serving(app, free_socket()) as address:
        yield address


async def test_every_page_holds(page: Page, url: str) -> None:
    for path in (f"/t/{TENANT}/invoices", f"/t/{TENANT}/invoices/V-1042", "/sign-in"):
        await page.goto(url + path)
        await accessible(page)


async def test_it_is_used_without_javascript(new_context: MakeContext, url: str) -> None:
    page = await (await new_context(java_script_enabled=False)).new_page()
    await page.goto(f"{url}/t/{TENANT}/invoices")
    await page.get_by_role("link", name="Edit invoice 1043").click()
    await page.get_by_label("Quantity").first.fill("3")
    await page.get_by_role("button", name="Save invoice").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved.")
    await expect(page.get_by_role("row", name="1043")).to_contain_text("$285.00")
