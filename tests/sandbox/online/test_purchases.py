"""Bills, purchase orders and time activities."""

from decimal import Decimal
from typing import Any

import pytest
from tests.sandbox.online.office import Office, ref

from qbsync_local.sandbox.online.jsonio import Json


@pytest.fixture
def clearline(office: Office) -> Json:
    return office.create("Vendor", DisplayName="Clearline")


def cost(office: Office, amount: str, **more: Any) -> Json:
    detail = {"AccountRef": office.account("Supplies"), **more}
    return {
        "DetailType": "AccountBasedExpenseLineDetail",
        "Amount": Decimal(amount),
        "AccountBasedExpenseLineDetail": detail,
    }


def test_a_bill_adds_up_and_is_owed(office: Office, clearline: Json) -> None:
    net = office.create("Term", Name="Net 10", DueDays=10)
    bill = office.create(
        "Bill",
        VendorRef=ref(clearline),
        Line=[cost(office, "10.10"), cost(office, "5")],
        SalesTermRef=ref(net),
    )
    assert (bill["TotalAmt"], bill["Balance"], bill["DueDate"]) == (
        Decimal("15.10"),
        Decimal("15.10"),
        "2026-11-12",
    )
    assert bill["APAccountRef"]["name"] == "Accounts Payable (A/P)"
    assert office.read("Vendor", clearline["Id"])["Balance"] == Decimal("15.10")


def test_a_sparse_update_of_a_bill_needs_its_vendor(office: Office, clearline: Json) -> None:
    bill = office.create("Bill", VendorRef=ref(clearline), Line=[cost(office, "1")])
    assert office.refused_change("Bill", bill, PrivateNote="x").element == "VendorRef"
    assert office.update("Bill", bill, PrivateNote="x", VendorRef=ref(clearline))["SyncToken"] == "1"
    assert office.refused_change("Bill", bill, "void").code == "500"


def test_a_purchase_order_is_open(office: Office, clearline: Json) -> None:
    order = office.create("PurchaseOrder", VendorRef=ref(clearline), DocNumber="41", Line=[cost(office, "7")])
    assert (order["POStatus"], order["TotalAmt"]) == ("Open", Decimal(7))
    assert (
        office.refused(
            "PurchaseOrder", VendorRef=ref(clearline), DocNumber="41", Line=[cost(office, "7")]
        ).code
        == "6140"
    )
    office.delete("PurchaseOrder", order)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"Amount": 1}, "2020"),
        ({"Amount": 1, "DetailType": "SalesItemLineDetail"}, "5030"),
        ({"Amount": 1, "DetailType": "AccountBasedExpenseLineDetail"}, "6440"),
        (
            {
                "DetailType": "AccountBasedExpenseLineDetail",
                "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "1"}},
            },
            "2020",
        ),
    ],
)
def test_what_a_purchase_line_refuses(office: Office, clearline: Json, line: Json, code: str) -> None:
    assert office.refused("Bill", VendorRef=ref(clearline), Line=[line]).code == code


def test_billable_needs_a_customer(office: Office, clearline: Json) -> None:
    def refuse(**more: Any) -> str:
        return office.refused("Bill", VendorRef=ref(clearline), Line=[cost(office, "1", **more)]).code

    assert refuse(BillableStatus="Billable") == "6310"
    assert refuse(BillableStatus="HasBeenBilled") == "2170"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Hours": 2}, None),
        ({"StartTime": "2026-11-02T08:00:00-08:00", "EndTime": "2026-11-02T10:00:00-08:00"}, None),
        ({}, "6350"),
        ({"Hours": 2, "StartTime": "2026-11-02T08:00:00"}, "6390"),
        ({"Minutes": 75}, "6380"),
        ({"StartTime": "2026-11-02T08:00:00"}, "6360"),
        ({"StartTime": "2026-11-02T08:00:00", "EndTime": "2026-11-02T08:00:00Z"}, "6360"),
        ({"StartTime": "2026-11-02T08:00:00", "EndTime": "2026-11-02T07:00:00"}, "6370"),
        ({"Hours": 1, "BillableStatus": "HasBeenBilled"}, "2170"),
        ({"Hours": 1, "BillableStatus": "Billable"}, "6310"),
        ({"Hours": 1, "NameOf": "Vendor"}, "6290"),
        ({"Hours": 1, "NameOf": "Other"}, "6300"),
        ({"Hours": 1, "EmployeeRef": {"value": "99"}}, "2500"),
    ],
)
def test_time(office: Office, body: Json, code: str | None) -> None:
    tess = office.create("Employee", GivenName="Tess", FamilyName="Marchetto")
    record = {"NameOf": "Employee", "EmployeeRef": ref(tess)} | body
    if code is None:
        shown = office.create("TimeActivity", **record)
        assert shown["TxnDate"] == "2026-11-02"
        office.delete("TimeActivity", shown)
    else:
        assert office.refused("TimeActivity", **record).code == code
