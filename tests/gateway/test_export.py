"""Approved exports, end to end against the simulated QuickBooks."""

from decimal import Decimal

from tests.gateway.desktop import Desktop
from tests.gateway.records import customer, invoice, item, job, line, vendor


async def test_an_approved_customer_arrives_in_quickbooks(desktop: Desktop) -> None:
    sync_id = await desktop.approve(customer())

    report = await desktop.run()

    assert report.outcome == "finished", report.message
    assert desktop.customers() == ["Oak & Sons"]
    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert list(await desktop.links()) == ["C-17"]
    assert (await desktop.said("session", "ended"))[-1]["succeeded"] == 1
    assert report.progress[-1] == 100


async def test_references_are_sent_before_what_refers_to_them(desktop: Desktop) -> None:
    syncs = [
        await desktop.approve(entity)
        for entity in (invoice(job={"app_id": "J-1"}), job(), item(), customer(), vendor())
    ]

    await desktop.run()

    assert set((await desktop.states()).values()) == {"succeeded"}
    assert len(await desktop.links()) == len(syncs)
    assert desktop.customers() == ["Oak & Sons", "Oak & Sons:Front yard"]
    (found,) = desktop.records(
        "<InvoiceQueryRq><IncludeLineItems>true</IncludeLineItems></InvoiceQueryRq>", "InvoiceRet"
    )
    assert found.findtext("CustomerRef/FullName") == "Oak & Sons:Front yard"
    assert found.findtext("Memo") == "North gate"
    assert found.findtext("CustomerMsgRef/FullName") == "Thank you"
    assert found.findtext("InvoiceLineRet/SalesTaxCodeRef/FullName") == "Non"
    assert Decimal(found.findtext("Subtotal") or "0") == Decimal("237.50")


async def test_an_update_sends_only_what_differs(desktop: Desktop) -> None:
    await desktop.approve(customer())
    await desktop.run()
    sync_id = await desktop.approve(
        customer(phone="555-0199", email=None), "update", fields=["phone", "email"]
    )

    await desktop.run()

    (found,) = desktop.records("<CustomerQueryRq/>", "CustomerRet")
    assert found.findtext("Phone") == "555-0199"
    assert found.findtext("Email") is None
    assert found.findtext("BillAddress/City") == "Salem"
    row = await desktop.sync(sync_id)
    assert row["state"] == "succeeded", row


async def test_lines_are_matched_by_line_id_and_keep_quickbooks_own_id(desktop: Desktop) -> None:
    for entity in (customer(), item(), item("I-4", "Mulching")):
        await desktop.approve(entity)
    first, second = line("a", "1", "95.00", "95.00"), line("b", "2", "10.00", "20.00", item="I-4")
    await desktop.approve(invoice(lines=[first, second]))
    await desktop.run()
    query = "<InvoiceQueryRq><IncludeLineItems>true</IncludeLineItems></InvoiceQueryRq>"
    (before,) = desktop.records(query, "InvoiceRet")
    old = {r.findtext("Desc"): r.findtext("TxnLineID") for r in before.findall("InvoiceLineRet")}

    third = line("c", "3", "5.00", "15.00")
    changed = line("b", "4", "10.00", "40.00", item="I-4")
    await desktop.approve(invoice(lines=[third, changed, first], revision="3"), "update", fields=["lines"])
    report = await desktop.run()

    (after,) = desktop.records(query, "InvoiceRet")
    lines = after.findall("InvoiceLineRet")
    assert [r.findtext("Desc") for r in lines] == ["Line c", "Line b", "Line a"], report
    assert lines[1].findtext("TxnLineID") == old["Line b"]
    assert lines[2].findtext("TxnLineID") == old["Line a"]
    assert lines[1].findtext("Quantity") in ("4", "4.00")
    assert Decimal(after.findtext("Subtotal") or "0") == Decimal("150.00")

    await desktop.approve(
        invoice(lines=[third, changed, first], memo="South gate", revision="4"), "update", fields=["memo"]
    )
    await desktop.run()
    (last,) = desktop.records(query, "InvoiceRet")
    assert len(last.findall("InvoiceLineRet")) == 3
    assert last.findtext("Memo") == "South gate"


async def test_items_in_their_three_forms(desktop: Desktop) -> None:
    await desktop.approve(item())
    await desktop.approve(
        item(
            "I-5",
            "Gravel",
            type="non_inventory",
            sku="GR-1",
            purchase_cost="12.50",
            expense_account={"name": "Cost of Goods Sold"},
        )
    )
    await desktop.approve(item("I-6", "Fuel charge", type="other_charge", unit_price="5.00"))
    await desktop.run()
    assert set((await desktop.states()).values()) == {"succeeded"}, [
        await desktop.sync(s) for s in await desktop.states()
    ]

    await desktop.approve(item(unit_price="99.00", revision="2"), "update", fields=["unit_price"])
    await desktop.approve(item("I-6", "Fuel charge", type="other_charge", active=False), "deactivate")
    await desktop.run()
    (service,) = desktop.records(
        "<ItemServiceQueryRq><FullName>Hedge Care</FullName></ItemServiceQueryRq>", "ItemServiceRet"
    )
    assert service.findtext("SalesOrPurchase/Price") == "99.00"
    assert service.findtext("SalesOrPurchase/Desc") == "Hedges, per hour"
    assert set((await desktop.states()).values()) == {"succeeded"}


async def test_a_failed_record_does_not_hold_up_the_others(desktop: Desktop) -> None:
    await desktop.approve(customer())
    await desktop.run()
    taken = await desktop.approve(customer("C-18"))
    good = await desktop.approve(customer("C-19", "Elm & Co"))
    too_long = await desktop.approve(customer("C-20", "N" * 42))
    foreign = await desktop.approve(customer("C-21", "Дуб"))

    report = await desktop.run()

    assert report.outcome == "finished"
    rows = [await desktop.sync(sync_id) for sync_id in (taken, good, too_long, foreign)]
    assert [row["code"] for row in rows] == ["3100", None, "QS-INVALID", "QS-INVALID"]
    assert "41" in rows[2]["message"]
    assert "Д" in rows[3]["message"]


async def test_a_total_that_quickbooks_computes_differently_is_told(desktop: Desktop) -> None:
    for entity in (customer(), item()):
        await desktop.approve(entity)
    sync_id = await desktop.approve(invoice(total="240.00"))
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("succeeded", "QS-TOTAL-DIFFERS")
    assert "240.00" in row["message"]
    assert "237.50" in row["message"]


async def test_latin_characters_survive(desktop: Desktop) -> None:
    await desktop.approve(customer(name="Café Zoë & Öl <1>"))
    await desktop.run()
    assert desktop.customers() == ["Café Zoë & Öl <1>"]
    assert (await desktop.said("link", "created"))[0]["returned"]["name"] == "Café Zoë & Öl <1>"


async def test_a_thousand_customers_need_few_round_trips(desktop: Desktop) -> None:
    for number in range(1_000):
        await desktop.approve(customer(f"C-{number}", f"Customer {number}"))
    report = await desktop.run()
    assert report.outcome == "finished"
    assert report.round_trips <= 12
    assert set((await desktop.states()).values()) == {"succeeded"}
    assert report.progress == sorted(report.progress)


async def test_void_and_delete(desktop: Desktop) -> None:
    for entity in (customer(), item(), invoice(), invoice("V-2")):
        await desktop.approve(entity)
    await desktop.run()
    void = await desktop.approve(invoice(), "void")
    delete = await desktop.approve(invoice("V-2"), "delete")
    await desktop.run()
    rows = [await desktop.sync(sync_id) for sync_id in (void, delete)]
    assert [row["state"] for row in rows] == ["succeeded", "succeeded"], rows
    (left,) = desktop.records("<InvoiceQueryRq/>", "InvoiceRet")
    assert Decimal(left.findtext("Subtotal") or "1") == 0
