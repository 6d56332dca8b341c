"""Jobs: in QuickBooks Desktop a job is a customer below another customer."""

from datetime import date
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
from qbsync_shared.entities import Job, Reference
from qbsync_shared.kinds import Kind

_ELEMENTS = {
    **names.CONTACT_ELEMENTS,
    "customer": ("ParentRef",),
    "billing_address": ("BillAddress",),
    "shipping_address": ("ShipAddress",),
    "description": ("JobDesc",),
    "start_date": ("JobStartDate",),
    "end_date": ("JobEndDate",),
}


def _full(entity: Job, books: Books, *, whole: bool = False) -> dict[str, Any]:
    return {
        **names.write_contact(entity),
        "ParentRef": books.ref(Kind.CUSTOMER, entity.customer),
        "BillAddress": write_address(entity.billing_address, whole=whole),
        "ShipAddress": write_address(entity.shipping_address, whole=whole),
        "JobDesc": entity.description,
        "JobStartDate": entity.start_date,
        "JobEndDate": entity.end_date,
    }


def _create(entity: Job, books: Books, guid: str) -> Request:
    return Request("CustomerAddRq", {"CustomerAdd": {**_full(entity, books), "ExternalGUID": guid}})


def _update(entity: Job, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    content = changed(_full(entity, books, whole=True), fields, _ELEMENTS)
    return Request("CustomerModRq", {"CustomerMod": {**head(link), **content}})


def _by_name(entity: Job) -> Request:
    """By the name below its parent; without the parent's name every record of that name is looked at."""
    if entity.customer.name:
        return names.by_name("CustomerQueryRq", f"{entity.customer.name}:{entity.name}")
    return Request("CustomerQueryRq", {"NameFilter": {"MatchCriterion": "EndsWith", "Name": entity.name}})


def _read(ret: etree._Element) -> Job:
    return Job(
        **names.read_contact(ret, address="BillAddress"),
        customer=reference(ret, "ParentRef") or Reference(name="?"),
        shipping_address=read_address(ret, "ShipAddress"),
        description=value(ret, "JobDesc"),
        start_date=_day(value(ret, "JobStartDate")),
        end_date=_day(value(ret, "JobEndDate")),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


JOB = Mapper(
    kind=Kind.JOB,
    records=frozenset({"CustomerRet"}),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: names.by_id("CustomerQueryRq", quickbooks_id),
    by_name=_by_name,
    read=_read,
    deactivate=lambda _entity, link: names.inactive("CustomerMod", link),
)
