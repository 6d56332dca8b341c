"""What all transactions have in common: parties, days, and how one is found again."""

from datetime import date
from typing import Any, Protocol

from lxml import etree

from qbsync_qbwc_gateway.mapping.base import Books, reference
from qbsync_qbwc_gateway.qbxml.reader import value
from qbsync_qbwc_gateway.qbxml.writer import Aggregate, Request
from qbsync_shared.entities import Reference
from qbsync_shared.kinds import Kind


class _Numbered(Protocol):
    @property
    def number(self) -> str | None: ...

    @property
    def date(self) -> date: ...


def by_id(element: str, quickbooks_id: str) -> Request:
    """Read one transaction with its lines by its id."""
    return Request(f"{element}QueryRq", {"TxnID": quickbooks_id, "IncludeLineItems": True})


def by_number(element: str, entity: _Numbered) -> Request:
    """Read by number; one without a number is looked for among those of its day."""
    if entity.number:
        return Request(f"{element}QueryRq", {"RefNumber": entity.number, "IncludeLineItems": True})
    return Request(f"{element}QueryRq", {**on_day(entity.date), "IncludeLineItems": True})


def on_day(day: date) -> dict[str, Any]:
    """The filter for the transactions of a day."""
    return {"TxnDateRangeFilter": {"FromTxnDate": day, "ToTxnDate": day}}


def customer_ref(customer: Reference | None, job: Reference | None, books: Books) -> Aggregate | None:
    """QuickBooks names a job and its customer in one element: the job where there is one."""
    return books.ref(Kind.JOB, job) or books.ref(Kind.CUSTOMER, customer)


def customer_and_job(ret: etree._Element) -> dict[str, Reference | None]:
    """The fields ``customer`` and ``job`` as read; a job's full name has its customer before the colon."""
    found = reference(ret, "CustomerRef")
    if found is not None and found.name and ":" in found.name:
        return {"customer": Reference(name=found.name.rsplit(":", 1)[0]), "job": found}
    return {"customer": found, "job": None}


def day(ret: etree._Element, path: str) -> date | None:
    """A date as read."""
    text = value(ret, path)
    return date.fromisoformat(text[:10]) if text else None
