"""Every kind of transaction, end to end against the simulated QuickBooks: made, changed, voided, deleted."""

from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from tests.gateway.desktop import Desktop
from tests.gateway.records import (
    Json,
    by_account,
    customer,
    invoice,
    item,
    line,
    payment,
    purchase,
    sale,
    time_entry,
    vendor,
)


def records(desktop: Desktop, element: str) -> list[etree._Element]:
    lines = "" if element == "TimeTracking" else "<IncludeLineItems>true</IncludeLineItems>"
    return desktop.records(f"<{element}QueryRq>{lines}</{element}QueryRq>", f"{element}Ret")


async def known(desktop: Desktop) -> None:
    """A customer, a vendor and two items are in QuickBooks."""
    for entity in (customer(), vendor(), item(), item("I-4", "Mulching")):
        await desktop.approve(entity)
    await desktop.run()
    await succeeded(desktop)


async def succeeded(desktop: Desktop) -> None:
    states = await desktop.states()
    assert set(states.values()) == {"succeeded"}, [
        await desktop.sync(sync_id) for sync_id, state in states.items() if state != "succeeded"
    ]


async def sent(desktop: Desktop, entity: Json, operation: str = "create", **more: Any) -> None:
    """Approve and run; it goes through."""
    await desktop.approve(entity, operation, **more)
    await desktop.run()
    await succeeded(desktop)


@pytest.mark.parametrize(
    ("kind", "element", "void"),
    [
        ("estimate", "Estimate", False),
        ("sales_receipt", "SalesReceipt", True),
        ("credit_memo", "CreditMemo", True),
    ],
)
async def test_a_sale_is_made_changed_and_removed(
    desktop: Desktop, kind: str, element: str, void: bool
) -> None:
    await known(desktop)
    await sent(desktop, sale(kind, "S-1", total="237.50"))
    (before,) = records(desktop, element)
    assert before.findtext("RefNumber") == "S-1"
    assert before.findtext(f"{element}LineRet/SalesTaxCodeRef/FullName") == "Non"
    first_id = before.findtext(f"{element}LineRet/TxnLineID")

    lines = [line("2", "1", "10.00", "10.00", item="I-4"), line("1", "2", "95.00", "190.00")]
    await sent(desktop, sale(kind, "S-1", lines=lines, revision="2"), "update", fields=["lines"])
    (after,) = records(desktop, element)
    assert [one.findtext("Desc") for one in after.findall(f"{element}LineRet")] == ["Line 2", "Line 1"]
    assert after.findall(f"{element}LineRet")[1].findtext("TxnLineID") == first_id
    assert Decimal(after.findtext("TotalAmount") or "0") == Decimal("200.00")

    await sent(desktop, sale(kind, "S-1", lines=lines, memo="South", revision="3"), "update", fields=["memo"])
    (last,) = records(desktop, element)
    assert (last.findtext("Memo"), len(last.findall(f"{element}LineRet"))) == ("South", 2)

    if void:
        await sent(desktop, sale(kind, "S-1", lines=lines), "void")
        (voided,) = records(desktop, element)
        assert Decimal(voided.findtext("TotalAmount") or "1") == 0
    else:
        await sent(desktop, sale(kind, "S-1", lines=lines), "delete")
        assert records(desktop, element) == []


async def test_a_payment_settles_the_invoices_that_it_names_and_no_other(desktop: Desktop) -> None:
    await known(desktop)
    for number in ("V-1", "V-2", "V-3"):
        await desktop.approve(invoice(number))
    await desktop.approve(payment(amount="300.00", applied={"V-2": "237.50", "V-3": "50.00"}))
    await desktop.run()
    await succeeded(desktop)

    assert balances(desktop) == {"1": "237.50", "2": "0.00", "3": "187.50"}
    (held,) = records(desktop, "ReceivePayment")
    assert held.findtext("UnusedPayment") == "12.50"
    assert held.findtext("DepositToAccountRef/FullName") == "Undeposited Funds"

    changed = payment(amount="300.00", applied={"V-1": "200.00", "V-3": "50.00"}, revision="2")
    await sent(desktop, changed, "update", fields=["applied"])
    assert balances(desktop) == {"1": "37.50", "2": "237.50", "3": "187.50"}

    await sent(desktop, payment(revision="3"), "delete")
    assert balances(desktop) == {"1": "237.50", "2": "237.50", "3": "237.50"}
    assert records(desktop, "ReceivePayment") == []


async def test_a_payment_is_not_applied_by_itself(desktop: Desktop) -> None:
    await known(desktop)
    await desktop.approve(invoice("V-1"))
    await sent(desktop, payment(amount="50.00"))
    assert balances(desktop) == {"1": "237.50"}


async def test_a_payment_of_more_than_an_invoice_owes_fails_with_the_reason(desktop: Desktop) -> None:
    await known(desktop)
    await desktop.approve(invoice("V-1"))
    sync_id = await desktop.approve(payment(amount="300.00", applied={"V-1": "300.00"}))
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("failed", "3210")
    assert records(desktop, "ReceivePayment") == []


def balances(desktop: Desktop) -> dict[str, str]:
    return {
        one.findtext("RefNumber") or "": one.findtext("BalanceRemaining") or ""
        for one in records(desktop, "Invoice")
    }


async def test_a_purchase_order_is_made_changed_and_deleted(desktop: Desktop) -> None:
    await known(desktop)
    order = purchase(
        "purchase_order", "PO-7", [line("1", "3", "20.00", "60.00")], vendor_message="Ring twice"
    )
    await sent(desktop, order)
    (before,) = records(desktop, "PurchaseOrder")
    assert (before.findtext("TotalAmount"), before.findtext("VendorMsg")) == ("60.00", "Ring twice")
    lines = [line("1", "3", "20.00", "60.00"), line("2", "1", "5.00", "5.00", item="I-4")]
    changed = purchase("purchase_order", "PO-7", lines, revision="2")
    await sent(desktop, changed, "update", fields=["lines"])
    (after,) = records(desktop, "PurchaseOrder")
    assert after.findtext("TotalAmount") == "65.00"
    first = "PurchaseOrderLineRet/TxnLineID"
    assert after.findtext(first) == before.findtext(first)
    await sent(desktop, changed, "delete")
    assert records(desktop, "PurchaseOrder") == []


async def test_a_purchase_order_by_account_says_what_to_do(desktop: Desktop) -> None:
    await known(desktop)
    sync_id = await desktop.approve(purchase("purchase_order", "PO-8", [by_account("1", "5.00")]))
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["code"], "Name an item" in row["message"]) == ("QS-NOT-SUPPORTED", True)


async def test_a_bill_keeps_its_two_blocks_of_lines(desktop: Desktop) -> None:
    await known(desktop)
    lines = [line("a", "2", "10.00", "20.00"), by_account("b", "15.00"), by_account("c", "5.00")]
    await sent(desktop, purchase("bill", "B-1", lines, total="40.00"))
    (before,) = records(desktop, "Bill")
    assert before.findtext("AmountDue") == "40.00"
    old = {one.findtext("Memo"): one.findtext("TxnLineID") for one in before.findall("ExpenseLineRet")}

    lines = [
        by_account("c", "7.00"),
        line("a", "2", "10.00", "20.00"),
        line("d", "1", "3.00", "3.00", item="I-4"),
    ]
    await sent(desktop, purchase("bill", "B-1", lines, revision="2"), "update", fields=["lines"])
    (after,) = records(desktop, "Bill")
    assert after.findtext("AmountDue") == "30.00"
    assert [one.findtext("TxnLineID") for one in after.findall("ExpenseLineRet")] == [old["Line c"]]
    assert after.findtext("ItemLineRet/TxnLineID") == before.findtext("ItemLineRet/TxnLineID")

    await sent(
        desktop, purchase("bill", "B-1", lines, memo="Paid by card", revision="3"), "update", fields=["memo"]
    )
    assert records(desktop, "Bill")[0].findtext("AmountDue") == "30.00"

    only_items = lines[1:]
    await sent(desktop, purchase("bill", "B-1", only_items, revision="4"), "update", fields=["lines"])
    (last,) = records(desktop, "Bill")
    assert (last.findtext("AmountDue"), last.findall("ExpenseLineRet")) == ("23.00", [])
    await sent(desktop, purchase("bill", "B-1", only_items), "void")
    assert records(desktop, "Bill")[0].findtext("AmountDue") == "0.00"


async def test_time_is_kept_to_the_minute(desktop: Desktop) -> None:
    await known(desktop)
    await sent(desktop, time_entry())
    (held,) = records(desktop, "TimeTracking")
    assert held.findtext("Duration") == "PT2H30M"
    assert held.findtext("BillableStatus") == "Billable"
    await sent(desktop, time_entry(hours="0.75", revision="2"), "update", fields=["hours"])
    (held,) = records(desktop, "TimeTracking")
    assert held.findtext("Duration") == "PT0H45M"
    assert held.findtext("Notes") == "Oaks in front"
    await sent(desktop, time_entry(), "delete")
    assert records(desktop, "TimeTracking") == []


async def test_inventory_and_discount_items(desktop: Desktop) -> None:
    accounts = {
        "expense_account": {"name": "Cost of Goods Sold"},
        "asset_account": {"name": "Inventory Asset"},
    }
    await sent(desktop, item("I-8", "Edging stone", type="inventory", sku="ES-1", **accounts))
    await sent(desktop, item("I-9", "Early bird", type="discount", unit_price="10.00"))
    changed = item("I-8", "Edging stone", type="inventory", unit_price="4.00", revision="2", **accounts)
    await sent(desktop, changed, "update", fields=["unit_price"])
    await sent(desktop, changed, "deactivate")
    (stone,) = desktop.records(
        "<ItemInventoryQueryRq><ActiveStatus>All</ActiveStatus></ItemInventoryQueryRq>", "ItemInventoryRet"
    )
    assert (stone.findtext("SalesPrice"), stone.findtext("IsActive")) == ("4.00", "false")
    assert Decimal(stone.findtext("QuantityOnHand") or "0") == 0
    lacking = await desktop.approve(item("I-10", "Slate", type="inventory"))
    await desktop.run()
    row = await desktop.sync(lacking)
    assert "asset account" in row["message"]
