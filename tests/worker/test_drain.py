"""From an approval into the simulated QuickBooks Online, once, whatever goes wrong on the way."""

from datetime import timedelta

import pytest

from qbsync_qbo_worker.postgres.calls import QUERIES
from tests.shared.databases import assert_queries_prepare
from tests.worker.desk import Desk, customer, invoice, item
from tests.worker.dying import Killed

CREATES = [("Customer", customer())]


async def test_a_customer_an_item_and_an_invoice_arrive_and_are_linked(desk: Desk) -> None:
    syncs = [await desk.approve(one) for one in (invoice(), customer(), item())]
    await desk.run()
    assert [await desk.state(one) for one in syncs] == [("succeeded", None)] * 3
    (made,) = desk.books("Invoice")
    assert made["DocNumber"] == "V-1"
    assert made["TotalAmt"] == 237.5
    line = made["Line"][0]["SalesItemLineDetail"]
    assert line["TaxCodeRef"]["value"] == "NON"
    assert len(await desk.said("link.created")) == 3


async def test_an_update_sends_only_what_differs_and_keeps_the_rest(desk: Desk) -> None:
    await desk.approve(customer(phone="555-0100", email="office@pond.example"))
    await desk.run()
    changed = customer(phone="555-0199", email="office@pond.example")
    sync = await desk.approve(changed, operation="update", entity_seq=2)
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)
    (held,) = desk.books("Customer")
    assert held["PrimaryPhone"]["FreeFormNumber"] == "555-0199"
    assert held["PrimaryEmailAddr"]["Address"] == "office@pond.example"


async def test_an_invoice_keeps_its_line_over_an_update(desk: Desk) -> None:
    for one in (customer(), item(), invoice()):
        await desk.approve(one)
    await desk.run()
    (before,) = desk.books("Invoice")
    more = invoice(total="475.00")
    more["lines"] = [{**more["lines"][0], "quantity": "5", "amount": "475.00"}]
    await desk.approve(more, operation="update", entity_seq=2)
    await desk.run()
    (after,) = desk.books("Invoice")
    assert after["TotalAmt"] == 475
    assert after["Line"][0]["Id"] == before["Line"][0]["Id"]


async def test_a_taken_name_fails_with_6240_and_quickbooks_own_words(desk: Desk) -> None:
    desk.by_hand("Vendor", "create", record={"DisplayName": "Pond C-1"})
    sync = await desk.approve(customer())
    other = await desk.approve(customer("C-2"))
    await desk.run()
    assert await desk.state(sync) == ("failed", "6240")
    assert await desk.state(other) == ("succeeded", None)
    (failed,) = await desk.said("sync.failed")
    assert "name" in failed["message"].lower()
    assert failed["technical"]["http_status"] == 400


@pytest.mark.parametrize("effect", ["lose_answer", "error_after"])
async def test_a_lost_answer_is_settled_by_the_same_bytes_under_the_same_id(desk: Desk, effect: str) -> None:
    desk.trouble(effect, entity="Customer", operation="create")
    sync = await desk.approve(customer())
    await desk.run()
    assert await desk.state(sync) == ("in_flight", "QS-IN-DOUBT")
    desk.clock.advance(timedelta(seconds=5))
    await desk.run("two")
    assert await desk.state(sync) == ("succeeded", None)
    assert len(desk.books("Customer")) == 1
    calls = desk.requests(entity="Customer", operation="create")
    assert len(calls) == 2
    assert len({call["request_id"] for call in calls}) == 1


async def test_a_doubt_older_than_a_day_is_looked_up_and_never_sent_again(desk: Desk) -> None:
    desk.trouble("lose_answer", entity="Customer", operation="create")
    sync = await desk.approve(customer())
    await desk.run()
    desk.clock.advance(timedelta(hours=25))
    await desk.run("two")
    assert await desk.state(sync) == ("succeeded", None)
    assert len(desk.requests(entity="Customer", operation="create")) == 1


async def test_a_stale_token_is_read_again_and_repeated_where_nothing_approved_changed(desk: Desk) -> None:
    await desk.approve(customer(phone="555-0100"))
    await desk.run()
    (held,) = desk.books("Customer")
    desk.by_hand("Customer", "update", id=held["Id"], record={"Notes": "Gate code on file"})
    sync = await desk.approve(customer(phone="555-0111"), operation="update", entity_seq=2)
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)
    (after,) = desk.books("Customer")
    assert after["Notes"] == "Gate code on file"
    assert after["PrimaryPhone"]["FreeFormNumber"] == "555-0111"


async def test_a_stale_token_goes_back_for_review_where_an_approved_field_changed(desk: Desk) -> None:
    await desk.approve(customer(phone="555-0100"))
    await desk.run()
    (held,) = desk.books("Customer")
    desk.by_hand("Customer", "update", id=held["Id"], record={"PrimaryPhone": {"FreeFormNumber": "555-0122"}})
    sync = await desk.approve(customer(phone="555-0111"), operation="update", entity_seq=2)
    await desk.run()
    assert await desk.state(sync) == ("cancelled", "QS-CHANGED-IN-QUICKBOOKS")
    (after,) = desk.books("Customer")
    assert after["PrimaryPhone"]["FreeFormNumber"] == "555-0122"
    assert (await desk.said("entity.changed"))[-1]["entity"]["phone"] == "555-0122"


async def test_throttling_rests_the_realm_and_charges_no_attempt(desk: Desk) -> None:
    desk.trouble("throttle", operation="create")
    sync = await desk.approve(customer())
    await desk.run()
    assert await desk.state(sync) == ("pending", None)
    assert not await desk.drain.run("clearwater")
    desk.clock.advance(timedelta(seconds=61))
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)
    (done,) = await desk.said("sync.succeeded")
    assert done["attempt"] == 1


async def test_an_expired_access_token_is_refreshed_once_and_the_call_repeated(desk: Desk) -> None:
    desk.control.post(f"/companies/{desk.realm}/tokens/expire")
    syncs = [await desk.approve(customer(f"C-{n}")) for n in range(6)]
    await desk.run()
    assert {await desk.state(one) for one in syncs} == {("succeeded", None)}
    assert len(desk.books("Customer")) == 6


async def test_a_disconnected_company_keeps_the_work_pending_and_says_so(desk: Desk) -> None:
    desk.control.post(f"/companies/{desk.realm}/disconnect")
    sync = await desk.approve(customer())
    await desk.run()
    assert (await desk.state(sync))[0] == "pending"
    assert (await desk.said("connection.changed"))[-1]["state"] == "expired"


async def test_a_missing_account_fails_before_anything_is_sent(desk: Desk) -> None:
    sync = await desk.approve(item(income_account={"name": "No such account"}))
    await desk.run()
    assert await desk.state(sync) == ("failed", "QS-NOT-MAPPED")
    assert desk.requests(entity="Item", operation="create") == []


async def test_a_total_that_quickbooks_computes_differently_is_a_warning(desk: Desk) -> None:
    await desk.approve(customer())
    await desk.approve(item())
    taxed = invoice()
    taxed["lines"][0]["tax_code"] = {"quickbooks_id": "TAX"}
    sync = await desk.approve(taxed)
    await desk.run()
    assert await desk.state(sync) == ("succeeded", "QS-TOTAL-DIFFERS")


async def test_a_deactivation_and_a_void(desk: Desk) -> None:
    for one in (customer(), item(), invoice()):
        await desk.approve(one)
    await desk.run()
    void = await desk.approve(invoice(), operation="void", entity_seq=2)
    await desk.run()
    off = await desk.approve(customer(), operation="deactivate", entity_seq=2)
    await desk.run()
    assert await desk.state(void) == ("succeeded", None)
    assert await desk.state(off) == ("succeeded", None)
    assert desk.books("Invoice")[0]["TotalAmt"] == 0
    assert desk.books("Customer")[0]["Active"] is False


async def test_a_record_deleted_in_quickbooks_fails_with_610(desk: Desk) -> None:
    for one in (customer(), item(), invoice()):
        await desk.approve(one)
    await desk.run()
    (held,) = desk.books("Invoice")
    desk.by_hand("Invoice", "delete", id=held["Id"])
    sync = await desk.approve(invoice(memo="Later"), operation="update", entity_seq=2)
    await desk.run()
    assert await desk.state(sync) == ("failed", "610")


async def test_a_worker_that_lost_its_lease_changes_nothing(desk: Desk) -> None:
    sync = await desk.approve(customer())
    desk.trouble("lose_answer", entity="Customer", operation="create")
    await desk.run("one")
    desk.clock.advance(timedelta(minutes=10))
    await desk.run("two")
    assert await desk.state(sync) == ("succeeded", None)
    assert len(await desk.said("sync.succeeded")) == 1


async def test_a_refusal_of_a_later_sending_does_not_settle_a_doubt(desk: Desk) -> None:
    desk.trouble("lose_answer", entity="Customer", operation="create")
    sync = await desk.approve(customer())
    await desk.run()
    desk.trouble("throttle", entity="Customer", operation="create")
    desk.clock.advance(timedelta(seconds=5))
    await desk.run()
    assert await desk.state(sync) == ("in_flight", "QS-IN-DOUBT")
    desk.clock.advance(timedelta(seconds=120))
    await desk.run()
    assert await desk.state(sync) == ("succeeded", None)
    assert len(desk.books("Customer")) == 1


async def test_what_a_killed_worker_had_sent_stays_in_doubt_when_the_next_sending_is_refused(
    desk: Desk,
) -> None:
    """The worker dies after QuickBooks wrote and before anything was recorded; the next one is throttled at first."""
    sync = await desk.approve(customer())

    async def die(*_: object, **__: object) -> bool:
        raise Killed

    dying = desk.drain_as("one")
    dying._carrier._settler.understand = die  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await dying.run("clearwater")
    assert len(desk.books("Customer")) == 1
    desk.clock.advance(timedelta(minutes=5))
    desk.trouble("throttle", entity="Customer", operation="create")
    await desk.run("two")
    assert await desk.state(sync) == ("in_flight", "QS-IN-DOUBT")
    desk.clock.advance(timedelta(minutes=5))
    await desk.run("two")
    assert await desk.state(sync) == ("succeeded", None)
    assert len(desk.books("Customer")) == 1


async def test_every_statement_fits_the_schema(desk: Desk) -> None:
    await assert_queries_prepare(QUERIES, desk.database)
