"""Invoices. Each line says its tax code, so that QuickBooks' own default never decides (contract, section 3)."""

from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

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
from qbsync_shared.entities import Invoice, Reference
from qbsync_shared.kinds import Kind

_ELEMENTS: dict[str, tuple[str, ...]] = {
    "customer": ("CustomerRef",),
    "job": ("CustomerRef",),
    "class": ("ClassRef",),
    "date": ("TxnDate",),
    "number": ("RefNumber",),
    "billing_address": ("BillAddress",),
    "shipping_address": ("ShipAddress",),
    "po_number": ("PONumber",),
    "terms": ("TermsRef",),
    "due_date": ("DueDate",),
    "tax_item": ("ItemSalesTaxRef",),
    "memo": ("Memo",),
    "customer_message": ("CustomerMsgRef",),
}


def _full(entity: Invoice, books: Books, *, whole: bool = False) -> dict[str, Any]:
    return {
        "CustomerRef": books.ref(Kind.JOB, entity.job) or books.ref(Kind.CUSTOMER, entity.customer),
        "ClassRef": books.ref(Kind.CLASS, entity.class_),
        "TxnDate": entity.date,
        "RefNumber": entity.number,
        "BillAddress": write_address(entity.billing_address, whole=whole),
        "ShipAddress": write_address(entity.shipping_address, whole=whole),
        "PONumber": entity.po_number,
        "TermsRef": books.ref(Kind.TERM, entity.terms),
        "DueDate": entity.due_date,
        "ItemSalesTaxRef": books.ref(Kind.ITEM, entity.tax_item),
        "Memo": entity.memo,
        "CustomerMsgRef": {"FullName": entity.customer_message} if entity.customer_message else None,
    }


def _create(entity: Invoice, books: Books, guid: str) -> Request:
    lines = [write_line(line, books) for line in entity.lines]
    content = {**_full(entity, books), "ExternalGUID": guid, "InvoiceLineAdd": lines}
    return Request("InvoiceAddRq", {"InvoiceAdd": content})


def _update(entity: Invoice, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    content = changed(_full(entity, books, whole=True), fields, _ELEMENTS)
    lines = match_lines(entity.lines, link, books) if "lines" in fields else unchanged_lines(link)
    return Request(
        "InvoiceModRq", {"InvoiceMod": {**head(link, of="TxnID"), **content, "InvoiceLineMod": lines}}
    )


def _by_name(entity: Invoice) -> Request:
    """By number; one without a number is looked for among those of its day."""
    if entity.number:
        return Request("InvoiceQueryRq", {"RefNumber": entity.number, "IncludeLineItems": True})
    day = {"FromTxnDate": entity.date, "ToTxnDate": entity.date}
    return Request("InvoiceQueryRq", {"TxnDateRangeFilter": day, "IncludeLineItems": True})


def _read(ret: etree._Element) -> Invoice:
    customer, job = _customer_and_job(reference(ret, "CustomerRef"))
    tax = number(ret, "SalesTaxTotal")
    subtotal = number(ret, "Subtotal")
    lines = read_lines(ret, "InvoiceLineRet", "InvoiceLineGroupRet")
    return Invoice(
        number=value(ret, "RefNumber"),
        date=_day(value(ret, "TxnDate")) or date.min,
        due_date=_day(value(ret, "DueDate")),
        customer=customer,
        job=job,
        class_=reference(ret, "ClassRef"),
        terms=reference(ret, "TermsRef"),
        po_number=value(ret, "PONumber"),
        memo=value(ret, "Memo"),
        customer_message=value(ret, "CustomerMsgRef/FullName"),
        billing_address=read_address(ret, "BillAddress"),
        shipping_address=read_address(ret, "ShipAddress"),
        tax_item=reference(ret, "ItemSalesTaxRef"),
        tax_total=tax,
        total=None if subtotal is None else subtotal + (tax or Decimal(0)),
        lines=lines,
    )


def _customer_and_job(found: Reference | None) -> tuple[Reference, Reference | None]:
    """QuickBooks names either in one element; a job's full name has its customer before the colon."""
    if found is None:
        return Reference(name="?"), None
    if found.name and ":" in found.name:
        return Reference(name=found.name.rsplit(":", 1)[0]), found
    return found, None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


INVOICE = Mapper(
    kind=Kind.INVOICE,
    records=frozenset({"InvoiceRet"}),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: Request("InvoiceQueryRq", {"TxnID": quickbooks_id, "IncludeLineItems": True}),
    by_name=_by_name,
    read=_read,
    void_type="Invoice",
)
