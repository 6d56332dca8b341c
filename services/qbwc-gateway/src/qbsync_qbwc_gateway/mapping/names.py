"""What customers, jobs and vendors have in common."""

from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping.base import Books, head, is_true, read_address
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import Customer, Job, Vendor
from qbsync_shared.kinds import Kind

Contact = Customer | Job | Vendor

CONTACT_ELEMENTS: dict[str, tuple[str, ...]] = {
    "name": ("Name",),
    "company_name": ("CompanyName",),
    "given_name": ("FirstName",),
    "family_name": ("LastName",),
    "email": ("Email",),
    "phone": ("Phone",),
    "mobile": ("Mobile",),
    "fax": ("Fax",),
    "notes": ("Notes",),
    "active": ("IsActive",),
}


def write_contact(entity: Contact) -> dict[str, Any]:
    """The elements that all of them have."""
    return {
        "Name": entity.name,
        "IsActive": entity.active,
        "CompanyName": entity.company_name,
        "FirstName": entity.given_name,
        "LastName": entity.family_name,
        "Email": entity.email,
        "Phone": entity.phone,
        "Mobile": entity.mobile,
        "Fax": entity.fax,
        "Notes": entity.notes,
    }


def read_contact(ret: etree._Element, *, address: str) -> dict[str, Any]:
    """The fields that all of them have; ``address`` names the element of the postal address."""
    return {
        "name": value(ret, "Name"),
        "company_name": value(ret, "CompanyName"),
        "given_name": value(ret, "FirstName"),
        "family_name": value(ret, "LastName"),
        "email": value(ret, "Email"),
        "phone": value(ret, "Phone"),
        "mobile": value(ret, "Mobile"),
        "fax": value(ret, "Fax"),
        "notes": value(ret, "Notes"),
        "billing_address": read_address(ret, address),
        "active": is_true(ret, "IsActive", default=True),
    }


def terms_and_tax(entity: Customer, books: Books) -> dict[str, Any]:
    """Terms of payment and the customer's own tax code, where the app says them."""
    return {
        "TermsRef": books.ref(Kind.TERM, entity.terms),
        "SalesTaxCodeRef": books.ref(Kind.TAX_CODE, entity.tax_code),
    }


def inactive(mod: str, link: LinkRow) -> Request:
    """Make a record of a list inactive; QuickBooks deletes none that has history."""
    return Request(f"{mod}Rq", {mod: {**head(link), "IsActive": False}})


def by_id(query: str, quickbooks_id: str) -> Request:
    """Read one record of a list by its id."""
    return Request(query, {"ListID": quickbooks_id})


def by_name(query: str, full_name: str) -> Request:
    """Read one record of a list by its full name."""
    return Request(query, {"FullName": full_name})
