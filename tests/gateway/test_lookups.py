"""Look-ups: answered at once from what was read, and by QuickBooks itself in the next session."""

from typing import Any

from qbsync_local.sandbox.desktop.seeding import run_requests
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.messages import LookUp
from tests.gateway.desktop import Desktop
from tests.gateway.records import customer, invoice, item


async def look_up(desktop: Desktop, kind: Kind, text: str, **more: Any) -> str:
    command = LookUp(
        id=desktop.make_id(),
        tenant=desktop.tenant,
        occurred_at=desktop.clock.now(),
        edition=Edition.DESKTOP,
        by="Dana",
        kind=kind,
        text=text,
        **more,
    )
    async with desktop.database.tenant(desktop.tenant) as connection:
        await desktop.gateway.finding.ask(connection, command)
    return command.id


async def answers(desktop: Desktop, command_id: str) -> list[dict[str, Any]]:
    return [one for one in await desktop.said("lookup", "answered") if one["command_id"] == command_id]


async def test_what_was_read_is_told_at_once_and_what_quickbooks_holds_in_the_next_session(
    desktop: Desktop,
) -> None:
    run_requests(
        desktop.company,
        "<VendorAddRq><VendorAdd><Name>Redfern Nursery</Name></VendorAdd></VendorAddRq>"
        "<CustomerAddRq><CustomerAdd><Name>Oak Yard</Name><IsActive>0</IsActive></CustomerAdd></CustomerAddRq>",
    )
    await desktop.run()
    vendor = await look_up(desktop, Kind.CUSTOMER, "redfern nursery")
    asleep = await look_up(desktop, Kind.CUSTOMER, "Oak Yard")
    run_requests(
        desktop.company,
        "<OtherNameAddRq><OtherNameAdd><Name>Elm House</Name></OtherNameAdd></OtherNameAddRq>",
    )
    later = await look_up(desktop, Kind.CUSTOMER, "Elm House")
    (first,) = await answers(desktop, vendor)
    assert (first["source"], first["pending"]) == ("read", True)
    assert first["as_of"]
    assert [(one["kind"], one["entity"]["name"]) for one in first["found"]] == [("vendor", "Redfern Nursery")]
    assert (await answers(desktop, later))[0]["found"] == []

    await desktop.run()
    told = {
        command: [
            (one["kind"], one["entity"]["name"]) for one in (await answers(desktop, command))[-1]["found"]
        ]
        for command in (vendor, asleep, later)
    }
    assert told[vendor] == [("vendor", "Redfern Nursery")]
    assert told[asleep] == [("customer", "Oak Yard")]
    assert told[later] == [("other name", "Elm House")]
    for command in (vendor, asleep, later):
        last = (await answers(desktop, command))[-1]
        assert (last["source"], last["pending"]) == ("quickbooks", False)
    assert (await answers(desktop, asleep))[-1]["found"][0]["entity"]["active"] is False
    before = len(await desktop.said("lookup", "answered"))
    await desktop.run()
    assert len(await desktop.said("lookup", "answered")) == before


async def test_items_and_numbers_are_found_with_the_record_they_belong_to(desktop: Desktop) -> None:
    for entity in (customer(), item(), invoice()):
        await desktop.approve(entity)
    await desktop.run()
    by_number = await look_up(desktop, Kind.INVOICE, "1042")
    by_name = await look_up(desktop, Kind.ITEM, "Hedge Care")
    nothing = await look_up(desktop, Kind.INVOICE, "9999")
    news = len(await desktop.said("entity", "changed"))
    await desktop.run()
    assert [one["app_id"] for one in (await answers(desktop, by_number))[-1]["found"]] == ["V-1042"]
    assert [one["app_id"] for one in (await answers(desktop, by_name))[-1]["found"]] == ["I-3"]
    assert (await answers(desktop, nothing))[-1]["found"] == []
    assert len(await desktop.said("entity", "changed")) == news
