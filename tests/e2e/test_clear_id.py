"""A record that somebody deleted in QuickBooks, a name that is taken there, and a total that QuickBooks computes differently."""

import pytest

from tests.e2e.system import QBXML, Json, Office, System, customer, eventually, invoice, item

pytestmark = pytest.mark.xdist_group("e2e")

GONE = {"desktop": "3120", "online": "610"}


@pytest.fixture(scope="module", params=["desktop", "online"])
def office(request: pytest.FixtureRequest, system: System) -> Office:
    office = Office(system, f"clear-{request.param}", request.param, tax_rate=None)
    office.open()
    for record in (customer("C-1", "Oak & Sons"), item("I-1", "Pruning", "Services")):
        office.put(record)
    # the item may go once the Wizard has heard of QuickBooks' accounts
    eventually(office.review, lambda rows: len(rows) >= 2 and all(row["ready"] for row in rows))
    office.approve("C-1", "I-1")
    office.sync()
    office.settled("C-1")
    office.settled("I-1")
    return office


def asked(office: Office, what: str, sync_id: str, **more: object) -> None:
    """Press a button of the log's page of unsynced entities, again while the log has not heard of the link yet."""

    def press() -> Json:
        body = {"sync_ids": [sync_id], **more}
        answer: Json = office.system.call("POST", "log", f"{office.api}/unsynced/{what}", body)
        return answer

    eventually(press, lambda answer: answer["asked"] == [sync_id])


def unsynced(office: Office, app_id: str) -> list[Json]:
    return [one for one in office.unsynced() if one["app_id"] == app_id]


def newer(office: Office, app_id: str, old: Json) -> None:
    """Wait for a sync of the record that came after `old`."""
    eventually(
        lambda: office.latest(app_id),
        lambda one: one is not None and one["sync_id"] != old["sync_id"],
    )


def changed_after_deletion(office: Office, app_id: str) -> tuple[Json, Json]:
    """An invoice arrives, is deleted in QuickBooks by hand, changed in the app and approved: the first sync, and the failed one."""
    office.put(invoice(app_id, "C-1", "I-1"))
    office.approve(app_id)
    office.sync()
    first = office.settled(app_id)
    office.put(invoice(app_id, "C-1", "I-1", revision=2, memo="Call before coming"))
    if office.edition == "online":  # what is approved goes out at once
        office.delete_by_hand("Invoice", first["quickbooks_id"])
    assert office.approve(app_id)["approved"] == 1
    newer(office, app_id, first)
    if office.edition == "desktop":
        office.delete_by_hand("Invoice", first["quickbooks_id"])
    office.sync()
    failed = office.settled(app_id, "failed")
    assert failed["code"] == GONE[office.edition]
    (entry,) = unsynced(office, app_id)
    assert "clear_id" in entry["guidance"]["actions"]
    assert entry["guidance"]["steps"]
    assert numbered(office, app_id) == []
    return first, failed


def numbered(office: Office, number: str) -> list[Json]:
    """The invoices of this number that QuickBooks holds."""
    return [
        one for one in office.books("invoices") if number in (one.get("ref_number"), one.get("DocNumber"))
    ]


def created_anew(office: Office, app_id: str, first: Json, failed: Json) -> None:
    """The resync created it under a new id, once; nothing is unsynced any more."""
    newer(office, app_id, failed)
    office.sync()
    office.settled(app_id)
    done = eventually(
        lambda: office.latest(app_id), lambda one: one is not None and one["resync_of"] == failed["sync_id"]
    )
    assert done is not None
    assert done["operation"] == "create"
    (held,) = numbered(office, app_id)
    assert done["quickbooks_id"] == held.get("id", held.get("Id"))
    assert done["quickbooks_id"] != first["quickbooks_id"]
    assert unsynced(office, app_id) == []
    assert "Call before coming" in str(held)
    code, report = office.system.command_json("audit", office.tenant)
    assert (code, report["findings"]) == (0, [])


def test_clear_id_then_resync_creates_it_anew(office: Office) -> None:
    first, failed = changed_after_deletion(office, "V-1")
    asked(office, "clear-id", failed["sync_id"], why="Deleted by mistake")
    eventually(office.links, lambda links: "V-1" not in links)
    asked(office, "resync", failed["sync_id"])
    created_anew(office, "V-1", first, failed)


def test_clear_id_and_resync_at_once(office: Office) -> None:
    first, failed = changed_after_deletion(office, "V-2")
    asked(office, "clear-id", failed["sync_id"], why="Deleted by mistake", resync=True)
    created_anew(office, "V-2", first, failed)


TAKEN = {"desktop": "3100", "online": "6240"}


def add_customer_by_hand(office: Office, name: str) -> None:
    """Somebody makes a customer in QuickBooks itself; nobody has read it yet."""
    if office.edition == "online":
        path = f"/control/companies/{office.realm}/Customer"
        record = {"DisplayName": name}
        office.system.call("POST", "online", path, {"action": "create", "record": record})
        return
    request = f"<CustomerAddRq><CustomerAdd><Name>{name}</Name></CustomerAdd></CustomerAddRq>"
    answer = office.system.http.post(
        f"{office.system.url('desktop')}/companies/{office.tenant}/qbxml", content=QBXML.format(request)
    )
    assert 'statusCode="0"' in answer.text, answer.text


def test_a_name_that_is_taken_is_linked_to_its_owner(office: Office) -> None:
    """3100 and 6240: what QuickBooks holds is shown, linked, and what differs is reviewed as an update."""
    office.put(customer("C-9", "Elm House", email="office@elm.example"))
    add_customer_by_hand(office, "Elm House")
    rows = [row for row in office.review() if row["app_id"] == "C-9"]
    checked = [{"id": row["id"], "revision": row["revision"], "choice": "create"} for row in rows]
    office.system.call("POST", "wizard", f"{office.api}/review/approve", {"checked": checked})
    office.sync()
    failed = office.settled("C-9", "failed")
    assert failed["code"] == TAKEN[office.edition]
    (entry,) = unsynced(office, "C-9")
    assert "link" in entry["guidance"]["actions"]
    path = f"{office.api}/unsynced/{failed['sync_id']}/look-up"

    def look() -> Json:
        found: Json = office.system.call("POST", "log", path)
        return found

    found = eventually(look, lambda one: bool(one["found"]))
    (owner,) = found["found"]
    assert (owner["kind"], owner["label"], owner["refusal"]) == ("customer", "Elm House", "")
    if office.edition == "desktop":  # QuickBooks itself is asked in the next run
        assert found["pending"]
        office.sync()
    eventually(look, lambda one: (one["source"], one["pending"]) == ("quickbooks", False))
    body = {"sync_id": failed["sync_id"], "quickbooks_id": owner["quickbooks_id"], "why": "The same"}
    linked: Json = office.system.call("POST", "log", f"{office.api}/unsynced/link", body)
    assert linked["asked"] == [failed["sync_id"]]
    eventually(office.links, lambda links: links.get("C-9") == ("customer", owner["quickbooks_id"]))
    eventually(lambda: unsynced(office, "C-9"), lambda left: left == [])
    (row,) = eventually(
        lambda: [row for row in office.review() if row["app_id"] == "C-9"], lambda rows: len(rows) == 1
    )
    assert row["operation"] == "update"
    assert [change["field"] for change in row["changes"]] == ["email"]
    office.approve("C-9")
    newer(office, "C-9", failed)
    office.sync()
    assert office.settled("C-9")["quickbooks_id"] == owner["quickbooks_id"]
    named = [one for one in office.books("customers") if "Elm House" in str(one)]
    assert len(named) == 1
    assert "office@elm.example" in str(named)


def test_a_total_that_quickbooks_computes_differently_is_shown(office: Office) -> None:
    """The app charged a tax; this company does not use sales tax."""
    office.put(invoice("V-3", "C-1", "I-1", total="257.50", tax_total="20.00"))
    assert office.approve("V-3")["approved"] == 1
    office.sync()
    done = office.settled("V-3")
    (warning,) = done["warnings"]
    assert warning["code"] == "QS-TOTAL-DIFFERS"
    assert "257.50" in warning["message"]
    assert "237.50" in warning["message"]
    (entry,) = unsynced(office, "V-3")
    assert entry["unsynced"] == "needs_you"
    assert entry["guidance"]["code"] == "QS-TOTAL-DIFFERS"
    assert entry["guidance"]["steps"]
