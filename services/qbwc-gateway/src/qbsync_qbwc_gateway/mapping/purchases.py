"""What purchase orders and bills have in common: a vendor, and lines by item."""

from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import documents
from qbsync_qbwc_gateway.mapping.base import Books, reference
from qbsync_qbwc_gateway.mapping.lines import is_exact
from qbsync_qbwc_gateway.qbxml.reader import number, value
from qbsync_shared.entities import Bill, PurchaseLine, PurchaseOrder, Reference
from qbsync_shared.kinds import Kind

ELEMENTS: dict[str, tuple[str, ...]] = {
    "vendor": ("VendorRef",),
    "date": ("TxnDate",),
    "number": ("RefNumber",),
    "terms": ("TermsRef",),
    "due_date": ("DueDate",),
    "memo": ("Memo",),
}


def write_head(entity: Bill | PurchaseOrder, books: Books) -> dict[str, Any]:
    """The elements that both have."""
    return {
        "VendorRef": books.ref(Kind.VENDOR, entity.vendor),
        "TxnDate": entity.date,
        "RefNumber": entity.number,
        "TermsRef": books.ref(Kind.TERM, entity.terms),
        "DueDate": entity.due_date,
        "Memo": entity.memo,
    }


def read_head(ret: etree._Element, *, total: str) -> dict[str, Any]:
    """The fields that both have; ``total`` names the element of the sum."""
    return {
        "vendor": reference(ret, "VendorRef") or Reference(name="?"),
        "number": value(ret, "RefNumber"),
        "date": documents.day(ret, "TxnDate") or date.min,
        "terms": reference(ret, "TermsRef"),
        "due_date": documents.day(ret, "DueDate"),
        "memo": value(ret, "Memo"),
        "total": number(ret, total),
    }


def write_item_line(line: PurchaseLine, books: Books, *, price: str) -> dict[str, Any]:
    """A line by item; ``price`` names the element of the unit price. The amount always holds."""
    return {
        "ItemRef": books.ref(Kind.ITEM, line.item),
        "Desc": line.description,
        "Quantity": line.quantity,
        price: line.unit_price if is_exact(line) else None,
        "Amount": line.amount,
        "CustomerRef": documents.customer_ref(line.customer, line.job, books),
        "ClassRef": books.ref(Kind.CLASS, line.class_),
    }


def read_line(ret: etree._Element, *, price: str = "Rate", text: str = "Desc") -> PurchaseLine:
    """A line as read; ``line_id`` is QuickBooks' TxnLineID."""
    return PurchaseLine(
        line_id=value(ret, "TxnLineID") or "?",
        item=reference(ret, "ItemRef") or reference(ret, "ItemGroupRef"),
        account=reference(ret, "AccountRef"),
        description=value(ret, text),
        quantity=number(ret, "Quantity"),
        unit_price=number(ret, price),
        amount=number(ret, "Amount") or number(ret, "TotalAmount") or Decimal("0.00"),
        class_=reference(ret, "ClassRef"),
        **documents.customer_and_job(ret),
    )
