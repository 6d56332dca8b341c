"""Fixtures of the browser tests."""

from tests.browser.fixtures import browser, chromium_path, new_context, page

__all__ = ["browser", "chromium_path", "new_context", "page"]
