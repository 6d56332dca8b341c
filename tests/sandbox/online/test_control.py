"""The control API, the pages for people, and the seed."""

import re

import httpx
import pytest
from tests.sandbox.online.office import Simulator

from qbsync_local.sandbox.online.companies import SEEDS, seed_data

OAK = {"action": "create", "record": {"DisplayName": "Oak & Sons"}}


def hand(simulator: Simulator, entity: str, **edit: object) -> httpx.Response:
    return simulator.client.post(f"/control/companies/{simulator.realm}/{entity}", json=edit)


def test_a_users_edits_need_no_token(simulator: Simulator) -> None:
    assert hand(simulator, "customer", **OAK).status_code == 201
    assert hand(simulator, "Customer", action="rename", id="1", name="Oak").json()["DisplayName"] == "Oak"
    changed = hand(simulator, "customer", action="update", id="1", record={"Notes": "gate"}).json()
    assert (changed["Notes"], changed["SyncToken"]) == ("gate", "2")
    assert hand(simulator, "customer", action="delete", id="1").json()["DisplayName"] == "Oak (deleted)"
    assert hand(simulator, "customer", action="activate", id="1").json()["Active"] is True
    assert hand(simulator, "customer", action="inactivate", id="1").json()["Active"] is False


def test_a_users_edits_obey_the_rules(simulator: Simulator) -> None:
    hand(simulator, "customer", **OAK)
    answer = hand(simulator, "vendor", **OAK)
    assert (answer.status_code, answer.json()["Fault"]["Error"][0]["code"]) == (400, "6240")
    assert hand(simulator, "customer", action="rename", id="9", name="x").status_code == 400


def test_a_deposited_payment_is_frozen(simulator: Simulator) -> None:
    hand(simulator, "customer", **OAK)
    hand(simulator, "payment", action="create", record={"CustomerRef": {"value": "1"}, "TotalAmt": 5})
    assert hand(simulator, "payment", action="deposit", id="1").json()["LinkedTxn"][0]["TxnType"] == "Deposit"
    for operation in ("delete", "void"):
        answer = simulator.call("POST", "/payment", {"Id": "1", "SyncToken": "1"}, operation=operation)
        assert answer.json()["Fault"]["Error"][0]["code"] == "6540"
    assert hand(simulator, "customer", action="deposit", id="1").status_code == 400


def test_the_state_shows_everything_and_the_deleted_on_demand(simulator: Simulator) -> None:
    hand(simulator, "customer", **OAK)
    hand(simulator, "payment", action="create", record={"CustomerRef": {"value": "1"}, "TotalAmt": 5})
    hand(simulator, "payment", action="delete", id="1")
    path = f"/companies/{simulator.realm}/payment"
    assert simulator.control("GET", path) == {"items": [], "total": 0}
    assert simulator.control("GET", f"{path}?deleted=true")["items"][0]["status"] == "Deleted"
    assert simulator.control("GET", f"/companies/{simulator.realm}")["entities"]["Customer"] == 1
    assert simulator.client.get(f"/control/companies/{simulator.realm}/spaceship").status_code == 404
    assert simulator.client.get("/control/companies/1234567/customer").status_code == 404


def test_the_journal_tells_what_was_called(simulator: Simulator) -> None:
    simulator.call("POST", "/customer", {"DisplayName": "Oak"}, requestid="r-1")
    simulator.call("POST", "/vendor", {"DisplayName": "Oak"})
    first, second = simulator.journal()
    assert (first["method"], first["path"]) == ("POST", f"/v3/company/{simulator.realm}/customer")
    assert (first["entity"], first["operation"], first["request_id"], first["status"]) == (
        "Customer",
        "create",
        "r-1",
        200,
    )
    assert (second["status"], second["code"]) == (400, "6240")
    assert simulator.journal(entity="Vendor", after=str(first["id"])) == [second]
    assert "Oak" not in str(simulator.journal())


def test_companies_come_and_go(simulator: Simulator) -> None:
    body = {"realm": "123456789", "name": "Elm", "tax_rate": None}
    simulator.control("POST", "/companies", body)
    assert simulator.client.post("/control/companies", json=body).status_code == 409
    assert simulator.client.post("/control/companies", json={"seed": "unknown"}).status_code == 409
    preferences = simulator.control("GET", "/companies/123456789/preferences")["items"][0]
    assert preferences["TaxPrefs"]["UsingSalesTax"] is False
    simulator.control("DELETE", "/companies/123456789")
    assert "123456789" not in [item["realm"] for item in simulator.control("GET", "/companies")["items"]]


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_makes_believable_books(simulator: Simulator, name: str) -> None:
    made = simulator.control("POST", "/companies", {"seed": name})
    assert made["realm"] == seed_data(name)["company"]["realm"]
    counts = simulator.control("GET", f"/companies/{made['realm']}")["entities"]
    assert len(seed_data(name)["records"]) >= 60
    assert all(
        counts[entity] for entity in ("Customer", "Item", "Invoice", "Vendor", "PurchaseOrder", "Payment")
    )
    customers = simulator.control("GET", f"/companies/{made['realm']}/customer")["items"]
    addresses = [
        customer["PrimaryEmailAddr"]["Address"] for customer in customers if "PrimaryEmailAddr" in customer
    ]
    assert all(address.endswith(".example") for address in addresses)
    assert sum(customer["Balance"] for customer in customers) > 0
    simulator.control("DELETE", f"/companies/{made['realm']}")


# Pages


def page(simulator: Simulator, entity: str = "customer") -> str:
    answer = simulator.client.get(f"/companies/{simulator.realm}/{entity}")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return answer.text


def submit(simulator: Simulator, entity: str, **form: str) -> httpx.Response:
    return simulator.client.post(f"/companies/{simulator.realm}/{entity}", data=form)


def test_pages_show_every_list_without_script(simulator: Simulator) -> None:
    start = simulator.client.get("/").text
    assert f"/companies/{simulator.realm}/customer" in start
    links = re.findall(rf'href="/companies/{simulator.realm}/(\w+)"', page(simulator))
    assert {"customer", "item", "invoice", "payment", "account"} <= set(links)
    for entity in links:
        shown = page(simulator, entity)
        assert "<script" not in shown
        assert "style=" not in shown
    assert simulator.client.get("/static/online.css").headers["content-type"].startswith("text/css")


def test_a_customer_is_added_renamed_and_deleted_on_the_page(simulator: Simulator) -> None:
    assert submit(simulator, "customer", action="create", name="<Oak>").status_code == 303
    assert "&lt;Oak&gt;" in page(simulator)
    submit(simulator, "customer", action="rename", id="1", name="Elm")
    assert "Elm" in page(simulator)
    submit(simulator, "customer", action="delete", id="1")
    assert "Make Elm (deleted) active" in page(simulator)


def test_an_invoice_is_voided_and_deleted_on_the_page(simulator: Simulator) -> None:
    hand(simulator, "customer", **OAK)
    line = {
        "Amount": 1250,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"TaxCodeRef": {"value": "NON"}},
    }
    record = {"CustomerRef": {"value": "1"}, "DocNumber": "1042", "Line": [line]}
    hand(simulator, "invoice", action="create", record=record)
    assert "1,250.00" in page(simulator, "invoice")
    assert submit(simulator, "invoice", action="void", id="1").status_code == 303
    assert "1,250.00" not in page(simulator, "invoice")
    submit(simulator, "invoice", action="delete", id="1")
    assert "1042" not in page(simulator, "invoice")


def test_the_page_says_why_something_was_refused(simulator: Simulator) -> None:
    hand(simulator, "customer", **OAK)
    answer = submit(simulator, "customer", action="create", name="Oak & Sons")
    assert answer.status_code == 400
    assert "6240" in answer.text
    assert 'role="alert"' in answer.text


def test_a_form_from_elsewhere_changes_nothing(simulator: Simulator) -> None:
    path = f"/companies/{simulator.realm}/customer"
    form = {"action": "create", "name": "Oak"}
    refused = simulator.client.post(path, data=form, headers={"Origin": "https://evil.example"})
    accepted = simulator.client.post(path, data=form, headers={"Origin": simulator.url})
    assert (refused.status_code, accepted.status_code) == (403, 303)


def test_an_unknown_page(simulator: Simulator) -> None:
    assert simulator.client.get("/companies/1234567/customer").status_code == 404
    assert simulator.client.get(f"/companies/{simulator.realm}/spaceship").status_code == 404
    assert simulator.client.get(f"/companies/{simulator.realm}").headers["location"].endswith("/customer")
