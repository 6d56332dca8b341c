"""Time worked: `TimeTracking`. QuickBooks keeps whole minutes."""

import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import documents
from qbsync_qbwc_gateway.mapping.base import Books, Mapper, NotSupportedError, changed, head, reference
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import TimeEntry
from qbsync_shared.kinds import Kind

_ELEMENTS = {
    "date": ("TxnDate",),
    "employee": ("EntityRef",),
    "vendor": ("EntityRef",),
    "customer": ("CustomerRef",),
    "job": ("CustomerRef",),
    "item": ("ItemServiceRef",),
    "hours": ("Duration",),
    "class": ("ClassRef",),
    "notes": ("Notes",),
    "billable": ("BillableStatus",),
}
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


def _full(entity: TimeEntry, books: Books) -> dict[str, Any]:
    who = books.ref(Kind.EMPLOYEE, entity.employee) or books.ref(Kind.VENDOR, entity.vendor)
    if who is None:
        raise NotSupportedError("Nobody is named who worked. Add the employee or vendor in the app.")
    customer = documents.customer_ref(entity.customer, entity.job, books)
    billable = "Billable" if entity.billable else "NotBillable"
    return {
        "TxnDate": entity.date,
        "EntityRef": who,
        "CustomerRef": customer,
        "ItemServiceRef": books.ref(Kind.ITEM, entity.item),
        "Duration": duration(entity.hours),
        "ClassRef": books.ref(Kind.CLASS, entity.class_),
        "Notes": entity.notes,
        "BillableStatus": billable if customer else None,
    }


def duration(hours: Decimal) -> str:
    """Hours as QuickBooks writes them, to the minute: 2.5 is ``PT2H30M``."""
    minutes = int((hours * 60).quantize(Decimal(1), ROUND_HALF_UP))
    return f"PT{minutes // 60}H{minutes % 60}M"


def hours_of(text: str | None) -> Decimal:
    """A duration as read, in hours to four places."""
    found = _DURATION.fullmatch(text or "")
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    total = Decimal(hours * 3600 + minutes * 60 + seconds) / 3600
    return total.quantize(Decimal("0.0001")).normalize() + Decimal(0)


def _create(entity: TimeEntry, books: Books, guid: str) -> Request:
    content = {**_full(entity, books), "ExternalGUID": guid}
    return Request("TimeTrackingAddRq", {"TimeTrackingAdd": content})


def _update(entity: TimeEntry, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    """The person and the duration must be in each Mod."""
    full = _full(entity, books)
    content = {
        "EntityRef": full["EntityRef"],
        "Duration": full["Duration"],
        **changed(full, fields, _ELEMENTS),
    }
    if content.get("BillableStatus") == "":
        del content["BillableStatus"]  # without a customer there is nobody to bill
    return Request("TimeTrackingModRq", {"TimeTrackingMod": {**head(link, of="TxnID"), **content}})


def _read(ret: etree._Element) -> TimeEntry:
    return TimeEntry(
        date=documents.day(ret, "TxnDate") or date.min,
        hours=hours_of(value(ret, "Duration")),
        employee=reference(ret, "EntityRef"),
        item=reference(ret, "ItemServiceRef"),
        class_=reference(ret, "ClassRef"),
        billable=value(ret, "BillableStatus") in ("Billable", "HasBeenBilled"),
        notes=value(ret, "Notes"),
        **documents.customer_and_job(ret),
    )


TIME_ENTRY = Mapper(
    kind=Kind.TIME_ENTRY,
    records=frozenset({"TimeTrackingRet"}),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: Request("TimeTrackingQueryRq", {"TxnID": quickbooks_id}),
    by_name=lambda entity: Request("TimeTrackingQueryRq", documents.on_day(entity.date)),
    read=_read,
    txn_type="TimeTracking",
)
