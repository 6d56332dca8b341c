"""The app's pages, as a browser without JavaScript uses them."""

import re
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from tests.sandbox.demo_app.outside import KEY, TENANT, Outside

from qbsync_local.sandbox.demo_app.store import Store
from qbsync_shared.entities import parse_entity
from qbsync_shared.web.auth import Principal, Role, Tokens

PATHS = ("invoices", "clients", "jobs", "items", "purchase-orders", "suppliers", "payments", "people")


class Keys:
    jwt_key = SecretStr(KEY)
    jwt_jwks_url = None


@pytest.fixture
def records(app: FastAPI) -> Store:
    """A few records to begin with."""
    store: Store = app.state.store
    store.save(TENANT, "customer", "C-1", {"name": "Oak <& Sons>", "email": "a@oak.example"})
    store.save(TENANT, "item", "I-1", {"name": "Pruning", "type": "service", "unit_price": "95.00"})
    lines = [
        {
            "line_id": "7",
            "item": {"app_id": "I-1"},
            "quantity": "2",
            "unit_price": "95.00",
            "amount": "190.00",
        }
    ]
    invoice = {
        "number": "1042",
        "customer": {"app_id": "C-1"},
        "date": "2026-11-02",
        "lines": lines,
        "total": "190.00",
    }
    store.save(TENANT, "invoice", "V-1", invoice)
    return store


def fields(html: str) -> dict[str, str]:
    """What the form of a page would send, unchanged."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", html):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") not in {"checkbox", "search"}:
            found[attributes["name"]] = attributes["value"]
    for name, body in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.findall(r'value="([^"]*)" selected', body)
        found[name] = chosen[0] if chosen else re.findall(r'value="([^"]*)"', body)[0]
    return found


@pytest.mark.parametrize("path", PATHS)
async def test_every_list_and_form_opens(visitor: httpx.AsyncClient, records: Store, path: str) -> None:
    for page in (path, f"{path}/new") if path not in ("payments", "people") else (path,):
        answer = await visitor.get(f"/t/{TENANT}/{page}")
        assert answer.status_code == 200
        assert "<script" not in answer.text
        assert "script-src" not in answer.headers["content-security-policy"]


async def test_the_list_says_how_records_stand_and_escapes_names(
    visitor: httpx.AsyncClient, records: Store
) -> None:
    page = (await visitor.get(f"/t/{TENANT}/invoices")).text
    assert "Waits for approval" in page
    assert "$190.00" in page
    assert "Oak &lt;&amp; Sons&gt;" in page
    assert "Nothing fits" in (await visitor.get(f"/t/{TENANT}/invoices?q=9999")).text
    assert "1042" in (await visitor.get(f"/t/{TENANT}/invoices?q=oak")).text


async def test_a_form_sent_back_unchanged_changes_nothing(visitor: httpx.AsyncClient, records: Store) -> None:
    form = fields((await visitor.get(f"/t/{TENANT}/invoices/V-1")).text)
    answer = await visitor.post(f"/t/{TENANT}/invoices/V-1", data=form)
    assert answer.headers["location"].endswith("said=unchanged")


async def test_an_edit_raises_the_revision_and_keeps_line_ids(
    visitor: httpx.AsyncClient, records: Store
) -> None:
    form = fields((await visitor.get(f"/t/{TENANT}/invoices/V-1")).text)
    form |= {
        "line-1-quantity": "2.5",
        "line-2-item": "I-1",
        "line-2-quantity": "1",
        "line-2-unit_price": "10.005",
    }
    answer = await visitor.post(f"/t/{TENANT}/invoices/V-1", data={**form, "line-2-taxable": "1"})
    assert answer.status_code == 303
    record = records.record(TENANT, "invoice", "V-1")
    assert record is not None
    assert record.revision == 2
    assert [line["line_id"] for line in record.data["lines"]] == ["7", "8"]
    assert [line["amount"] for line in record.data["lines"]] == ["237.50", "10.01"]
    assert record.data["lines"][1]["tax_code"] == {"name": "Tax"}
    assert record.data["total"] == "247.51"
    parse_entity({**record.data, "revision": "2"})


async def test_a_new_record_and_its_deletion(visitor: httpx.AsyncClient, records: Store) -> None:
    form = fields((await visitor.get(f"/t/{TENANT}/clients/new")).text)
    form |= {"name": "Elm House", "billing_address-city": "Salem"}
    await visitor.post(f"/t/{TENANT}/clients/new", data=form)
    record = records.record(TENANT, "customer", "C-2")
    assert record is not None
    assert record.data == {
        "kind": "customer", "app_id": "C-2", "name": "Elm House", "billing_address": {"city": "Salem"},
    }  # fmt: skip
    asked = await visitor.get(f"/t/{TENANT}/clients/C-2?ask=delete")
    assert "Delete client Elm House?" in asked.text
    await visitor.post(f"/t/{TENANT}/clients/C-2/delete")
    assert (await visitor.get(f"/t/{TENANT}/clients/C-2")).status_code == 404


async def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_saved(
    visitor: httpx.AsyncClient, records: Store
) -> None:
    form = fields((await visitor.get(f"/t/{TENANT}/invoices/V-1")).text)
    wrong = {"number": "", "date": "2.11.2026", "line-1-quantity": "many", "line-1-item": "", "customer": ""}
    answer = await visitor.post(f"/t/{TENANT}/invoices/V-1", data={**form, **wrong})
    assert answer.status_code == 422
    for text in (
        "Enter the number.",
        "year-month-day",
        "such as 2.5",
        "Choose the item.",
        "Choose the client.",
    ):
        assert text in answer.text
    record = records.record(TENANT, "invoice", "V-1")
    assert record is not None
    assert record.revision == 1


async def test_lists_from_quickbooks_are_not_edited_here(visitor: httpx.AsyncClient, records: Store) -> None:
    records.save(TENANT, "employee", "E-1", {"name": "Nora Vance"})
    assert "Nora Vance" in (await visitor.get(f"/t/{TENANT}/people/E-1")).text
    assert (await visitor.post(f"/t/{TENANT}/people/E-1", data={"name": "X"})).status_code == 405


@pytest.mark.parametrize(
    "path", ["/t/nobody/invoices", f"/t/{TENANT}/cars", f"/t/{TENANT}/clients/C-9", "/x"]
)
async def test_what_is_not_there_is_a_page_with_404(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 404
    assert "Go to the start" in answer.text


async def test_the_sandboxs_buttons(visitor: httpx.AsyncClient, records: Store, outside: Outside) -> None:
    ran = await visitor.post(f"/t/{TENANT}/sandbox/run", data={"path": "clients"})
    page = await visitor.get(ran.headers["location"])
    assert "The Web Connector ran: Finished. 3 sent (4 round trips)" in page.text
    await visitor.post(f"/t/{TENANT}/sandbox/change", data={"path": "clients"})
    assert any("<CustomerMod>" in str(body) for body in outside.bodies)
    await visitor.post(f"/t/{TENANT}/sandbox/break", data={"path": "clients", "fault": "answer_twice"})
    assert {"named": {"answer_twice": 1}} in outside.bodies
    assert (await visitor.post(f"/t/{TENANT}/sandbox/explode", data={"path": "clients"})).status_code == 404


# who comes in, and how people go on to qbsync


async def principal(location: str) -> Principal:
    found = await Tokens(Keys()).read(parse_qs(urlsplit(location).query)["token"][0])
    assert isinstance(found, Principal)
    return found


async def test_opening_the_wizard_hands_over_dana(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/open", params={"path": f"/t/{TENANT}/wizard"})
    location = answer.headers["location"]
    assert location.startswith("http://127.0.0.1:8101/session?")
    assert parse_qs(urlsplit(location).query)["next"] == [f"/t/{TENANT}/wizard"]
    who = await principal(location)
    assert (who.name, who.tenant, who.role) == ("Dana", TENANT, Role.ADMIN)


@pytest.mark.parametrize(
    ("person", "role", "scope"),
    [("eli", Role.APPROVER, TENANT), ("vera", Role.VIEWER, TENANT), ("olu", Role.OPERATOR, "*")],
)
async def test_somebody_else_stays_somebody_else(
    visitor: httpx.AsyncClient, person: str, role: Role, scope: str
) -> None:
    chosen = await visitor.post("/sign-in", data={"person": person, "next": f"/t/{TENANT}/unsynced?q=1"})
    assert chosen.headers["location"].startswith("http://127.0.0.1:8104/session?")
    who = await principal((await visitor.get("/open?path=/status-codes")).headers["location"])
    assert (who.role, who.tenant) == (role, scope)


@pytest.mark.parametrize(
    "path",
    ["", "https://evil.example/t/a/wizard", "//evil.example", "/t/a/passwords", "/\\evil", "/t/A b/log"],
)
async def test_no_token_goes_where_qbsync_is_not(visitor: httpx.AsyncClient, path: str) -> None:
    assert (await visitor.get("/open", params={"path": path})).headers["location"] == "/"
    assert (
        "token"
        not in (await visitor.post("/sign-in", data={"next": path, "person": "dana"})).headers["location"]
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
    ],
)
async def test_forms_of_others_are_refused(
    visitor: httpx.AsyncClient, records: Store, headers: dict[str, str]
) -> None:
    answer = await visitor.post(f"/t/{TENANT}/clients/C-1/delete", headers=headers)
    assert answer.status_code == 403
    assert records.record(TENANT, "customer", "C-1") is not None


async def test_the_name_of_another_host_gets_no_token(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.get("/open?path=/ops", headers={"host": "rebound.example:8105"})
    assert answer.status_code == 403
