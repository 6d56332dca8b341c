"""Purchase orders. QuickBooks Desktop knows only lines by item there."""

from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import documents, purchases
from qbsync_qbwc_gateway.mapping.base import (
    Books,
    Mapper,
    NotSupportedError,
    changed,
    head,
    read_address,
    write_address,
)
from qbsync_qbwc_gateway.mapping.lines import match_lines, unchanged_lines
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import PurchaseLine, PurchaseOrder
from qbsync_shared.kinds import Kind

_ELEMENTS = {
    **purchases.ELEMENTS,
    "shipping_address": ("ShipAddress",),
    "vendor_message": ("VendorMsg",),
}


def _full(entity: PurchaseOrder, books: Books, *, whole: bool = False) -> dict[str, Any]:
    return {
        **purchases.write_head(entity, books),
        "ShipAddress": write_address(entity.shipping_address, whole=whole),
        "VendorMsg": entity.vendor_message,
    }


def _line(line: PurchaseLine, books: Books) -> dict[str, Any]:
    if line.item is None and line.account is not None:
        raise NotSupportedError(
            "A purchase order in QuickBooks Desktop lists items, not accounts. Name an item in each line."
        )
    if line.item is None:
        return {"Desc": line.description}
    return purchases.write_item_line(line, books, price="Rate")


def _create(entity: PurchaseOrder, books: Books, guid: str) -> Request:
    lines = [_line(line, books) for line in entity.lines]
    content = {**_full(entity, books), "ExternalGUID": guid, "PurchaseOrderLineAdd": lines}
    return Request("PurchaseOrderAddRq", {"PurchaseOrderAdd": content})


def _update(entity: PurchaseOrder, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    content = changed(_full(entity, books, whole=True), fields, _ELEMENTS)
    if "lines" in fields:
        lines = match_lines(entity.lines, link, lambda line: _line(line, books))
    else:
        lines = unchanged_lines(link)
    mod = {**head(link, of="TxnID"), **content, "PurchaseOrderLineMod": lines}
    return Request("PurchaseOrderModRq", {"PurchaseOrderMod": mod})


def _read(ret: etree._Element) -> PurchaseOrder:
    lines = [ret_line for ret_line in ret if str(ret_line.tag).startswith("PurchaseOrderLine")]
    return PurchaseOrder(
        **purchases.read_head(ret, total="TotalAmount"),
        vendor_message=value(ret, "VendorMsg"),
        shipping_address=read_address(ret, "ShipAddress"),
        lines=tuple(purchases.read_line(line) for line in lines),
    )


PURCHASE_ORDER = Mapper(
    kind=Kind.PURCHASE_ORDER,
    records=frozenset({"PurchaseOrderRet"}),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: documents.by_id("PurchaseOrder", quickbooks_id),
    by_name=lambda entity: documents.by_number("PurchaseOrder", entity),
    read=_read,
    txn_type="PurchaseOrder",
)
