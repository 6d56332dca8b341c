"""Customers, jobs (sub-customers), vendors and employees: what people and companies have in common."""

from collections.abc import Collection
from typing import Any

from qbsync_qbo_worker.mapping.values import (
    Json,
    address_in,
    address_out,
    chosen,
    present,
    reference_in,
    reference_out,
)


def contact_out(entity: Any, fields: Collection[str], *, creating: bool) -> Json:
    """The properties that every contact has; emptied where an update takes a value away."""
    text = {
        "name": ("DisplayName", entity.name),
        "company_name": ("CompanyName", entity.company_name),
        "given_name": ("GivenName", entity.given_name),
        "family_name": ("FamilyName", entity.family_name),
        "active": ("Active", entity.active),
    }
    wrapped = {
        "email": ("PrimaryEmailAddr", _wrapped("Address", entity.email, creating=creating)),
        "phone": ("PrimaryPhone", _wrapped("FreeFormNumber", entity.phone, creating=creating)),
        "mobile": ("Mobile", _wrapped("FreeFormNumber", entity.mobile, creating=creating)),
        "fax": ("Fax", _wrapped("FreeFormNumber", entity.fax, creating=creating)),
        "billing_address": ("BillAddr", _address(entity.billing_address, creating=creating)),
    }
    return chosen(text, fields, creating=creating) | chosen(wrapped, fields, creating=creating)


def shipping_out(entity: Any, fields: Collection[str], *, creating: bool) -> Json:
    """The shipping address, for kinds that have one."""
    values = {"shipping_address": ("ShipAddr", _address(entity.shipping_address, creating=creating))}
    return chosen(values, fields, creating=creating)


def contact_in(record: Json) -> Json:
    """What every contact has, as the contract has it."""
    return present(
        {
            "name": record.get("DisplayName"),
            "company_name": record.get("CompanyName"),
            "given_name": record.get("GivenName"),
            "family_name": record.get("FamilyName"),
            "email": (record.get("PrimaryEmailAddr") or {}).get("Address"),
            "phone": (record.get("PrimaryPhone") or {}).get("FreeFormNumber"),
            "mobile": (record.get("Mobile") or {}).get("FreeFormNumber"),
            "fax": (record.get("Fax") or {}).get("FreeFormNumber"),
            "billing_address": address_in(record.get("BillAddr")),
            "active": record.get("Active", True),
        }
    )


def terms_out(entity: Any, fields: Collection[str]) -> Json:
    """The terms of payment."""
    return {"SalesTermRef": reference_out(entity.terms)} if "terms" in fields and entity.terms else {}


def terms_in(record: Json, name: str) -> Json | None:
    """The terms of payment, as the contract has them."""
    return reference_in(record.get(name))


def _wrapped(key: str, value: str | None, *, creating: bool) -> Json | None:
    if value is None and creating:
        return None
    return {key: value or ""}


def _address(address: Any, *, creating: bool) -> Json | None:
    if address is None and creating:
        return None
    return address_out(address)
