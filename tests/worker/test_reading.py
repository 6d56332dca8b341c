"""What is read of QuickBooks Online, and what is made of it."""

from datetime import timedelta

from tests.worker.desk import Desk, customer


async def test_records_from_before_the_connection_are_told_for_matching_only(desk: Desk) -> None:
    desk.clock.advance(timedelta(days=400))
    made = desk.by_hand("Customer", "create", record={"DisplayName": "Old Mill"})
    del made
    assert await desk.reader.run("clearwater") == 1
    told = (await desk.said("online.entity.changed"))[-1]
    assert told["entity"]["name"] == "Old Mill"


async def test_own_writes_are_no_news(desk: Desk) -> None:
    await desk.approve(customer())
    await desk.run()
    before = len(await desk.said("online.entity.changed"))
    desk.clock.advance(timedelta(minutes=5))
    await desk.reader.run("clearwater")
    assert len(await desk.said("online.entity.changed")) == before


async def test_a_change_by_hand_of_a_linked_customer_is_news_with_its_app_id(desk: Desk) -> None:
    await desk.approve(customer())
    await desk.run()
    (held,) = desk.books("Customer")
    desk.by_hand("Customer", "rename", id=held["Id"], name="Pond and Sons")
    await desk.reader.run("clearwater")
    told = (await desk.said("online.entity.changed"))[-1]
    assert (told["app_id"], told["entity"]["name"]) == ("C-1", "Pond and Sons")
    assert not told["for_matching"]


async def test_an_import_is_handed_over_as_it_was_approved(desk: Desk) -> None:
    made = desk.by_hand("Customer", "create", record={"DisplayName": "Fern House"})
    await desk.reader.run("clearwater")
    told = (await desk.said("online.entity.changed"))[-1]
    sync = await desk.approve(
        told["entity"], direction="import", app_id=None, quickbooks_id=made["Id"], kind="customer"
    )
    await desk.run()
    assert (await desk.state(sync))[0] == "in_flight"
    (handed,) = await desk.said("entity.imported")
    assert handed["entity"]["name"] == "Fern House"


async def test_an_import_that_changed_meanwhile_goes_back_for_review(desk: Desk) -> None:
    made = desk.by_hand("Customer", "create", record={"DisplayName": "Fern House"})
    await desk.reader.run("clearwater")
    told = (await desk.said("online.entity.changed"))[-1]
    desk.by_hand("Customer", "rename", id=made["Id"], name="Fern Hall")
    sync = await desk.approve(
        told["entity"], direction="import", app_id=None, quickbooks_id=made["Id"], kind="customer"
    )
    await desk.run()
    assert await desk.state(sync) == ("cancelled", "QS-CHANGED-IN-QUICKBOOKS")
    assert (await desk.said("online.entity.changed"))[-1]["entity"]["name"] == "Fern Hall"
