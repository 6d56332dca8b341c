"""Rules of bills, purchase orders and time activities."""

from __future__ import annotations

from datetime import datetime

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books, Draft
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.money import ZERO, amount
from qbsync_local.sandbox.online.sales import amount_fault
from qbsync_local.sandbox.online.transactions import due_date, number_lines

_DETAILS = {"ItemBasedExpenseLineDetail": "ItemRef", "AccountBasedExpenseLineDetail": "AccountRef"}
_BILLABLE = frozenset({"Billable", "NotBillable"})


def purchase_rules(books: Books, draft: Draft) -> Fault | None:
    """Check the lines of a bill or purchase order and add them up; the first fault, or None."""
    body = draft.body
    number_lines(draft)
    for line in body["Line"]:
        fault = _line(line)
        if fault is not None:
            return fault
    if body.get("APAccountRef") is None:
        payable = books.by_label("Account", "Accounts Payable (A/P)")
        if payable is not None:
            body["APAccountRef"] = {"value": payable.id}
    body["TotalAmt"] = sum((amount(line, "Amount") for line in body["Line"]), ZERO)
    if draft.entity.name == "Bill":
        body["Balance"] = body["TotalAmt"]
        body.setdefault("DueDate", due_date(books, body))
    else:
        body.setdefault("POStatus", "Open")
    return None


def _line(line: Json) -> Fault | None:
    kind = line.get("DetailType")
    if kind is None:
        return faults.missing("Line.DetailType")
    if kind == "DescriptionOnly":
        return None
    if kind not in _DETAILS:
        return faults.rule(
            "5030", "Feature Not Supported", f"DetailType {kind} is not supported here.", "DetailType"
        )
    detail = line.setdefault(kind, {})
    if detail.get(_DETAILS[kind]) is None:
        return faults.rule(
            "6440", "Transaction detail required", f"{_DETAILS[kind]} is needed on each line.", "Line"
        )
    if line.get("Amount") is None:
        return faults.missing("Line.Amount")
    status = detail.setdefault("BillableStatus", "NotBillable")
    if status not in _BILLABLE:
        return faults.bad_value("2170", "Invalid Enumeration", "BillableStatus", status)
    if status == "Billable" and detail.get("CustomerRef") is None:
        return faults.rule("6310", "Missing customer on billable transaction", "", "CustomerRef")
    detail.setdefault("TaxCodeRef", {"value": "NON"})
    return amount_fault(line, detail)


def time_rules(books: Books, draft: Draft) -> Fault | None:
    """A time activity: who, how long, for whom. Source: Intuit's API reference, TimeActivity."""
    body = draft.body
    body.setdefault("TxnDate", books.today())
    who = body["NameOf"]
    if who not in {"Employee", "Vendor"}:
        return faults.rule(
            "6300", "Invalid employee or vendor name", "NameOf must be Employee or Vendor.", "NameOf"
        )
    if (body.get("EmployeeRef") is None) == (body.get("VendorRef") is None) or body.get(f"{who}Ref") is None:
        return faults.rule(
            "6290", "Invalid employee or vendor", f"Give {who}Ref and nothing else.", f"{who}Ref"
        )
    status = body.setdefault("BillableStatus", "NotBillable")
    if status not in _BILLABLE:
        return faults.bad_value("2170", "Invalid Enumeration", "BillableStatus", status)
    if status == "Billable" and body.get("CustomerRef") is None:
        return faults.rule("6310", "Missing customer on billable transaction", "", "CustomerRef")
    return _duration(body)


def _duration(body: Json) -> Fault | None:
    worked = body.get("Hours") is not None or body.get("Minutes") is not None
    clocked = body.get("StartTime") is not None or body.get("EndTime") is not None
    if not worked and not clocked:
        return faults.rule(
            "6350", "Missing time", "Give Hours and Minutes, or StartTime and EndTime.", "Hours"
        )
    if worked and clocked:
        return faults.rule(
            "6390", "Invalid multiple durations", "Give a duration or a start and an end.", "Hours"
        )
    if worked:
        hours, minutes = body.setdefault("Hours", 0), body.setdefault("Minutes", 0)
        if hours < 0 or not 0 <= minutes < 60 or hours * 60 + minutes > 24 * 60:
            return faults.rule("6380", "Invalid duration", "At most 24 hours; minutes from 0 to 59.", "Hours")
        return None
    if body.get("StartTime") is None or body.get("EndTime") is None:
        return faults.rule("6360", "Invalid start or end time", "Both are needed.", "StartTime")
    start, end = datetime.fromisoformat(str(body["StartTime"])), datetime.fromisoformat(str(body["EndTime"]))
    if (start.tzinfo is None) != (end.tzinfo is None):
        return faults.rule("6360", "Invalid start or end time", "Both need an offset, or none.", "StartTime")
    return faults.rule("6370", "Start time after end time", "", "StartTime") if start >= end else None
