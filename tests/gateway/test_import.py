"""What changed in QuickBooks: read, told once, and handed to the app when it is approved."""

from datetime import timedelta
from typing import Any

from qbsync_local.sandbox.desktop import byhand
from qbsync_shared.messages import EntityApplied
from tests.gateway.desktop import TENANT, Desktop
from tests.gateway.records import customer, invoice, item


async def changed(desktop: Desktop) -> list[dict[str, Any]]:
    lists = {"account", "class", "term", "tax_code", "payment_method"}
    return [one for one in await desktop.said("entity", "changed") if one["kind"] not in lists]


async def names(desktop: Desktop) -> list[str]:
    return [one["entity"]["name"] for one in await changed(desktop) if one.get("entity")]


async def test_new_and_changed_records_are_told_once(desktop: Desktop) -> None:
    assert byhand.add_customer(desktop.company, "Birch Ltd", "birch@birch.example") == ""
    assert byhand.add_item(desktop.company, "Raking", "40.00") == ""
    await desktop.run()
    assert {"Birch Ltd", "Raking"} <= set(await names(desktop))
    told = len(await changed(desktop))

    desktop.clock.advance(timedelta(minutes=5))
    await desktop.run()
    assert len(await changed(desktop)) == told

    (found,) = desktop.records("<CustomerQueryRq/>", "CustomerRet")
    assert byhand.rename(desktop.company, found.findtext("ListID") or "", "Birch & Co") == ""
    desktop.clock.advance(timedelta(minutes=5))
    await desktop.run()
    assert (await names(desktop))[told:] == ["Birch & Co"]
    assert (await changed(desktop))[-1]["changed_at"] is not None


async def test_own_writes_do_not_come_back(desktop: Desktop) -> None:
    await desktop.run()
    before = len(await changed(desktop))
    for entity in (customer(), item(), invoice()):
        await desktop.approve(entity)
    await desktop.run()
    desktop.clock.advance(timedelta(minutes=5))
    await desktop.run()
    assert len(await changed(desktop)) == before


async def test_the_lists_for_mappings_are_read(desktop: Desktop) -> None:
    await desktop.run()
    kinds = {one["kind"] for one in await desktop.said("entity", "changed")}
    assert {"account", "term", "tax_code", "payment_method"} <= kinds
    accounts = [one["entity"] for one in await desktop.said("entity", "changed") if one["kind"] == "account"]
    assert {"Landscaping Services"} <= {one["name"] for one in accounts}
    assert all(one["type"] for one in accounts)


async def test_a_deletion_is_told(desktop: Desktop) -> None:
    byhand.add_customer(desktop.company, "Birch Ltd")
    await desktop.run()
    (found,) = desktop.records("<CustomerQueryRq/>", "CustomerRet")
    assert byhand.delete(desktop.company, found.findtext("ListID") or "") == ""
    desktop.clock.advance(timedelta(minutes=5))
    await desktop.run()
    last = (await changed(desktop))[-1]
    assert (last["deleted"], last["quickbooks_id"]) == (True, found.findtext("ListID"))


async def test_more_records_than_a_page_are_all_read(desktop: Desktop) -> None:
    for number in range(450):
        byhand.add_customer(desktop.company, f"Customer {number}")
    await desktop.run()
    told = [name for name in await names(desktop) if name.startswith("Customer")]
    assert len(told) == len(set(told)) == 450


async def approve_import(desktop: Desktop, told: dict[str, Any], operation: str = "create") -> str:
    return await desktop.approve(
        told["entity"],
        operation,
        direction="import",
        app_id=told.get("app_id"),
        quickbooks_id=told["quickbooks_id"],
        fields=["name"],
    )


async def test_an_approved_import_is_handed_over_and_linked(desktop: Desktop) -> None:
    byhand.add_customer(desktop.company, "Birch Ltd")
    await desktop.run()
    told = next(one for one in await changed(desktop) if one["entity"]["name"] == "Birch Ltd")
    sync_id = await approve_import(desktop, told)
    await desktop.run()

    (imported,) = await desktop.said("entity", "imported")
    assert imported["sync_id"] == sync_id
    assert imported["entity"]["name"] == "Birch Ltd"
    row = await desktop.sync(sync_id)
    assert row["state"] == "in_flight"
    assert row["awaiting_app_since"] is not None

    answer = EntityApplied(
        id=desktop.make_id(),
        tenant=TENANT,
        occurred_at=desktop.clock.now(),
        sync_id=sync_id,
        app_id="C-9",
        revision="1",
    )
    async with desktop.database.tenant(TENANT) as connection:
        await desktop.gateway.keeper.applied(connection, answer)
    assert (await desktop.sync(sync_id))["state"] == "succeeded"
    assert await desktop.links() == {"C-9": told["quickbooks_id"]}

    update = customer("C-9", "Birch Ltd", phone="555-0177")
    await desktop.approve(update, "update", fields=["phone"])
    await desktop.run()
    assert desktop.records("<CustomerQueryRq/>", "CustomerRet")[0].findtext("Phone") == "555-0177"


async def test_an_import_that_changed_meanwhile_goes_back_for_review(desktop: Desktop) -> None:
    byhand.add_customer(desktop.company, "Birch Ltd")
    await desktop.run()
    told = next(one for one in await changed(desktop) if one["entity"]["name"] == "Birch Ltd")
    sync_id = await approve_import(desktop, told)
    byhand.rename(desktop.company, told["quickbooks_id"], "Birch & Co")
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("cancelled", "QS-CHANGED-IN-QUICKBOOKS")
    assert await desktop.said("entity", "imported") == []
    assert (await names(desktop))[-1] == "Birch & Co"


async def test_a_stale_version_is_repeated_where_nothing_approved_changed(desktop: Desktop) -> None:
    await desktop.approve(customer())
    await desktop.run()
    (found,) = desktop.records("<CustomerQueryRq/>", "CustomerRet")
    byhand.rename(desktop.company, found.findtext("ListID") or "", "Oak & Daughters")
    sync_id = await desktop.approve(customer(phone="555-0199"), "update", fields=["phone"])
    desktop.clock.advance(timedelta(seconds=1))
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert row["state"] == "succeeded", row
    (after,) = desktop.records("<CustomerQueryRq/>", "CustomerRet")
    assert (after.findtext("Name"), after.findtext("Phone")) == ("Oak & Daughters", "555-0199")


async def test_a_stale_version_with_the_same_field_changed_goes_back_for_review(desktop: Desktop) -> None:
    await desktop.approve(customer())
    await desktop.run()
    (found,) = desktop.records("<CustomerQueryRq/>", "CustomerRet")
    byhand.rename(desktop.company, found.findtext("ListID") or "", "Oak & Daughters")
    sync_id = await desktop.approve(customer(name="Oak & Cousins"), "update", fields=["name"])
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("cancelled", "QS-CHANGED-IN-QUICKBOOKS"), row
    assert desktop.customers() == ["Oak & Daughters"]


async def test_a_record_that_is_gone_fails_with_3120(desktop: Desktop) -> None:
    await desktop.approve(customer())
    await desktop.run()
    (found,) = desktop.records("<CustomerQueryRq/>", "CustomerRet")
    byhand.delete(desktop.company, found.findtext("ListID") or "")
    sync_id = await desktop.approve(customer(phone="1"), "update", fields=["phone"])
    await desktop.run()
    row = await desktop.sync(sync_id)
    assert (row["state"], row["code"]) == ("failed", "3120")
