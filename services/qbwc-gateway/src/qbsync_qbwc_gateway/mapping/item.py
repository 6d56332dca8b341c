"""Items. QuickBooks Desktop has one element per sort of item; the sorts that are both sold and bought have two shapes.

Written: service, non-inventory, other charge, and inventory and discount, which have one flat shape each. qbsync posts no
stock quantity. Read: all of them, so that names are known before approval.
"""

from collections.abc import Mapping
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import names
from qbsync_qbwc_gateway.mapping.base import (
    Books,
    Mapper,
    NotSupportedError,
    changed,
    head,
    is_true,
    reference,
)
from qbsync_qbwc_gateway.qbxml.reader import number, value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import Item, ItemType
from qbsync_shared.kinds import Kind

_WRITTEN = {
    ItemType.SERVICE: "ItemService",
    ItemType.NON_INVENTORY: "ItemNonInventory",
    ItemType.OTHER_CHARGE: "ItemOtherCharge",
    ItemType.INVENTORY: "ItemInventory",
    ItemType.DISCOUNT: "ItemDiscount",
}
_READ = {
    "ItemServiceRet": ItemType.SERVICE,
    "ItemNonInventoryRet": ItemType.NON_INVENTORY,
    "ItemOtherChargeRet": ItemType.OTHER_CHARGE,
    "ItemInventoryRet": ItemType.INVENTORY,
    "ItemInventoryAssemblyRet": ItemType.INVENTORY,
    "ItemDiscountRet": ItemType.DISCOUNT,
    "ItemSalesTaxRet": ItemType.SALES_TAX,
    "ItemSalesTaxGroupRet": ItemType.SALES_TAX,
    "ItemGroupRet": ItemType.GROUP,
}
_ONE = {"description": "Desc", "unit_price": "Price", "income_account": "AccountRef"}
_BOTH = {
    "description": "SalesDesc",
    "unit_price": "SalesPrice",
    "income_account": "IncomeAccountRef",
    "purchase_description": "PurchaseDesc",
    "purchase_cost": "PurchaseCost",
    "expense_account": "ExpenseAccountRef",
}
_PURCHASE = _BOTH.keys() - _ONE.keys()
_FLAT = {
    ItemType.INVENTORY: {
        "description": "SalesDesc",
        "unit_price": "SalesPrice",
        "income_account": "IncomeAccountRef",
        "purchase_description": "PurchaseDesc",
        "purchase_cost": "PurchaseCost",
        "expense_account": "COGSAccountRef",
        "asset_account": "AssetAccountRef",
    },
    ItemType.DISCOUNT: {
        "description": "ItemDesc",
        "unit_price": "DiscountRate",
        "income_account": "AccountRef",
    },
}
_NEEDED = {
    ItemType.INVENTORY: ("income_account", "expense_account", "asset_account"),
    ItemType.DISCOUNT: ("income_account",),
}


def _element(entity: Item) -> str:
    element = _WRITTEN.get(entity.type)
    if element is None:
        sort = entity.type.value.replace("_", " ")
        raise NotSupportedError(f"Items of the sort {sort} are made in QuickBooks, not from the app.")
    return element


def _is_bought(entity: Item) -> bool:
    return any(getattr(entity, name) is not None for name in _PURCHASE)


def _sale(entity: Item, books: Books) -> dict[str, Any]:
    account = books.ref(Kind.ACCOUNT, entity.income_account)
    return {"Desc": entity.description, "Price": entity.unit_price, "AccountRef": account}


def _sale_and_purchase(entity: Item, books: Books) -> dict[str, Any]:
    return {
        "SalesDesc": entity.description,
        "SalesPrice": entity.unit_price,
        "IncomeAccountRef": books.ref(Kind.ACCOUNT, entity.income_account),
        "PurchaseDesc": entity.purchase_description,
        "PurchaseCost": entity.purchase_cost,
        "ExpenseAccountRef": books.ref(Kind.ACCOUNT, entity.expense_account),
    }


def _own_name(entity: Item) -> str:
    """QuickBooks' Name is the last part of ``Parent:Child``."""
    return entity.name.rsplit(":", 1)[-1]


def _head(entity: Item, books: Books) -> dict[str, Any]:
    content: dict[str, Any] = {
        "Name": _own_name(entity),
        "IsActive": entity.active,
        "SalesTaxCodeRef": books.ref(Kind.TAX_CODE, entity.tax_code),
    }
    if entity.type in (ItemType.NON_INVENTORY, ItemType.INVENTORY):
        content["ManufacturerPartNumber"] = entity.sku
    return content


def _create(entity: Item, books: Books, guid: str) -> Request:
    element = _element(entity)
    content = _head(entity, books)
    if ":" in entity.name:
        content["ParentRef"] = {"FullName": entity.name.rsplit(":", 1)[0]}
    if entity.type in _FLAT:
        content |= _flat(entity, _FLAT[entity.type], books)
    elif _is_bought(entity):
        content["SalesAndPurchase"] = _sale_and_purchase(entity, books)
    else:
        content["SalesOrPurchase"] = _sale(entity, books)
    return Request(f"{element}AddRq", {f"{element}Add": {**content, "ExternalGUID": guid}})


def _flat(entity: Item, elements: Mapping[str, str], books: Books) -> dict[str, Any]:
    """The fields of a sort with one shape.

    Raises:
        NotSupportedError: QuickBooks demands an account that the item does not name.
    """
    lacking = [name.replace("_", " ") for name in _NEEDED[entity.type] if getattr(entity, name) is None]
    if lacking:
        sort = entity.type.value
        raise NotSupportedError(
            f"QuickBooks demands of this {sort} item: {', '.join(lacking)}. Add it in the app."
        )
    content: dict[str, Any] = {}
    for name, element in elements.items():
        given = getattr(entity, name)
        content[element] = books.ref(Kind.ACCOUNT, given) if name.endswith("_account") else given
    return content


def _update(entity: Item, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    if "type" in fields:
        raise NotSupportedError("The sort of an item cannot be changed; make a new item instead.")
    element = _element(entity)
    top = {
        "name": "Name",
        "active": "IsActive",
        "tax_code": "SalesTaxCodeRef",
        "sku": "ManufacturerPartNumber",
    }
    full = _head(entity, books)
    content = {
        name: "" if full.get(name) is None else full[name]
        for field, name in top.items()
        if field in fields and (name in full or name != "ManufacturerPartNumber")
    }
    if content.get("SalesTaxCodeRef") == "":
        content["SalesTaxCodeRef"] = {"FullName": ""}
    if entity.type in _FLAT:
        elements = _FLAT[entity.type]
        known = {name: (element,) for name, element in elements.items()}
        prices = changed(_flat(entity, elements, books), fields, known)
    else:
        prices = _prices(entity, fields, link, books)
    return Request(f"{element}ModRq", {f"{element}Mod": {**head(link), **content, **prices}})


def _prices(entity: Item, fields: tuple[str, ...], link: LinkRow, books: Books) -> dict[str, Any]:
    """The one of the two shapes that the item has in QuickBooks, or gets now, with the differing fields."""
    differing = _BOTH.keys() & set(fields)
    if not differing:
        return {}
    both = _is_bought(entity) or any(name in link.returned for name in _PURCHASE)
    shape = _sale_and_purchase(entity, books) if both else _sale(entity, books)
    fields_of = _BOTH if both else _ONE
    becomes_both = both and not any(name in link.returned for name in _PURCHASE)
    wanted = set(fields_of) if becomes_both else differing
    content: dict[str, Any] = {}
    for name in sorted(wanted & fields_of.keys()):
        element = fields_of[name]
        if shape.get(element) is not None:
            content[element] = shape[element]
        elif name in differing and not element.endswith("Ref"):
            content[element] = ""
    return {"SalesAndPurchaseMod" if both else "SalesOrPurchaseMod": content} if content else {}


def _read(ret: etree._Element) -> Item:
    return Item(
        type=_READ[str(ret.tag)],
        name=value(ret, "FullName") or value(ret, "Name") or "?",
        description=_first(
            ret, "SalesAndPurchase/SalesDesc", "SalesOrPurchase/Desc", "SalesDesc", "ItemDesc"
        ),
        unit_price=_price(
            ret, "SalesAndPurchase/SalesPrice", "SalesOrPurchase/Price", "SalesPrice", "DiscountRate"
        ),
        income_account=_account(
            ret,
            "SalesAndPurchase/IncomeAccountRef",
            "SalesOrPurchase/AccountRef",
            "IncomeAccountRef",
            "AccountRef",
        ),
        purchase_description=_first(ret, "SalesAndPurchase/PurchaseDesc", "PurchaseDesc"),
        purchase_cost=_price(ret, "SalesAndPurchase/PurchaseCost", "PurchaseCost"),
        expense_account=_account(ret, "SalesAndPurchase/ExpenseAccountRef", "COGSAccountRef"),
        asset_account=reference(ret, "AssetAccountRef"),
        tax_code=reference(ret, "SalesTaxCodeRef"),
        sku=value(ret, "ManufacturerPartNumber"),
        active=is_true(ret, "IsActive", default=True),
    )


def _first(ret: etree._Element, *paths: str) -> str | None:
    return next((text for path in paths if (text := value(ret, path))), None)


def _price(ret: etree._Element, *paths: str) -> Any:
    return next((price for path in paths if (price := number(ret, path)) is not None), None)


def _account(ret: etree._Element, *paths: str) -> Any:
    return next((found for path in paths if (found := reference(ret, path))), None)


def _deactivate(entity: Item, link: LinkRow) -> Request:
    return names.inactive(f"{_element(entity)}Mod", link)


ITEM = Mapper(
    kind=Kind.ITEM,
    records=frozenset(_READ),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: names.by_id("ItemQueryRq", quickbooks_id),
    by_name=lambda entity: names.by_name("ItemQueryRq", entity.name),
    read=_read,
    deactivate=_deactivate,
)
