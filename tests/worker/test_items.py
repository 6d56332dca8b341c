"""Items of every sort in QuickBooks Online: what each needs, and what is no item there."""

import pytest

from qbsync_qbo_worker.mapping import IncompleteError, payload_of
from qbsync_shared.entities import parse_entity
from tests.worker.desk import Desk, Json, item
from tests.worker.test_kinds import arrive

ACCOUNTS = {
    "income_account": {"name": "Sales of Product Income"},
    "expense_account": {"name": "Cost of Goods Sold"},
    "asset_account": {"name": "Inventory Asset"},
}


async def test_each_sort_of_item_is_made_and_changed(desk: Desk) -> None:
    stock = item("I-1", type="inventory", **ACCOUNTS, purchase_cost="40.00", sku="P-40")
    bought = item("I-2", type="non_inventory", income_account=None, expense_account={"name": "Supplies"})
    bought = {name: value for name, value in bought.items() if value is not None}
    charge = item("I-3", type="other_charge", tax_code={"name": "NON"})
    await arrive(desk, stock, bought, charge)
    held = {one["Name"][-3:]: one for one in desk.books("Item")}
    assert [held[name]["Type"] for name in ("I-1", "I-2", "I-3")] == ["Inventory", "NonInventory", "Service"]
    kept = {name: held["I-1"][name] for name in ("InvStartDate", "QtyOnHand", "TrackQtyOnHand", "Sku")}
    assert kept == {"InvStartDate": "2026-11-01", "QtyOnHand": 0, "TrackQtyOnHand": True, "Sku": "P-40"}
    assert (held["I-2"]["Taxable"], held["I-3"]["Taxable"]) == (True, False)

    dearer = {**stock, "unit_price": "99.00", "tax_code": {"name": "NON"}}
    service = {**bought, "type": "service", "income_account": {"name": "Services"}}
    await arrive(desk, dearer, operation="update", entity_seq=2, fields=("unit_price", "tax_code"))
    await arrive(desk, service, operation="update", entity_seq=2, fields=("type", "income_account"))
    held = {one["Name"][-3:]: one for one in desk.books("Item")}
    assert (held["I-1"]["UnitPrice"], held["I-1"]["Taxable"], held["I-1"]["QtyOnHand"]) == (99, False, 0)
    assert held["I-2"]["Type"] == "Service"
    assert await desk.reader.run("clearwater") == 0, "its own writes came back as news"


@pytest.mark.parametrize(
    ("changes", "fields", "said"),
    [
        (
            {"type": "inventory", "expense_account": None},
            None,
            "inventory item: expense account, asset account",
        ),
        ({"income_account": None}, None, "service item: income account"),
        ({"type": "non_inventory", "income_account": None}, None, "income account"),
        ({"type": "discount"}, None, "no items of the sort discount"),
        ({"type": "group"}, None, "no items of the sort group"),
        ({"type": "inventory", **ACCOUNTS}, {"type"}, "Make a new item"),
    ],
)
def test_what_quickbooks_would_refuse_is_said_before_it_is_sent(
    changes: Json, fields: set[str] | None, said: str
) -> None:
    entity = parse_entity({name: value for name, value in {**item(), **changes}.items() if value is not None})
    with pytest.raises(IncompleteError, match=said):
        payload_of(entity, fields or {"name", "type"}, {}, creating=fields is None)


async def test_a_category_is_no_item(desk: Desk) -> None:
    desk.by_hand("Item", "create", record={"Name": "Ponds", "Type": "Category"})
    account = next(one for one in desk.books("Account") if one["Name"] == "Services")
    pump = {"Name": "Pump", "Type": "Service", "IncomeAccountRef": {"value": account["Id"]}}
    desk.by_hand("Item", "create", record=pump)
    assert await desk.reader.run("clearwater") == 1
    names = [one["entity"]["name"] for one in await desk.said("entity.changed")]
    assert names[-1] == "Pump"
    assert "Ponds" not in names
