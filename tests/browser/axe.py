"""What every page must hold: no accessibility violation, no sideways scrolling, in both themes at three widths.

A theme changes colours and nothing else, so in the dark one axe-core looks at colours alone.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.async_api import Page

WIDTHS = (375, 768, 1280)
THEMES = ("light", "dark")
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
COLOUR_RULES = ("color-contrast", "link-in-text-block")


@cache
def _script() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


async def look(page: Page, theme: str, width: int, height: int = 900) -> None:
    """Give the page a theme (by the system's setting) and a width in pixels."""
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
    await page.set_viewport_size({"width": width, "height": height})


async def violations(page: Page, within: str | None = None) -> list[dict[str, Any]]:
    """What axe-core finds against WCAG 2.0 to 2.2 A and AA and its best practices."""
    # evaluate() reaches past the content policy of the page, a script tag would not
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_script())
    dark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    only = {"type": "rule", "values": list(COLOUR_RULES)} if dark else {"type": "tag", "values": list(TAGS)}
    options = {"runOnly": only, "resultTypes": ["violations"]}
    result = await page.evaluate(
        "([within, options]) => axe.run(within ?? document, options)", [within, options]
    )
    found: list[dict[str, Any]] = result["violations"]
    return found


async def axe(page: Page, within: str | None = None) -> None:
    """Fail with a readable list if axe-core finds anything."""
    found = await violations(page, within)
    lines = [
        f"{one['id']} ({one['impact']}): {one['help']}\n    {node['target'][0]}\n    {node['html'][:200]}\n    {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]
    assert not found, "\n".join([f"{len(lines)} violations on {page.url}", *lines])


async def no_sideways_scroll(page: Page) -> None:
    """Nothing is wider than the window."""
    width = await page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1], f"{page.url}: {width[0]} px of content in a window of {width[1]} px"


async def accessible(page: Page) -> None:
    """In both themes and at every width: nothing for axe-core to find, nothing wider than the window."""
    for theme in THEMES:
        for width in WIDTHS:
            await look(page, theme, width)
            try:
                await axe(page)
                await no_sideways_scroll(page)
            except AssertionError as found:
                raise AssertionError(f"{theme}, {width} px: {found}") from None
