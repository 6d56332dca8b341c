"""Every kind from its approval into QuickBooks Online and back: made, changed, and taken away as the matrix says."""

from datetime import timedelta
from decimal import Decimal

import pytest

from qbsync_shared.kinds import Edition, Kind, Operation, rules
from tests.worker.desk import Desk, Json, customer, invoice, item

VENDOR = {"kind": "vendor", "app_id": "N-1", "revision": "1", "name": "Stone Yard", "account_number": "77-1"}
JOB = {"kind": "job", "app_id": "J-1", "revision": "1", "name": "Back pond", "customer": {"app_id": "C-1"}}
LINE = {
    "line_id": "1",
    "item": {"app_id": "I-1"},
    "description": "Spring opening",
    "quantity": "2.5",
    "unit_price": "95.00",
    "amount": "237.50",
}
TEXT = {"line_id": "2", "description": "Thank you for waiting.", "amount": "0.00"}
SALE = {"customer": {"app_id": "C-1"}, "job": {"app_id": "J-1"}, "lines": [LINE, TEXT], "total": "237.50"}
BOUGHT = {
    "line_id": "1",
    "item": {"app_id": "I-2"},
    "quantity": "4",
    "unit_price": "12.50",
    "amount": "50.00",
}
SPENT = {
    "line_id": "2",
    "account": {"name": "Supplies"},
    "description": "Gloves",
    "amount": "19.90",
    "job": {"app_id": "J-1"},
}
PURCHASE = {"vendor": {"app_id": "N-1"}, "lines": [BOUGHT, SPENT], "due_date": "2026-12-02", "total": "69.90"}
MONEY_BACK = {"method": {"name": "Check"}, "deposit_to": {"name": "Checking"}}


def document(kind: str, **values: object) -> Json:
    head = {
        "kind": kind,
        "app_id": f"{kind}-1",
        "revision": "1",
        "date": "2026-11-02",
        "number": f"{kind[:8]}-1",
    }
    return {**head, **values}


KINDS: dict[str, tuple[Json, Json, dict[str, object]]] = {
    "vendor": (VENDOR | {"app_id": "N-2", "name": "Pipes & Co"}, {"phone": "555-0188"}, {"AcctNum": "77-1"}),
    "job": (JOB | {"app_id": "J-2", "name": "Front pond"}, {"notes": "Gate code"}, {"Job": True}),
    "estimate": (
        document("estimate", **SALE, due_date="2026-12-01"),
        {"memo": "Ring first"},
        {"DueDate": "2026-12-01", "TotalAmt": 237.5},
    ),
    "sales_receipt": (
        document("sales_receipt", **SALE, **MONEY_BACK, reference_number="4711"),
        {"reference_number": "4712"},
        {"TotalAmt": 237.5},
    ),
    "credit_memo": (document("credit_memo", **SALE), {"customer_message": "Sorry"}, {"TotalAmt": 237.5}),
    "refund_receipt": (
        document("refund_receipt", **SALE, **MONEY_BACK),
        {"memo": "Broken pump"},
        {"TotalAmt": 237.5},
    ),
    "payment": (
        document(
            "payment",
            customer={"app_id": "C-1"},
            amount="300.00",
            method={"name": "Check"},
            applied=[
                {"invoice": {"app_id": "V-1"}, "amount": "237.50"},
                {"invoice": {"app_id": "V-2"}, "amount": "50.00"},
            ],
        ),
        {"memo": "By post"},
        {"UnappliedAmt": 12.5, "PaymentRefNum": "payment-1"},
    ),
    "purchase_order": (
        document("purchase_order", **PURCHASE, vendor_message="Deliver early"),
        {"vendor_message": "Deliver late"},
        {"TotalAmt": 69.9, "PrivateNote": None},
    ),
    "bill": (document("bill", **PURCHASE), {"memo": "Checked"}, {"TotalAmt": 69.9, "Balance": 69.9}),
    "time_entry": (
        {
            "kind": "time_entry",
            "app_id": "T-1",
            "revision": "1",
            "date": "2026-11-02",
            "hours": "2.75",
            "vendor": {"app_id": "N-1"},
            "customer": {"app_id": "C-1"},
            "item": {"app_id": "I-1"},
            "billable": True,
            "notes": "Raked",
        },
        {"hours": "3.5"},
        {"Hours": 2, "Minutes": 45, "BillableStatus": "Billable"},
    ),
}
RESOURCES = {
    "vendor": "Vendor",
    "job": "Customer",
    "estimate": "Estimate",
    "sales_receipt": "SalesReceipt",
    "credit_memo": "CreditMemo",
    "refund_receipt": "RefundReceipt",
    "payment": "Payment",
    "purchase_order": "PurchaseOrder",
    "bill": "Bill",
    "time_entry": "TimeActivity",
}


async def arrive(desk: Desk, *entities: Json, **changes: object) -> None:
    syncs = [await desk.approve(one, **changes) for one in entities]
    await desk.run()
    assert [await desk.state(one) for one in syncs] == [("succeeded", None)] * len(syncs)


async def furnish(desk: Desk) -> None:
    """What the documents refer to."""
    stock = item("I-2", type="non_inventory", expense_account={"name": "Supplies"}, purchase_cost="12.50")
    await arrive(desk, customer(), VENDOR, item(), stock)
    await arrive(desk, JOB, invoice(), invoice("V-2"))


async def link_of(desk: Desk, kind: str, app_id: str) -> Json:
    async with desk.database.tenant("clearwater") as connection:
        row = await connection.fetchrow("select * from link where kind = $1 and app_id = $2", kind, app_id)
    assert row is not None
    return dict(row)


def held(desk: Desk, kind: str, quickbooks_id: str) -> Json | None:
    found = [one for one in desk.books(RESOURCES[kind]) if one["Id"] == quickbooks_id]
    return found[0] if found else None


@pytest.mark.parametrize("kind", KINDS)
async def test_a_record_is_made_changed_and_taken_away(desk: Desk, kind: str) -> None:
    entity, change, expected = KINDS[kind]
    await furnish(desk)
    await arrive(desk, entity)
    link = await link_of(desk, kind, entity["app_id"])
    made = held(desk, kind, link["quickbooks_id"])
    assert made is not None
    assert {name: made.get(name) for name in expected} == expected

    await arrive(desk, {**entity, **change}, operation="update", entity_seq=2, fields=tuple(change))
    changed = held(desk, kind, link["quickbooks_id"])
    assert changed is not None
    assert changed["SyncToken"] != made["SyncToken"]
    assert {name: changed.get(name) for name in expected if name not in ("Hours", "Minutes")} == {
        name: value for name, value in expected.items() if name not in ("Hours", "Minutes")
    }
    if kind != "payment":  # its lines are what it is applied to, and have no identity of their own
        lines = [[line.get("Id") for line in one.get("Line", [])] for one in (made, changed)]
        assert lines[0] == lines[1]

    removal = rules(Kind(kind)).deletion[Edition.ONLINE]
    await arrive(desk, entity, operation=removal.value, entity_seq=3)
    left = held(desk, kind, link["quickbooks_id"])
    if removal is Operation.DEACTIVATE:
        assert left is not None
        assert left["Active"] is False
    elif removal is Operation.VOID:
        assert left is not None
        assert (left["TotalAmt"], left["PrivateNote"]) == (0, "Voided")
    else:
        assert left is None
    assert await desk.reader.run("clearwater") == 0, "its own writes came back as news"


async def test_a_payment_settles_what_it_names_and_nothing_else(desk: Desk) -> None:
    await furnish(desk)
    await arrive(desk, KINDS["payment"][0])
    balances = {one["DocNumber"]: Decimal(str(one["Balance"])) for one in desk.books("Invoice")}
    assert balances == {"V-1": Decimal(0), "V-2": Decimal("187.50")}


async def test_an_update_leaves_alone_what_was_done_in_quickbooks(desk: Desk) -> None:
    await furnish(desk)
    payment, time = KINDS["payment"][0], KINDS["time_entry"][0]
    await arrive(desk, payment, time)
    (paid,), (worked,) = desk.books("Payment"), desk.books("TimeActivity")
    numbers = {one["DocNumber"]: one["Id"] for one in desk.books("Invoice")}
    first = {**paid["Line"][0], "Amount": "237.50"}
    second = {"Amount": "62.50", "LinkedTxn": [{"TxnId": numbers["V-2"], "TxnType": "Invoice"}]}
    desk.by_hand("Payment", "update", id=paid["Id"], record={"Line": [first, second]})
    desk.by_hand("TimeActivity", "update", id=worked["Id"], record={"BillableStatus": "NotBillable"})
    update = {"operation": "update", "entity_seq": 2}
    await arrive(desk, {**payment, "memo": "By post"}, **update, fields=("memo",))
    await arrive(desk, {**time, "notes": "Raked twice"}, **update, fields=("notes",))
    (paid,), (worked,) = desk.books("Payment"), desk.books("TimeActivity")
    assert (paid["PrivateNote"], paid["UnappliedAmt"], len(paid["Line"])) == ("By post", 0, 2)
    assert (worked["Description"], worked["BillableStatus"]) == ("Raked twice", "NotBillable")


async def test_what_quickbooks_demands_and_the_record_lacks_is_said_before_it_is_sent(desk: Desk) -> None:
    await furnish(desk)
    refund = {key: value for key, value in KINDS["refund_receipt"][0].items() if key != "deposit_to"}
    nobody = {key: value for key, value in KINDS["time_entry"][0].items() if key != "vendor"}
    syncs = [await desk.approve(one) for one in (refund, nobody)]
    await desk.run()
    assert [await desk.state(one) for one in syncs] == [("failed", "QS-INVALID")] * 2
    said = {one["kind"]: one["message"] for one in await desk.said("sync.failed")}
    assert "account" in said["refund_receipt"]
    assert "who worked" in said["time_entry"]
    assert desk.books("RefundReceipt") == desk.books("TimeActivity") == []


@pytest.mark.parametrize("kind", ["sales_receipt", "payment", "bill", "time_entry"])
async def test_a_lost_answer_is_found_by_looking_after_a_day(desk: Desk, kind: str) -> None:
    await furnish(desk)
    entity = KINDS[kind][0]
    if kind == "bill":
        entity = {key: value for key, value in entity.items() if key != "number"}
    desk.trouble("lose_answer", entity=RESOURCES[kind], operation="create")
    sync = await desk.approve(entity)
    await desk.run()
    assert await desk.state(sync) == ("in_flight", "QS-IN-DOUBT")
    desk.clock.advance(timedelta(hours=25))
    await desk.run("two")
    assert await desk.state(sync) == ("succeeded", None)
    assert len(desk.requests(entity=RESOURCES[kind], operation="create")) == 1


async def test_employees_and_vendors_and_payments_of_quickbooks_are_offered_for_import(desk: Desk) -> None:
    await furnish(desk)
    desk.by_hand("Employee", "create", record={"GivenName": "Ines", "FamilyName": "Calloway"})
    desk.by_hand("Vendor", "create", record={"DisplayName": "Hillside Trucking"})
    job = next(one for one in desk.books("Customer") if one.get("ParentRef"))
    desk.by_hand("Payment", "create", record={"CustomerRef": {"value": job["Id"]}, "TotalAmt": 20})
    await desk.reader.run("clearwater")
    news = {
        one["kind"]: one["entity"] for one in await desk.said("entity.changed") if not one.get("for_matching")
    }
    assert news["employee"]["name"] == "Ines Calloway"
    assert news["vendor"]["name"] == "Hillside Trucking"
    assert news["payment"]["job"]["app_id"] == "J-1"
    assert news["payment"]["amount"] == "20.00"
