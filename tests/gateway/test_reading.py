"""What is read of transactions: payments are imported, changes and deletions of what was exported are watched."""

from datetime import timedelta
from typing import Any

import pytest

from qbsync_local.sandbox.desktop.seeding import run_requests
from qbsync_qbwc_gateway.soap import envelope
from qbsync_shared.messages import EntityApplied
from tests.gateway.desktop import TENANT, Desktop
from tests.gateway.records import (
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

LISTS = {"account", "class", "term", "tax_code", "payment_method"}


async def told(desktop: Desktop, kind: str) -> list[dict[str, Any]]:
    return [one for one in await desktop.said("entity", "changed") if one["kind"] == kind]


async def later(desktop: Desktop) -> None:
    desktop.clock.advance(timedelta(minutes=5))
    report = await desktop.run()
    assert report.outcome == "finished", report.message


def receive(desktop: Desktop, invoice_id: str, amount: str) -> None:
    """Somebody receives a payment in QuickBooks."""
    request = (
        "<ReceivePaymentAddRq><ReceivePaymentAdd><CustomerRef><FullName>Oak &amp; Sons</FullName></CustomerRef>"
        f"<RefNumber>CK-7</RefNumber><TotalAmount>{amount}</TotalAmount>"
        f"<AppliedToTxnAdd><TxnID>{invoice_id}</TxnID><PaymentAmount>{amount}</PaymentAmount></AppliedToTxnAdd>"
        "</ReceivePaymentAdd></ReceivePaymentAddRq>"
    )
    text = run_requests(desktop.company, [request])
    assert 'statusCode="0"' in text, text


async def test_a_payment_received_in_quickbooks_is_imported_with_its_invoice(desktop: Desktop) -> None:
    for entity in (customer(), item(), invoice()):
        await desktop.approve(entity)
    await desktop.run()
    links = await desktop.links()
    receive(desktop, links["V-1042"], "100.00")
    await later(desktop)
    (news,) = await told(desktop, "payment")
    assert not news["for_matching"]
    assert news["entity"]["applied"] == [
        {
            "invoice": {"app_id": "V-1042", "quickbooks_id": links["V-1042"], "name": "1042"},
            "amount": "100.00",
        }
    ]
    assert news["entity"]["customer"]["app_id"] == "C-17"

    sync_id = await desktop.approve(
        news["entity"],
        "create",
        direction="import",
        app_id=None,
        quickbooks_id=news["quickbooks_id"],
        fields=["amount"],
    )
    await later(desktop)
    (imported,) = await desktop.said("entity", "imported")
    assert imported["sync_id"] == sync_id
    answer = EntityApplied(
        id=desktop.make_id(),
        tenant=TENANT,
        occurred_at=desktop.clock.now(),
        sync_id=sync_id,
        app_id="P-9",
        revision="1",
    )
    async with desktop.database.tenant(TENANT) as connection:
        await desktop.gateway.keeper.applied(connection, answer)
    assert (await desktop.links())["P-9"] == news["quickbooks_id"]


async def test_own_documents_do_not_come_back_and_later_changes_do(desktop: Desktop) -> None:
    everything = (
        customer(), vendor(), item(), invoice(), sale("estimate", "E-1"), sale("sales_receipt", "S-1"),
        sale("credit_memo", "M-1"), payment(applied={"V-1042": "100.00"}), time_entry(),
        purchase("purchase_order", "PO-1", [line("1", "1", "2.00", "2.00")]),
        purchase("bill", "B-1", [by_account("1", "2.00"), line("2", "1", "2.00", "2.00")]),
    )  # fmt: skip
    for entity in everything:
        await desktop.approve(entity)
    await desktop.run()
    assert set((await desktop.states()).values()) == {"succeeded"}
    before = len(await desktop.said("entity", "changed"))
    await later(desktop)
    news = (await desktop.said("entity", "changed"))[before:]
    assert news == []

    estimate = (await desktop.links())["E-1"]
    run_requests(
        desktop.company,
        [f"<TxnDelRq><TxnDelType>Estimate</TxnDelType><TxnID>{estimate}</TxnID></TxnDelRq>"],
    )
    await later(desktop)
    (gone,) = await told(desktop, "estimate")
    assert (gone["deleted"], gone["app_id"]) == (True, "E-1")


async def test_what_is_older_than_the_connection_is_told_for_matching_only(desktop: Desktop) -> None:
    await desktop.run()
    now = desktop.clock.now()
    desktop.clock.advance(timedelta(days=-400))
    run_requests(
        desktop.company, ["<CustomerAddRq><CustomerAdd><Name>Old Pine</Name></CustomerAdd></CustomerAddRq>"]
    )
    desktop.clock.advance(now - desktop.clock.now())
    async with desktop.database.tenant(TENANT) as connection:
        await connection.execute("delete from import_cursor")
    run_requests(
        desktop.company, ["<CustomerAddRq><CustomerAdd><Name>New Pine</Name></CustomerAdd></CustomerAddRq>"]
    )
    await later(desktop)
    known = {one["entity"]["name"]: one["for_matching"] for one in await told(desktop, "customer")}
    assert known == {"Old Pine": True, "New Pine": False}


async def test_several_long_lists_are_read_whole_with_few_iterators_open(desktop: Desktop) -> None:
    """QuickBooks drops an iterator when too many are open; each list goes on alone, and none is given up."""
    many = range(450)
    run_requests(
        desktop.company,
        [f"<CustomerAddRq><CustomerAdd><Name>C {n}</Name></CustomerAdd></CustomerAddRq>" for n in many]
        + [f"<VendorAddRq><VendorAdd><Name>V {n}</Name></VendorAdd></VendorAddRq>" for n in many],
    )
    account = "<AccountRef><FullName>Landscaping Services</FullName></AccountRef>"
    work = f"<Name>Work</Name><SalesOrPurchase><Price>1.00</Price>{account}</SalesOrPurchase>"
    run_requests(
        desktop.company, [f"<ItemServiceAddRq><ItemServiceAdd>{work}</ItemServiceAdd></ItemServiceAddRq>"]
    )
    for kind in ("Invoice", "SalesReceipt", "CreditMemo", "Estimate"):
        work = "<ItemRef><FullName>Work</FullName></ItemRef><Amount>1.00</Amount>"
        line = f"<{kind}LineAdd>{work}</{kind}LineAdd>"
        customer = "<CustomerRef><FullName>C 1</FullName></CustomerRef>"
        run_requests(
            desktop.company,
            [f"<{kind}AddRq><{kind}Add>{customer}{line}</{kind}Add></{kind}AddRq>" for _ in range(250)],
        )
    report = await desktop.run()
    assert report.outcome == "finished"
    assert (await seen(desktop)).items() >= {"customer": 450, "invoice": 250, "credit_memo": 250}.items()

    desktop.clock.advance(timedelta(hours=3))
    await desktop.run()  # looks once more whether anything older was missed
    desktop.clock.advance(timedelta(hours=3))
    assert (await desktop.run()).round_trips == 1

    for start in (0, 250):  # more than a page changed in each
        run_requests(
            desktop.company,
            [
                f"<CustomerAddRq><CustomerAdd><Name>D {n + start}</Name></CustomerAdd></CustomerAddRq>"
                for n in range(250)
            ]
            + [
                f"<VendorAddRq><VendorAdd><Name>W {n + start}</Name></VendorAdd></VendorAddRq>"
                for n in range(250)
            ],
        )
    await desktop.run()
    assert (await seen(desktop)).items() >= {"customer": 950}.items()


async def seen(desktop: Desktop) -> dict[str, int]:
    async with desktop.database.tenant(desktop.tenant) as connection:
        rows = await connection.fetch("select kind, count(*) from seen_entity group by kind")
    return {row["kind"]: row["count"] for row in rows}


async def test_an_answer_that_is_too_long_is_asked_for_in_smaller_parts(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Documents with many lines may come to more than the service takes in one body; the import goes on all the same."""
    run_requests(
        desktop.company,
        [f"<CustomerAddRq><CustomerAdd><Name>C {n}</Name></CustomerAdd></CustomerAddRq>" for n in range(150)],
    )
    monkeypatch.setattr(envelope, "MAX_BYTES", 60_000)
    outcomes = []
    while "finished" not in outcomes:
        desktop.clock.advance(timedelta(minutes=5))
        outcomes.append((await desktop.run()).outcome)
        assert len(outcomes) < 8, outcomes
    assert len(outcomes) > 1, "one answer held it all: the limit of this test is too high"
    assert (await seen(desktop))["customer"] == 150
    desktop.clock.advance(timedelta(minutes=5))
    monkeypatch.undo()
    assert (await desktop.run()).round_trips == 1, "the pages stayed small"
