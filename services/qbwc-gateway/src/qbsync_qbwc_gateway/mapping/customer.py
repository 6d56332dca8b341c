"""Customers."""

from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import names
from qbsync_qbwc_gateway.mapping.base import (
    Books,
    Mapper,
    changed,
    head,
    read_address,
    reference,
    write_address,
)
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import Customer
from qbsync_shared.kinds import Kind

_ELEMENTS = {
    **names.CONTACT_ELEMENTS,
    "billing_address": ("BillAddress",),
    "shipping_address": ("ShipAddress",),
    "terms": ("TermsRef",),
    "tax_code": ("SalesTaxCodeRef",),
    "account_number": ("AccountNumber",),
}


def _full(entity: Customer, books: Books, *, whole: bool = False) -> dict[str, Any]:
    return {
        **names.write_contact(entity),
        **names.terms_and_tax(entity, books),
        "BillAddress": write_address(entity.billing_address, whole=whole),
        "ShipAddress": write_address(entity.shipping_address, whole=whole),
        "AccountNumber": entity.account_number,
    }


def _create(entity: Customer, books: Books, guid: str) -> Request:
    return Request("CustomerAddRq", {"CustomerAdd": {**_full(entity, books), "ExternalGUID": guid}})


def _update(entity: Customer, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    content = changed(_full(entity, books, whole=True), fields, _ELEMENTS)
    return Request("CustomerModRq", {"CustomerMod": {**head(link), **content}})


def _read(ret: etree._Element) -> Customer:
    return Customer(
        **names.read_contact(ret, address="BillAddress"),
        shipping_address=read_address(ret, "ShipAddress"),
        terms=reference(ret, "TermsRef"),
        tax_code=reference(ret, "SalesTaxCodeRef"),
        account_number=value(ret, "AccountNumber"),
    )


CUSTOMER = Mapper(
    kind=Kind.CUSTOMER,
    records=frozenset({"CustomerRet"}),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: names.by_id("CustomerQueryRq", quickbooks_id),
    by_name=lambda entity: names.by_name("CustomerQueryRq", entity.name),
    read=_read,
    deactivate=lambda _entity, link: names.inactive("CustomerMod", link),
)
