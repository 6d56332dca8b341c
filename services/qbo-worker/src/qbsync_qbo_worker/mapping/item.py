"""Item: Service, NonInventory or Inventory. Online knows no other charge: it becomes a Service."""

from collections.abc import Collection, Mapping

from qbsync_qbo_worker.mapping.base import Mapper
from qbsync_qbo_worker.mapping.values import Json, chosen, money_in, present, reference_in, reference_out
from qbsync_shared.entities import Item, ItemType
from qbsync_shared.kinds import Kind

KIND = Kind.ITEM

_TYPES = {
    ItemType.SERVICE: "Service",
    ItemType.NON_INVENTORY: "NonInventory",
    ItemType.OTHER_CHARGE: "Service",
    ItemType.INVENTORY: "Inventory",
}
_BACK = {"Service": "service", "NonInventory": "non_inventory", "Inventory": "inventory", "Group": "group"}


def write(entity: Item, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent."""
    del lines
    values = {
        "name": ("Name", entity.name),
        "description": ("Description", entity.description),
        "unit_price": ("UnitPrice", entity.unit_price),
        "purchase_description": ("PurchaseDesc", entity.purchase_description),
        "purchase_cost": ("PurchaseCost", entity.purchase_cost),
        "sku": ("Sku", entity.sku),
        "active": ("Active", entity.active),
    }
    payload = chosen(values, fields, creating=creating)
    accounts = {
        "income_account": ("IncomeAccountRef", entity.income_account),
        "expense_account": ("ExpenseAccountRef", entity.expense_account),
        "asset_account": ("AssetAccountRef", entity.asset_account),
    }
    payload |= {
        prop: reference_out(ref) for field, (prop, ref) in accounts.items() if ref and field in fields
    }
    if creating:
        payload["Type"] = _TYPES[entity.type]
        if entity.type is ItemType.INVENTORY:
            payload |= {"TrackQtyOnHand": True, "QtyOnHand": 0}
    return payload


def read(record: Json) -> Json:
    """The entity as QuickBooks holds it."""
    return {"kind": KIND.value} | present(
        {
            "type": _BACK.get(record.get("Type", ""), "service"),
            "name": record.get("Name"),
            "description": record.get("Description"),
            "unit_price": money_in(record.get("UnitPrice")),
            "income_account": reference_in(record.get("IncomeAccountRef")),
            "purchase_description": record.get("PurchaseDesc"),
            "purchase_cost": money_in(record.get("PurchaseCost")),
            "expense_account": reference_in(record.get("ExpenseAccountRef")),
            "asset_account": reference_in(record.get("AssetAccountRef")),
            "sku": record.get("Sku"),
            "active": record.get("Active", True),
        }
    )


MAPPER = Mapper(kind=KIND, resource="Item", write=write, read=read, found_by="Name")
