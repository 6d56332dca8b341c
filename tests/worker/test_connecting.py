"""Connecting a company: only the browser that began it, only once, only the right company."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from qbsync_qbo_worker.service.connecting import Begun, Refused
from qbsync_shared.connector import tenants
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import Pause, Resume, TenantConfigured
from qbsync_shared.messages.base import stamp
from qbsync_shared.web import Role
from qbsync_shared.web.csrf import make_token
from tests.worker.desk import Desk, T, customer
from tests.worker.site import KEY, Site, consent, with_choice


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


@pytest.mark.parametrize(("code", "status"), [("3100", 403), ("7001", 403)])
async def test_a_company_of_the_other_environment_is_refused_and_explained(
    desk: Desk, site: Site, code: str, status: int
) -> None:
    await add_tenant(desk, "fern")
    realm = desk.control.post("/companies", json={}).json()["realm"]
    fault = {"effect": "fault", "realm": realm, "code": code, "message": "ApplicationAuthorizationFailed"}
    assert desk.control.post("/faults", json={**fault, "operation": "query", "status": status}).is_success
    async with site.browser(tenant="fern") as browser:
        refused = await browser.get(await consent(browser, realm, "fern"))
    assert refused.status_code == 409
    assert "test company (sandbox)" in refused.text
    assert code in refused.text
    assert (await state_of(site, "fern"))["state"] == "none"
    revoked = desk.control.get("/requests", params={"realm": realm, "operation": "revoke"}).json()["items"]
    assert len(revoked) == 1
    async with site.browser(tenant="fern") as browser:
        assert (await browser.get(await consent(browser, realm, "fern"))).status_code == 303


async def test_a_company_named_by_the_browser_must_be_the_one_of_the_token(desk: Desk, site: Site) -> None:
    await add_tenant(desk, "fern")
    realm, other = (desk.control.post("/companies", json={}).json()["realm"] for _ in range(2))
    async with site.browser(tenant="fern") as browser:
        back = await consent(browser, realm, "fern")
        assert (await browser.get(back.replace(realm, other))).status_code == 409
    assert (await state_of(site, "fern"))["state"] == "none"


async def test_the_permission_of_another_tenants_company_is_not_taken_back(desk: Desk, site: Site) -> None:
    await add_tenant(desk, "fern")
    async with site.browser(tenant="fern") as browser:
        assert (await browser.get(await consent(browser, desk.realm, "fern"))).status_code == 409
    assert desk.requests(operation="revoke") == []


async def go_elsewhere(desk: Desk, site: Site, links: int) -> httpx.Response:
    """Press Another company, and choose it at Intuit."""
    realm = desk.control.post("/companies", json={}).json()["realm"]
    async with site.browser() as browser:
        form = {"csrf": make_token(KEY, "u-1", T), "links": str(links), "other-books": "1"}
        begun = await browser.post(f"/t/{T}/online/another", data=form)
        if begun.status_code != 303:
            return begun
        async with httpx.AsyncClient() as intuit:
            address = begun.headers["location"]
            chosen = await intuit.get(address, params=with_choice(address, realm))
        return await browser.get(chosen.headers["location"])


async def test_another_company_on_purpose_ends_the_links_and_keeps_them_as_history(
    desk: Desk, site: Site
) -> None:
    await desk.approve(customer())
    await desk.run()
    former = (await state_of(site))["realm_id"]
    async with site.browser() as browser:
        asked = (await browser.get(f"/t/{T}/online", params={"ask": "another"})).text
    assert "1 link ends" in asked
    assert (await go_elsewhere(desk, site, 2)).status_code == 409
    assert (await state_of(site))["state"] == "connected"

    assert (await go_elsewhere(desk, site, 1)).status_code == 303
    found = await state_of(site)
    assert found["state"] == "connected"
    assert found["realm_id"] != former
    assert [one["app_id"] for one in await desk.said("link.cleared")] == ["C-1"]
    async with desk.database.tenant(T) as connection:
        assert await tenants.company_of(connection, T) == found["realm_id"]
        kept = await connection.fetch("select realm_id, app_id from link_history")
        assert [tuple(row) for row in kept] == [(former, "C-1")]
        for table in ("link", "seen_entity", "read_cursor"):
            assert await connection.fetchval(f"select count(*) from {table}") == 0, table
    assert "rebind" in [one["action"] for one in await desk.said("audit.recorded")]


async def test_another_company_is_refused_while_something_is_not_final(desk: Desk, site: Site) -> None:
    await desk.approve(customer())
    refused = await go_elsewhere(desk, site, 0)
    assert refused.status_code == 409
    assert "not finished yet" in refused.text
    assert (await state_of(site))["state"] == "connected"


async def test_what_was_approved_while_somebody_was_at_intuit_stops_another_company(
    desk: Desk, site: Site
) -> None:
    before = await state_of(site)
    begun = await desk.connecting.begin_elsewhere(T, links=0, by="dana", next_path="/")
    assert isinstance(begun, Begun)
    await desk.approve(customer())
    realm = desk.control.post("/companies", json={}).json()["realm"]
    async with httpx.AsyncClient() as intuit:
        chosen = await intuit.get(begun.url, params=with_choice(begun.url, realm))
    back = {key: values[0] for key, values in parse_qs(urlsplit(chosen.headers["location"]).query).items()}
    done = await desk.connecting.complete(
        state=back["state"], cookie=begun.cookie, code=back["code"], realm=back["realmId"]
    )
    assert isinstance(done, Refused)
    found = await state_of(site)
    assert (found["state"], found["realm_id"]) == ("revoked", before["realm_id"])


async def test_disconnecting_inside_quickbooks_is_noticed_on_the_landing_page(desk: Desk, site: Site) -> None:
    async with site.browser(role=None) as stranger:
        address = f"/oauth/disconnected?realmId={desk.realm}"
        desk.clock.advance(timedelta(minutes=2))
        page = await stranger.get(address)
        assert page.status_code == 200
        assert T not in page.text
        assert (await state_of(site))["state"] == "connected"
        desk.control.post(f"/companies/{desk.realm}/disconnect")
        await stranger.get(address)
        assert (await state_of(site))["state"] == "connected"  # Intuit is asked at most once a minute
        desk.clock.advance(timedelta(minutes=2))
        assert (await stranger.get(address)).text.count("presses “Connect again”") == 1
    found = await state_of(site)
    assert found["state"] == "expired"
    assert "inside QuickBooks" in found["message"]
    async with site.browser() as browser:
        assert f"/t/{T}/online" in (await browser.get("/oauth/disconnected")).text


async def test_intuits_links_lead_to_the_persons_own_page(desk: Desk, site: Site) -> None:
    async with site.browser() as admin:
        assert (await admin.get("/oauth/launch")).headers["location"] == f"/t/{T}/online"
        assert (await admin.get("/oauth/reconnect?realmId=1")).headers["location"] == f"/connect/{T}"
    async with site.browser(Role.VIEWER) as viewer:
        assert (await viewer.get("/oauth/reconnect")).headers["location"] == f"/t/{T}/online"
    async with site.browser(Role.OPERATOR, tenant="*") as operator:
        found = await operator.get("/oauth/launch", params={"realmId": desk.realm})
        assert found.headers["location"] == f"/t/{T}/online"
        assert (await operator.get("/oauth/launch")).headers["location"].endswith("/ops")


async def test_a_pause_by_command_is_told_and_outlives_connecting_again(desk: Desk, site: Site) -> None:
    command: dict[str, Any] = {"edition": Edition.ONLINE, "by": "ops", "why": "month end"}
    async with desk.database.tenant(T) as connection:
        await desk.pausing.pause(connection, Pause(**stamp(desk.make_id(), T, desk.clock.now()), **command))
    assert (await state_of(site))["state"] == "paused"
    assert (await desk.said("connection.changed"))[-1]["state"] == "paused"
    async with site.browser() as browser:
        assert (await browser.get(await consent(browser, desk.realm))).status_code == 303
    assert (await state_of(site))["state"] == "paused"
    async with desk.database.tenant(T) as connection:
        await desk.pausing.resume(connection, Resume(**stamp(desk.make_id(), T, desk.clock.now()), **command))
    assert (await state_of(site))["state"] == "connected"
    sync = await desk.approve(customer())
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)
