"""The main job, end to end, both editions: from the app through the Wizard into QuickBooks and into the log."""

import pytest

from tests.e2e.system import Office, System, customer, eventually, invoice, item

pytestmark = pytest.mark.xdist_group("e2e")

ACCOUNTS = {"desktop": "Services", "online": "Services"}


@pytest.fixture(scope="module", params=["desktop", "online"])
def office(request: pytest.FixtureRequest, system: System) -> Office:
    office = Office(system, f"journey-{request.param}", request.param)
    office.open()
    return office


def test_what_the_office_manager_approves_arrives_in_quickbooks_and_in_the_log(office: Office) -> None:
    account = ACCOUNTS[office.edition]
    for record in (
        invoice("V-1042", "C-17", "I-3"),
        customer("C-17", "Oak & Sons", phone="555-0100"),
        item("I-3", "Pruning", account),
    ):
        office.put(record)
    mine = office.review(direction="export")
    assert {row["operation"] for row in mine} == {"create"}
    assert office.approve("C-17", "I-3", "V-1042")["approved"] == 3
    office.sync()
    for app_id in ("C-17", "I-3", "V-1042"):
        assert office.settled(app_id)["quickbooks_id"]
    assert office.review(direction="export") == []
    assert len(office.books("customers")) == 1
    assert len(office.books("items")) >= 1
    assert len(office.books("invoices")) == 1


def test_a_taken_name_is_shown_with_its_code_and_resync_makes_it_good(office: Office) -> None:
    code = {"desktop": "3100", "online": "6240"}[office.edition]
    office.put(customer("C-18", "Oak & Sons"))
    rows = [row for row in office.review() if row["app_id"] == "C-18"]
    assert len(rows) == 1
    office.approve("C-18")
    office.sync()
    failed = office.settled("C-18", "failed")
    assert failed["code"] == code
    (entry,) = [one for one in office.unsynced() if one["app_id"] == "C-18"]
    assert entry["guidance"]["steps"]
    office.put(customer("C-18", "Oak and Daughters", revision=2))
    body = {"sync_ids": [failed["sync_id"]]}
    office.system.call("POST", "log", f"{office.api}/unsynced/resync", body)
    eventually(
        lambda: office.latest("C-18"),
        lambda one: one is not None and one["sync_id"] != failed["sync_id"],
    )
    office.sync()
    office.settled("C-18")
    eventually(
        lambda: office.latest("C-18"), lambda one: one is not None and one["resync_of"] == failed["sync_id"]
    )


def test_an_update_sends_what_differs(office: Office) -> None:
    office.put(customer("C-17", "Oak & Sons", revision=2, phone="555-0199"))
    (row,) = [one for one in office.review() if one["app_id"] == "C-17"]
    assert row["operation"] == "update"
    office.approve("C-17")
    office.sync()
    eventually(lambda: office.latest("C-17"), lambda one: one is not None and one["operation"] == "update")
    office.settled("C-17")
    assert "555-0199" in str(office.books("customers"))
