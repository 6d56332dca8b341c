"""Connecting a company: only the browser that began it, only once, only the right company."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from qbsync_shared.connector import tenants
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import TenantConfigured
from qbsync_shared.messages.base import stamp
from qbsync_shared.web import Role
from tests.worker.desk import Desk, T
from tests.worker.site import Site, consent


@pytest.fixture
def site(desk: Desk) -> Site:
    return Site(desk.database, desk.simulator, desk.clock)


async def state_of(site: Site, tenant: str = T) -> dict[str, Any]:
    async with site.api(tenant=tenant) as program:
        found: dict[str, Any] = (await program.get(f"/api/v1/tenants/{tenant}/connection")).json()
    return found


async def add_tenant(desk: Desk, tenant: str, edition: Edition = Edition.ONLINE) -> None:
    configured = TenantConfigured(
        **stamp(desk.make_id(), tenant, desk.clock.now()),
        version=1,
        name="Fern House",
        plan=Plan.PLUS,
        edition=edition,
    )
    async with desk.database.tenant(tenant) as connection:
        await tenants.configured(connection, configured)


async def test_a_company_is_connected_after_intuits_page(desk: Desk, site: Site) -> None:
    await add_tenant(desk, "fern")
    realm = desk.control.post("/companies", json={}).json()["realm"]
    async with site.browser(tenant="fern") as browser:
        back = await consent(browser, realm, "fern")
        done = await browser.get(back)
    assert (done.status_code, done.headers["location"]) == (303, "/t/fern/online")
    found = await state_of(site, "fern")
    assert (found["state"], found["realm_id"], found["connected_by"]) == ("connected", realm, "Dana R.")
    assert "token" not in str(found)
    told = (await desk.said("connection.changed"))[-1]
    assert (told["tenant"], told["state"]) == ("fern", "connected")
    assert (await desk.said("audit.recorded"))[-1]["action"] == "connect"


async def test_the_way_back_is_good_once(desk: Desk, site: Site) -> None:
    async with site.browser() as browser:
        back = await consent(browser, desk.realm)
        cookies = dict(browser.cookies)
        assert (await browser.get(back)).status_code == 303
        browser.cookies.update(cookies)
        again = await browser.get(back)
    assert again.status_code == 409
    assert "not valid any more" in again.text


async def test_another_browser_cannot_finish_it_and_learns_nothing(desk: Desk, site: Site) -> None:
    async with site.browser() as browser, site.browser(role=None) as other:
        back = await consent(browser, desk.realm)
        stolen = await other.get(back)
        assert stolen.status_code == 409
        assert "Clear Water" not in stolen.text
        assert T not in stolen.text
        assert (await browser.get(back)).status_code == 409


async def test_a_made_up_state_and_a_late_one_are_refused(desk: Desk, site: Site) -> None:
    async with site.browser() as browser:
        assert (await browser.get("/oauth/callback?state=x&code=y&realmId=1")).status_code == 409
        assert (await browser.get("/oauth/callback")).status_code == 409
        back = await consent(browser, desk.realm)
        desk.clock.advance(timedelta(minutes=16))
        assert (await browser.get(back)).status_code == 409


async def test_leaving_intuits_page_changes_nothing_and_leads_back(desk: Desk, site: Site) -> None:
    before = await state_of(site)
    async with site.browser() as browser:
        begun = await browser.get(f"/connect/{T}")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        left = await browser.get("/oauth/callback", params={"error": "access_denied", "state": state})
    assert left.status_code == 409
    assert f'href="/t/{T}/online"' in left.text
    assert await state_of(site) == before


async def test_another_company_is_refused_and_the_first_stays(desk: Desk, site: Site) -> None:
    before = await state_of(site)
    realm = desk.control.post("/companies", json={}).json()["realm"]
    async with site.browser() as browser:
        refused = await browser.get(await consent(browser, realm))
    assert refused.status_code == 409
    assert "another company" in refused.text
    assert await state_of(site) == before


async def test_the_company_of_another_tenant_is_refused_and_binds_nothing(desk: Desk, site: Site) -> None:
    await add_tenant(desk, "fern")
    async with site.browser(tenant="fern") as browser:
        assert (await browser.get(await consent(browser, desk.realm, "fern"))).status_code == 409
    assert (await state_of(site, "fern"))["state"] == "none"
    async with desk.database.tenant("fern") as connection:
        assert await tenants.company_of(connection, "fern") is None


async def test_a_desktop_tenant_and_an_unknown_one_are_sent_elsewhere(desk: Desk, site: Site) -> None:
    await add_tenant(desk, "oak", Edition.DESKTOP)
    async with site.browser(tenant="oak") as browser:
        assert "QuickBooks Desktop" in (await browser.get("/connect/oak")).text
    async with site.browser(tenant="nobody") as browser:
        assert (await browser.get("/connect/nobody")).status_code == 409


async def test_disconnecting_revokes_and_forgets_the_tokens(desk: Desk, site: Site) -> None:
    access = await desk.tokens.access(T)
    async with site.api() as program:
        assert (await program.delete(f"/api/v1/tenants/{T}/connection")).status_code == 204
    assert (await state_of(site))["state"] == "revoked"
    address = f"{desk.simulator}/v3/company/{desk.realm}/companyinfo/1"
    async with httpx.AsyncClient() as client:
        answer = await client.get(address, headers={"authorization": f"Bearer {access.token}"})
    assert answer.status_code == 401
    async with desk.database.tenant(T) as connection:
        row = await connection.fetchrow("select access_token, refresh_token from connection")
    assert tuple(row or ()) == (None, None)
    async with site.browser() as browser:
        assert (await browser.get(await consent(browser, desk.realm))).status_code == 303
    assert (await state_of(site))["state"] == "connected"


async def test_only_an_admin_connects(desk: Desk, site: Site) -> None:
    for role in (Role.VIEWER, Role.APPROVER):
        async with site.browser(role) as browser:
            assert (await browser.get(f"/connect/{T}")).status_code == 403
