"""The gateway over HTTP: SOAP through a foreign stack, hostile bodies, the API, the page."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from qbsync_local.sandbox.desktop.qwc import read_qwc
from qbsync_local.sandbox.desktop.soap_client import SoapClient
from qbsync_local.sandbox.desktop.web_connector import WebConnector
from qbsync_qbwc_gateway.app import BODY_LIMITS, make_pages, make_routers
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_shared.web import Role, install, issue_token
from tests.browser.server import free_socket, serving
from tests.gateway.desktop import Desktop, envelope
from tests.gateway.records import customer

KEY = "k" * 32
Bearer = Callable[..., dict[str, str]]


def make_app(desktop: Desktop, settings: GatewaySettings) -> FastAPI:
    """SOAP, API and pages, without messaging."""
    pages = make_pages(settings, desktop.clock)
    app = FastAPI(title="qbsync qbwc-gateway", docs_url=None, redoc_url=None)
    for router in make_routers(settings, desktop.database, desktop.gateway, pages):
        app.include_router(router)
    install(app, settings=settings, pages=pages, body_limits=BODY_LIMITS)
    return app


@pytest.fixture
async def client(desktop: Desktop, settings: GatewaySettings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(desktop, settings))
    async with httpx.AsyncClient(transport=transport, base_url=settings.public_url) as client:
        yield client


@pytest.fixture
def bearer(desktop: Desktop) -> Bearer:
    def make(role: Role = Role.ADMIN, tenant: str = "oak") -> dict[str, str]:
        token = issue_token(KEY, tenant=tenant, role=role, sub="u", name="Dana", clock=desktop.clock)
        return {"authorization": f"Bearer {token}"}

    return make


# SOAP


async def test_a_foreign_soap_stack_drives_a_whole_run(desktop: Desktop, settings: GatewaySettings) -> None:
    """zeep, from our own WSDL, over real HTTP."""
    bound = free_socket()
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    sync_id = await desktop.approve(customer())
    served = settings.model_copy(update={"public_url": address})
    async with serving(make_app(desktop, served), bound) as url:

        def run() -> Any:
            client = SoapClient(f"{url}/qbwc")
            try:
                connector = WebConnector(
                    read_qwc(desktop.qwc), desktop.password, client, lambda: desktop.company, desktop.faults
                )
                return connector.run()
            finally:
                client.close()

        report = await asyncio.to_thread(run)
    assert report.outcome == "finished", report.message
    assert (await desktop.sync(sync_id))["state"] == "succeeded"


async def post(client: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    return await client.post(
        "/qbwc", content=body, headers={"content-type": "text/xml; charset=utf-8", **headers}
    )


async def test_the_headers_of_the_real_web_connector_are_taken(client: httpx.AsyncClient) -> None:
    response = await post(
        client,
        envelope("serverVersion"),
        soapaction='"http://developer.intuit.com/serverVersion"',
        **{
            "user-agent": "Mozilla/4.0 (compatible; MSIE 6.0; MS Web Services Client Protocol 2.0.50727.1433)"
        },
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/xml; charset=utf-8"
    assert "content-encoding" not in response.headers
    assert "<serverVersionResult>qbsync" in response.text


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\xfe\x00", envelope("noSuchMethod"), b'{"json": true}', b"<a>" * 100_000]
)
async def test_what_is_wrong_leaves_as_a_soap_fault(client: httpx.AsyncClient, body: bytes) -> None:
    response = await post(client, body)
    assert response.status_code == 500
    assert response.headers["content-type"] == "text/xml; charset=utf-8"
    assert "<faultcode>soap:Client</faultcode>" in response.text


async def test_a_hundred_megabytes_are_refused_before_they_are_read(client: httpx.AsyncClient) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 1_000_000

    response = await post(client, body())
    assert "longer than" in response.text
    declared = await post(client, b" " * 10_000_001)
    assert "<faultcode>soap:Client</faultcode>" in declared.text


async def test_compressed_bodies_are_not_read(client: httpx.AsyncClient) -> None:
    assert "Compressed" in (await post(client, b"\x1f\x8b", **{"content-encoding": "gzip"})).text


async def test_trouble_inside_leaves_as_a_soap_fault_without_details(
    client: httpx.AsyncClient, desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> str:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(desktop.gateway.connector, "get_last_error", broken)
    response = await post(client, envelope("getLastError", ticket="t"))
    assert response.status_code == 500
    assert "soap:Server" in response.text
    assert "secret" not in response.text


async def test_the_description_is_there_for_the_web_connector(client: httpx.AsyncClient) -> None:
    for address in ("/qbwc?wsdl", "/qbwc?WSDL"):
        response = await client.get(address)
        assert 'location="http://127.0.0.1:8102/qbwc"' in response.text
    assert (await client.get("/qbwc")).status_code == 200


async def test_support_answers_without_login_and_says_nothing_private(client: httpx.AsyncClient) -> None:
    known, unknown = await client.get("/support/oak"), await client.get("/support/nobody")
    assert known.status_code == unknown.status_code == 200
    assert known.text == unknown.text


# API


async def test_the_connector_user_is_made_and_rotated(client: httpx.AsyncClient, bearer: Bearer) -> None:
    address = "/api/v1/tenants/oak/connector"
    first = (await client.post(address, headers=bearer())).json()
    response = await client.post(address, headers=bearer())
    second = response.json()
    assert first["username"] == second["username"]
    assert first["password"] != second["password"]
    assert response.headers["cache-control"] == "no-store"
    health = (await client.get(address, headers=bearer(Role.VIEWER))).json()
    assert health["username"] == first["username"]
    assert "password" not in str(health)


async def test_the_qwc_file_is_complete_and_stable(client: httpx.AsyncClient, bearer: Bearer) -> None:
    address = "/api/v1/tenants/oak/connector.qwc"
    before = await client.get(address, headers=bearer())
    qwc = read_qwc(before.text)
    assert qwc.app_url == "http://127.0.0.1:8102/qbwc"
    assert qwc.app_support == "http://127.0.0.1:8102/support/oak"
    assert qwc.run_every_seconds == 1800
    assert not qwc.read_only
    assert "password" not in before.text.lower()
    chosen = {"app_name": "Books & More", "run_every_minutes": 5}
    assert (
        await client.put("/api/v1/tenants/oak/connector/qwc", json=chosen, headers=bearer())
    ).status_code == 204
    await client.post("/api/v1/tenants/oak/connector", headers=bearer())
    after = read_qwc((await client.get(address, headers=bearer())).text)
    assert (after.app_name, after.run_every_seconds) == ("Books & More", 300)
    assert (after.owner_id, after.file_id, after.user_name) == (qwc.owner_id, qwc.file_id, qwc.user_name)


async def test_lists_of_work_and_links(client: httpx.AsyncClient, bearer: Bearer, desktop: Desktop) -> None:
    for number in range(3):
        await desktop.approve(customer(f"C-{number}", f"Customer {number}"))
    await desktop.run()
    headers = bearer(Role.VIEWER)
    page = (await client.get("/api/v1/tenants/oak/work?limit=2", headers=headers)).json()
    assert [one["state"] for one in page["items"]] == ["succeeded", "succeeded"]
    rest = (
        await client.get("/api/v1/tenants/oak/work", params={"cursor": page["next_cursor"]}, headers=headers)
    ).json()
    assert (len(rest["items"]), rest["next_cursor"], rest["total"]) == (1, None, 3)
    links = (await client.get("/api/v1/tenants/oak/links?limit=2", headers=headers)).json()
    more = (
        await client.get(
            "/api/v1/tenants/oak/links", params={"cursor": links["next_cursor"]}, headers=headers
        )
    ).json()
    assert [one["app_id"] for one in links["items"] + more["items"]] == ["C-0", "C-1", "C-2"]


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("POST", "/api/v1/tenants/oak/connector", Role.ADMIN),
        ("GET", "/api/v1/tenants/oak/connector.qwc", Role.ADMIN),
        ("PUT", "/api/v1/tenants/oak/connector/qwc", Role.ADMIN),
        ("GET", "/api/v1/tenants/oak/connector", Role.VIEWER),
        ("GET", "/api/v1/tenants/oak/work", Role.VIEWER),
        ("GET", "/api/v1/tenants/oak/links", Role.VIEWER),
        ("GET", "/t/oak/desktop", Role.VIEWER),
        ("POST", "/t/oak/desktop/password", Role.ADMIN),
        ("POST", "/t/oak/desktop/rebind", Role.ADMIN),
        ("POST", "/t/oak/desktop/sending", Role.ADMIN),
    ],
)
async def test_who_may_do_what(
    client: httpx.AsyncClient, bearer: Bearer, method: str, path: str, role: Role
) -> None:
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}
    assert (await client.request(method, path, **body)).status_code == 401
    assert (await client.request(method, path, headers=bearer(role, "elm"), **body)).status_code == 404
    for other in Role:
        status = (await client.request(method, path, headers=bearer(other), **body)).status_code
        assert (status == 403) == (other < role), (other, status)


async def test_an_unknown_tenant_is_404(client: httpx.AsyncClient, bearer: Bearer) -> None:
    for method, path in (("POST", "connector"), ("GET", "connector"), ("GET", "connector.qwc")):
        response = await client.request(method, f"/api/v1/tenants/nobody/{path}", headers=bearer(tenant="*"))
        assert response.status_code == 404


# page


async def test_the_page_leads_from_nothing_to_the_first_run(
    client: httpx.AsyncClient, bearer: Bearer, desktop: Desktop
) -> None:
    before = (await client.get("/t/oak/desktop", headers=bearer())).text
    assert "Five steps" in before
    made = await client.post("/t/oak/desktop/password", headers=bearer())
    assert made.headers["cache-control"] == "no-store"
    assert "Shown only now" in made.text
    assert "Shown only now" not in (await client.get("/t/oak/desktop", headers=bearer())).text
    await desktop.connect()
    await desktop.approve(customer())
    await desktop.run()
    page = (await client.get("/t/oak/desktop", headers=bearer())).text
    for text in ("Connected", desktop.company.file_name, "34.0.10011.101", "Finished. 1 sent", "Last runs"):
        assert text in page, text


async def test_switches_pause_and_resume(client: httpx.AsyncClient, bearer: Bearer, desktop: Desktop) -> None:
    kinds = ["customer", "job", "vendor", "employee", "item", "payment"]
    data = {
        "on": [kind for kind in ("*", *kinds, "estimate", "sales_receipt", "credit_memo") if kind != "item"]
    }
    assert (await client.post("/t/oak/desktop/sending", data=data, headers=bearer())).status_code == 303
    paused = (await client.get("/api/v1/tenants/oak/connector", headers=bearer())).json()["paused"]
    assert "item" in paused
    assert "customer" not in paused
    sync_id = await desktop.approve(customer())
    held = await desktop.approve(
        {"kind": "item", "app_id": "I", "revision": "1", "type": "service", "name": "X"}
    )
    await desktop.run()
    assert [(await desktop.sync(one))["state"] for one in (sync_id, held)] == ["succeeded", "pending"]

    await client.post("/t/oak/desktop/sending", data={"on": kinds}, headers=bearer())
    assert (await desktop.said("connection", "changed"))[-1]["state"] == "paused"
    assert (await desktop.run()).outcome == "busy"
    await client.post("/t/oak/desktop/sending", data={"on": ["*", *kinds]}, headers=bearer())
    assert (await desktop.said("connection", "changed"))[-1]["state"] == "connected"
    await desktop.run()
    assert (await desktop.sync(held))["state"] != "pending"


async def test_binding_to_another_company_asks_first_with_numbers(
    client: httpx.AsyncClient, bearer: Bearer, desktop: Desktop
) -> None:
    address, page = "/api/v1/tenants/oak/connector", "/t/oak/desktop/rebind"
    assert (await client.get(f"{address}/binding", headers=bearer(Role.VIEWER))).status_code == 404
    await desktop.approve(customer())
    await desktop.run()
    asked = (await client.get("/t/oak/desktop?ask=rebind", headers=bearer())).text
    assert "Bind to another company?" in asked
    assert "1 link ends: 1 customer." in asked
    books = (await client.get(f"{address}/binding", headers=bearer(Role.VIEWER))).json()
    assert (books["link_count"], books["links"], books["unsettled"]) == (1, {"customer": 1}, 0)
    assert (await client.post(page, data={"links": "1"}, headers=bearer())).status_code == 422
    wrong = await client.post(page, data={"links": "7", "other-books": "1"}, headers=bearer())
    assert wrong.status_code == 409
    assert "There are 1 links now, not 7" in wrong.text
    refused = await client.post(f"{address}/rebind", json={"links": 7}, headers=bearer())
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[-1]) == (409, "links-changed")

    done = await client.post(page, data={"links": "1", "other-books": "1"}, headers=bearer())
    assert done.status_code == 303
    health = (await client.get(address, headers=bearer())).json()
    assert (health["company_file"], health["state"]) == (None, "none")
    assert await desktop.links() == {}
    await desktop.approve(customer("C-18", "Elm & Co"))
    assert (await client.post(f"{address}/rebind", json={"links": 0}, headers=bearer())).status_code == 409


async def test_new_ids_and_another_name_over_http(
    client: httpx.AsyncClient, bearer: Bearer, desktop: Desktop
) -> None:
    address = "/api/v1/tenants/oak/connector"
    await desktop.run()
    before = read_qwc((await client.get(f"{address}.qwc", headers=bearer())).text)
    assert (await client.post(f"{address}/ids", headers=bearer())).status_code == 204
    after = read_qwc((await client.get(f"{address}.qwc", headers=bearer())).text)
    assert before.owner_id != after.owner_id
    assert before.file_id != after.file_id
    assert before.user_name == after.user_name
    page = (await client.get("/t/oak/desktop", headers=bearer())).text
    assert "New ids were made" in page
    assert (await client.post("/t/oak/desktop/ids", headers=bearer())).status_code == 303
    assert (await client.post(f"{address}/renamed", headers=bearer())).status_code == 204
    assert (await client.post("/t/oak/desktop/renamed", headers=bearer())).status_code == 303
    for ask in ("ids", "renamed", "password"):
        assert "<dialog" in (await client.get(f"/t/oak/desktop?ask={ask}", headers=bearer())).text


# the .qwc file


async def test_every_field_of_the_qwc_file_can_be_chosen(client: httpx.AsyncClient, bearer: Bearer) -> None:
    form = {
        "app_name": "Books & More",
        "app_id": "A-1",
        "app_display_name": "Shown",
        "app_unique_name": "Only One",
        "app_description": "Carries <work>",
        "run_every_minutes": "20",
        "run_every_seconds": "45",
        "edition": ["2", "8"],
        "notify": "1",
        "personal_data": "pdpOptional",
        "unattended_mode": "umpRequired",
        "style": "DocWrapped",
        "open_file": "bound",
        "minimum_minutes": "5",
        "quiet_from": "08:00",
        "quiet_until": "17:00",
    }
    assert (await client.post("/t/oak/desktop/qwc", data=form, headers=bearer())).status_code == 303
    text = (await client.get("/api/v1/tenants/oak/connector.qwc", headers=bearer())).text
    for line in (
        "<AppName>Books &amp; More</AppName>",
        "<AppID>A-1</AppID>",
        "<AppDisplayName>Shown</AppDisplayName>",
        "<AppUniqueName>Only One</AppUniqueName>",
        "<AppDescription>Carries &lt;work&gt;</AppDescription>",
        "<Scheduler><RunEveryNSeconds>45</RunEveryNSeconds></Scheduler>",
        "<AuthFlags>0xA</AuthFlags>",
        "<Notify>true</Notify>",
        "<IsReadOnly>false</IsReadOnly>",
        "<PersonalDataPref>pdpOptional</PersonalDataPref>",
        "<UnattendedModePref>umpRequired</UnattendedModePref>",
        "<Style>DocWrapped</Style>",
    ):
        assert line in text, line
    assert read_qwc(text).run_every_seconds == 45
    page = (await client.get("/t/oak/desktop/qwc", headers=bearer())).text
    assert 'value="Books &amp; More"' in page
    chosen = (await client.get("/api/v1/tenants/oak/connector/qwc", headers=bearer())).json()
    assert (chosen["minimum_minutes"], chosen["quiet_until"], chosen["open_file"]) == (5, "17:00", "bound")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("app_name", "x" * 81, "1 to 80 characters"),
        ("app_description", "a\x01b", "at most 80"),
        ("run_every_minutes", "0", "between 1 minute"),
        ("run_every_minutes", "often", "between 1 minute"),
        ("quiet_from", "8 am", "a time such as"),
        ("quiet_from", "08:00", "a beginning and another end"),
        ("minimum_minutes", "5000", "between 0 and"),
    ],
)
async def test_a_wrong_field_says_so_and_changes_nothing(
    client: httpx.AsyncClient, bearer: Bearer, field: str, value: str, said: str
) -> None:
    response = await client.post("/t/oak/desktop/qwc", data={field: value}, headers=bearer())
    assert response.status_code == 422
    assert said in response.text
    assert "aria-invalid" in response.text
    chosen = (await client.get("/api/v1/tenants/oak/connector/qwc", headers=bearer())).json()
    assert chosen["run_every_minutes"] == 30
    api = await client.put("/api/v1/tenants/oak/connector/qwc", json={"auth_flags": "all"}, headers=bearer())
    assert api.status_code == 422


async def test_tenants_on_one_pc_stand_beside_one_another(
    client: httpx.AsyncClient, bearer: Bearer, desktop: Desktop
) -> None:
    """Two companies of the same name: names of their own in QuickBooks, and neither file replaces the other's."""
    elm = desktop.other_tenant("elm", desktop.company)
    await elm.configure()
    await elm.connect()
    ours, theirs = (one.qwc.splitlines() for one in (desktop, elm))
    for tag in ("AppName", "AppUniqueName", "UserName", "FileID"):
        (mine,), (other,) = ([line for line in qwc if f"<{tag}>" in line] for qwc in (ours, theirs))
        assert mine != other, tag
    put = "/api/v1/tenants/{}/connector/qwc"
    taken = {"app_unique_name": "QBSYNC OAK"}
    refused = await client.put(put.format("elm"), json=taken, headers=bearer(tenant="elm"))
    assert refused.status_code == 409
    page = await client.post("/t/elm/desktop/qwc", data=taken, headers=bearer(tenant="elm"))
    assert "one would replace the other" in page.text
    own = await client.put(put.format("oak"), json=taken, headers=bearer())
    assert own.status_code == 204
