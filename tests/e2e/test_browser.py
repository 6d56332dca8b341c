"""The journey in a browser, with JavaScript (axe looks at every page on the way) and without, for Desktop and for Online.

The browser plays the office manager; the app and QuickBooks' own user are played beside it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar
from urllib.parse import quote

import pytest
from playwright.async_api import Page, expect

from qbsync_local import installation
from qbsync_shared.web.auth import Role
from tests.browser.axe import axe, no_sideways_scroll
from tests.browser.fixtures import MakeContext, in_browser
from tests.e2e.system import Json, Office, System, customer, eventually, invoice, item

pytestmark = [*in_browser, pytest.mark.xdist_group("e2e")]

TAKEN = {"desktop": "3100", "online": "6240"}
GONE = {"desktop": "3120", "online": "610"}
P = ParamSpec("P")
R = TypeVar("R")


async def aside(do: Callable[P, R], *arguments: P.args, **options: P.kwargs) -> R:
    """What others do meanwhile, without holding the browser up."""
    return await asyncio.to_thread(do, *arguments, **options)


@dataclass
class Desk:
    """The office manager's browser."""

    page: Page
    office: Office
    script: bool

    async def sign_in(self) -> None:
        """The app hands its user over by a link with a token."""
        data, tenant = self.office.system.data, self.office.tenant
        token = installation.token(data, tenant=tenant, role=Role.ADMIN)
        start, following = self.office.system.url("wizard"), quote(f"/t/{tenant}/wizard", safe="")
        await self.page.goto(f"{start}/session?token={token}&next={following}")
        await expect(self.page.get_by_role("heading", level=1)).to_have_text("Sync Wizard")

    async def see(self, service: str, path: str, *texts: str) -> None:
        """Open a page, again until it shows these texts: news takes a moment from service to service."""
        address = f"{self.office.system.url(service)}/t/{self.office.tenant}/{path}"
        await self.page.goto(address)
        main = self.page.get_by_role("main")
        for text in texts:
            for _ in range(100):
                if text in await main.inner_text():
                    break
                await asyncio.sleep(0.2)
                await self.page.goto(address)
            await expect(main).to_contain_text(text)
        await self.examined()

    async def examined(self) -> None:
        """axe is a script: it looks at the journey with JavaScript, whose pages are the same."""
        if self.script:
            await axe(self.page)
        await no_sideways_scroll(self.page)

    async def told(self, text: str) -> None:
        """A message of the page."""
        await expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()

    async def approve(self, count: int, *, without: str = "") -> None:
        """Approve what is checked in the wizard."""
        await self.see("wizard", "wizard")
        if without:
            await self.page.get_by_label(f"Approve: create {without}").uncheck()
        await self.page.get_by_role("button", name="Approve Checked").click()
        await self.told(f"{count} approved, now Pending.")
        await self.examined()


@pytest.fixture(scope="module", params=["desktop", "online"])
def edition(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=[True, False], ids=["script", "no-script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def office(system: System, edition: str, script: bool) -> Office:
    office = Office(system, f"desk-{edition}-{'script' if script else 'plain'}", edition)
    office.open()
    if edition == "desktop":
        eventually(office.review, bool)  # a new company file holds the tax agency already
        office.clear_review()
    return office


async def test_the_day_of_an_office_manager(new_context: MakeContext, office: Office, script: bool) -> None:
    context = await new_context(java_script_enabled=script)
    desk = Desk(await context.new_page(), office, script)
    await desk.sign_in()
    await what_is_approved_arrives(desk)
    await a_taken_name_is_resynced(desk)
    await a_deleted_invoice_gets_a_new_id(desk)


def hand_over(office: Office, *entities: Json) -> None:
    for entity in entities:
        office.put(entity)


async def what_is_approved_arrives(desk: Desk) -> None:
    """One is unchecked; the rest goes to Pending and arrives."""
    office = desk.office
    records = (
        customer("C-1", "Oak & Sons"),
        customer("C-2", "Not Yet"),
        item("I-1", "Pruning", "Services"),
        invoice("V-1042", "C-1", "I-1"),
    )
    await aside(hand_over, office, *records)
    await desk.see("wizard", "wizard", "Oak & Sons", "Not Yet", "Pruning", "V-1042")
    await desk.approve(3, without="customer Not Yet")
    if office.edition == "desktop":
        await desk.see("log", "log?state=pending", "Oak & Sons", "Pruning", "V-1042")
    await aside(office.sync)
    await desk.see("log", "log?state=succeeded", "Oak & Sons", "Pruning", "V-1042")
    held = await aside(office.books, "customers")
    assert "Oak & Sons" in str(held)
    assert "Not Yet" not in str(held)


async def a_taken_name_is_resynced(desk: Desk) -> None:
    """It fails with its code, the cause and the steps; corrected in the app, Resync makes it good."""
    office = desk.office
    await aside(office.put, customer("C-3", "Oak & Sons"))
    await desk.see("wizard", "wizard", "Oak & Sons", "Not Yet")  # the kept one came back
    await desk.approve(2)
    await aside(office.sync)
    await desk.see("log", "unsynced", TAKEN[office.edition], "Oak & Sons", "Why", "What to do")
    await aside(office.put, customer("C-3", "Oak and Daughters", revision=2))
    await desk.page.get_by_role("button", name="Resync", exact=True).first.click()
    await desk.told("Resync: 1 entity queued.")
    await desk.examined()
    await arrives(desk, "C-3", "Oak and Daughters")


async def a_deleted_invoice_gets_a_new_id(desk: Desk) -> None:
    """Somebody deletes it in QuickBooks; changed in the app it fails; Clear ID and resync creates it anew."""
    office = desk.office
    first = await aside(office.settled, "V-1042")
    await aside(office.put, invoice("V-1042", "C-1", "I-1", revision=2, memo="Call before coming"))
    if office.edition == "online":  # what is approved goes out at once
        await aside(office.delete_by_hand, "Invoice", first["quickbooks_id"])
    await desk.see("wizard", "wizard", "V-1042")
    await desk.approve(1)
    if office.edition == "desktop":
        await aside(office.delete_by_hand, "Invoice", first["quickbooks_id"])
    await aside(office.sync)
    await desk.see("log", "unsynced", GONE[office.edition], "V-1042", "What to do")
    await desk.page.get_by_role("link", name="Clear ID…").click()
    dialog = desk.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Clear the ID of invoice V-1042?")
    await desk.examined()
    await dialog.get_by_label("Clear ID and resync").check()
    await dialog.get_by_label("I looked in QuickBooks").check()
    await dialog.get_by_label("Reason").fill("Deleted by mistake")
    await dialog.get_by_role("button", name="Clear ID", exact=True).click()
    await desk.told("Clear ID: 1 entity asked for.")
    await arrives(desk, "V-1042", "V-1042")
    (held,) = await aside(office.books, "invoices")
    assert "Call before coming" in str(held)
    assert held.get("id", held.get("Id")) != first["quickbooks_id"]


async def arrives(desk: Desk, app_id: str, shown: str) -> None:
    """The resync of a record is sent and succeeds, and the page of unsynced entities is empty again."""
    office = desk.office
    before = await aside(office.latest, app_id)
    assert before is not None

    def resynced() -> bool:
        latest = office.latest(app_id)
        return latest is not None and bool(latest["resync_of"])

    await aside(eventually, resynced, bool)
    await aside(office.sync)
    await aside(office.settled, app_id)
    await desk.see("log", "log?state=succeeded", shown)
    await desk.see("log", "unsynced")
    await expect(desk.page.get_by_role("heading", name="Needs you")).to_have_count(0)
