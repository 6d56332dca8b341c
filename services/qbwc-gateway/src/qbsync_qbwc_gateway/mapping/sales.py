"""Invoices, estimates, sales receipts and credit memos: one head and lines, each kind with a little of its own.

Each line says its tax code, so that QuickBooks' own default never decides (contract, section 3).
"""

from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import documents
from qbsync_qbwc_gateway.mapping.base import (
    Books,
    Mapper,
    changed,
    head,
    read_address,
    reference,
    write_address,
)
from qbsync_qbwc_gateway.mapping.lines import match_lines, read_lines, unchanged_lines, write_line
from qbsync_qbwc_gateway.qbxml.reader import number, value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import CreditMemo, Estimate, Invoice, Reference, SalesLine, SalesReceipt
from qbsync_shared.kinds import Kind

Sale = Invoice | Estimate | SalesReceipt | CreditMemo

_ELEMENTS: dict[str, tuple[str, ...]] = {
    "customer": ("CustomerRef",),
    "job": ("CustomerRef",),
    "class": ("ClassRef",),
    "date": ("TxnDate",),
    "number": ("RefNumber",),
    "billing_address": ("BillAddress",),
    "shipping_address": ("ShipAddress",),
    "reference_number": ("CheckNumber",),
    "method": ("PaymentMethodRef",),
    "po_number": ("PONumber",),
    "terms": ("TermsRef",),
    "due_date": ("DueDate",),
    "tax_item": ("ItemSalesTaxRef",),
    "memo": ("Memo",),
    "customer_message": ("CustomerMsgRef",),
    "deposit_to": ("DepositToAccountRef",),
}


def sale(kind: Kind, element: str, model: type[Sale], *, dated: bool = True) -> Mapper:
    """The mapping of one kind of sale.

    Args:
        kind: the contract's kind.
        element: what QuickBooks calls it (``Invoice``).
        model: the contract's entity.
        dated: whether its lines have a service date in QuickBooks.
    """

    def create(entity: Sale, books: Books, guid: str) -> Request:
        lines = [write_line(line, books, dated=dated) for line in entity.lines]
        content = {**_full(entity, books), "ExternalGUID": guid, f"{element}LineAdd": lines}
        return Request(f"{element}AddRq", {f"{element}Add": content})

    def update(entity: Sale, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
        def write(line: SalesLine) -> dict[str, Any]:
            return write_line(line, books, dated=dated)

        content = changed(_full(entity, books, whole=True), fields, _ELEMENTS)
        lines = match_lines(entity.lines, link, write) if "lines" in fields else unchanged_lines(link)
        mod = {**head(link, of="TxnID"), **content, f"{element}LineMod": lines}
        return Request(f"{element}ModRq", {f"{element}Mod": mod})

    def read(ret: etree._Element) -> Sale:
        known = {**_read_head(ret), "lines": read_lines(ret, f"{element}LineRet", f"{element}LineGroupRet")}
        return model(**{name: known[name] for name in known if name in model.model_fields})

    return Mapper(
        kind=kind,
        records=frozenset({f"{element}Ret"}),
        create=create,
        update=update,
        by_id=lambda quickbooks_id: documents.by_id(element, quickbooks_id),
        by_name=lambda entity: documents.by_number(element, entity),
        read=read,
        txn_type=element,
    )


def _full(entity: Sale, books: Books, *, whole: bool = False) -> dict[str, Any]:
    content: dict[str, Any] = {
        "CustomerRef": documents.customer_ref(entity.customer, entity.job, books),
        "ClassRef": books.ref(Kind.CLASS, entity.class_),
        "TxnDate": entity.date,
        "RefNumber": entity.number,
        "BillAddress": write_address(entity.billing_address, whole=whole),
        "ShipAddress": write_address(entity.shipping_address, whole=whole),
        "ItemSalesTaxRef": books.ref(Kind.ITEM, entity.tax_item),
        "Memo": entity.memo,
        "CustomerMsgRef": {"FullName": entity.customer_message} if entity.customer_message else None,
    }
    if not isinstance(entity, SalesReceipt):
        content["PONumber"] = entity.po_number
    if isinstance(entity, Invoice | Estimate):
        content["TermsRef"] = books.ref(Kind.TERM, entity.terms)
        content["DueDate"] = entity.due_date
    if isinstance(entity, SalesReceipt):
        content["CheckNumber"] = entity.reference_number
        content["PaymentMethodRef"] = books.ref(Kind.PAYMENT_METHOD, entity.method)
        content["DepositToAccountRef"] = books.ref(Kind.ACCOUNT, entity.deposit_to)
    return content


def _read_head(ret: etree._Element) -> dict[str, Any]:
    """All that one of them may have; a kind takes what it knows."""
    tax, subtotal = number(ret, "SalesTaxTotal"), number(ret, "Subtotal")
    parties = documents.customer_and_job(ret)
    return {
        "customer": parties["customer"] or Reference(name="?"),
        "job": parties["job"],
        "number": value(ret, "RefNumber"),
        "date": documents.day(ret, "TxnDate") or date.min,
        "due_date": documents.day(ret, "DueDate"),
        "class_": reference(ret, "ClassRef"),
        "terms": reference(ret, "TermsRef"),
        "po_number": value(ret, "PONumber"),
        "reference_number": value(ret, "CheckNumber"),
        "method": reference(ret, "PaymentMethodRef"),
        "deposit_to": reference(ret, "DepositToAccountRef"),
        "memo": value(ret, "Memo"),
        "customer_message": value(ret, "CustomerMsgRef/FullName"),
        "billing_address": read_address(ret, "BillAddress"),
        "shipping_address": read_address(ret, "ShipAddress"),
        "tax_item": reference(ret, "ItemSalesTaxRef"),
        "tax_total": tax,
        "total": None if subtotal is None else subtotal + (tax or Decimal(0)),
    }
