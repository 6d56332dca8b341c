"""Vendors."""

from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import names
from qbsync_qbwc_gateway.mapping.base import Books, Mapper, changed, head, reference, write_address
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import Vendor
from qbsync_shared.kinds import Kind

_ELEMENTS = {
    **names.CONTACT_ELEMENTS,
    "billing_address": ("VendorAddress",),
    "terms": ("TermsRef",),
    "account_number": ("AccountNumber",),
}


def _full(entity: Vendor, books: Books, *, whole: bool = False) -> dict[str, Any]:
    return {
        **names.write_contact(entity),
        "VendorAddress": write_address(entity.billing_address, whole=whole),
        "TermsRef": books.ref(Kind.TERM, entity.terms),
        "AccountNumber": entity.account_number,
    }


def _create(entity: Vendor, books: Books, guid: str) -> Request:
    return Request("VendorAddRq", {"VendorAdd": {**_full(entity, books), "ExternalGUID": guid}})


def _update(entity: Vendor, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    content = changed(_full(entity, books, whole=True), fields, _ELEMENTS)
    return Request("VendorModRq", {"VendorMod": {**head(link), **content}})


def _read(ret: etree._Element) -> Vendor:
    return Vendor(
        **names.read_contact(ret, address="VendorAddress"),
        terms=reference(ret, "TermsRef"),
        account_number=value(ret, "AccountNumber"),
    )


VENDOR = Mapper(
    kind=Kind.VENDOR,
    records=frozenset({"VendorRet"}),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: names.by_id("VendorQueryRq", quickbooks_id),
    by_name=lambda entity: names.by_name("VendorQueryRq", entity.name),
    read=_read,
    deactivate=lambda _entity, link: names.inactive("VendorMod", link),
)
