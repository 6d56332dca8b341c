"""Item: Service, NonInventory or Inventory. Online knows no other charge: it becomes a Service.

Bundles (Group) are only read; a discount is no item there. A Category only orders items and is none itself.
"""

from collections.abc import Collection, Mapping
from datetime import date

from qbsync_qbo_worker.mapping.base import IncompleteError, Mapper
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
_NEEDED = {
    ItemType.SERVICE: ("income_account",),
    ItemType.OTHER_CHARGE: ("income_account",),
    ItemType.INVENTORY: ("income_account", "expense_account", "asset_account"),
}
_PSEUDO = {"TAX": True, "NON": False}
"""Companies in the US have no other codes for an item than these two, which its ``Taxable`` says."""

_BACK = {"Service": "service", "NonInventory": "non_inventory", "Inventory": "inventory", "Group": "group"}
ITEM_TYPES = tuple(_BACK)
"""What QuickBooks calls the sorts that are read."""


def write(entity: Item, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent.

    Raises:
        IncompleteError: Online has no items of this sort, an account is missing, or it shall become inventory.
    """
    del lines
    _check(entity, fields, creating=creating)
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
    code = reference_out(entity.tax_code) if "tax_code" in fields else None
    if code is not None:
        taxable = _PSEUDO.get(code["value"])
        payload |= {"SalesTaxCodeRef": code} if taxable is None else {"Taxable": taxable}
    if creating or "type" in fields:
        payload["Type"] = _TYPES[entity.type]
    if creating and entity.type is ItemType.INVENTORY:
        payload |= {"TrackQtyOnHand": True, "QtyOnHand": 0}
    return payload


def _check(entity: Item, fields: Collection[str], *, creating: bool) -> None:
    sort = entity.type.value.replace("_", " ")
    if entity.type not in _TYPES:
        why = f"QuickBooks Online has no items of the sort {sort} that qbsync could write. Make it there by hand."
        raise IncompleteError(why)
    if not creating:
        if "type" in fields and entity.type is ItemType.INVENTORY:
            why = "QuickBooks cannot start to keep stock of an item that it has. Make a new item in the app instead."
            raise IncompleteError(why)
        return
    lacking = [name for name in _NEEDED.get(entity.type, ()) if getattr(entity, name) is None]
    if entity.type is ItemType.NON_INVENTORY and not (entity.income_account or entity.expense_account):
        lacking = ["income_account"]
    if lacking:
        words = ", ".join(name.replace("_", " ") for name in lacking)
        raise IncompleteError(f"QuickBooks demands of this {sort} item: {words}. Choose it in the app.")


def stock_from(payload: Json, day: date) -> Json:
    """A new inventory item keeps stock from this day on, which QuickBooks wants to know; documents before it are refused."""
    return payload | {"InvStartDate": day.isoformat()} if payload.get("Type") == "Inventory" else payload


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
            "tax_code": reference_in(record.get("SalesTaxCodeRef")),
            "sku": record.get("Sku"),
            "active": record.get("Active", True),
        }
    )


MAPPER = Mapper(kind=KIND, resource="Item", write=write, read=read, found_by="Name")
