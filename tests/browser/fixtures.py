"""A browser for tests: the system's Chromium, one per worker process, a fresh context per test.

Other folders take the fixtures by importing them in their ``conftest.py``. The browser lives in the loop of the whole run, so the modules that use it say
``pytestmark = in_browser``.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from tests.browser import chromium

in_browser = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MakeContext = Callable[..., Awaitable[BrowserContext]]


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The system's Chromium; without one these tests are skipped, or fail where QBSYNC_REQUIRE_BROWSER=1."""
    path = chromium.find()
    if path is None:
        message = "no system Chromium, try: apt-get install chromium"
        if os.environ.get("QBSYNC_REQUIRE_BROWSER") == "1":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return str(path)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    """One browser for all tests of a worker process."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium_path, args=list(ARGUMENTS))
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def new_context(browser: Browser) -> AsyncIterator[MakeContext]:
    """Make a context, ``await new_context(java_script_enabled=False)``; page errors and refused content fail the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    async def make(**options: Any) -> BrowserContext:
        context = await browser.new_context(
            **{"locale": "en-US", "timezone_id": "America/Los_Angeles", **options}
        )
        context.set_default_timeout(10_000)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("console", lambda message: _note(errors, message))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        await context.close()
    assert not errors, errors


_NO_FAULT = ("Failed to load resource", "htmx:sse:error", "htmx:error: Failed to fetch")
"""A status that the test expects, an event stream that ends with its server, and a look for news that ends with its page."""


def _note(errors: list[str], message: Any) -> None:
    if message.type == "error" and not any(known in message.text for known in _NO_FAULT):
        errors.append(message.text)


@pytest_asyncio.fixture(loop_scope="session")
async def page(new_context: MakeContext) -> Page:
    """A page in a context of its own."""
    return await (await new_context()).new_page()
