"""Rules of bills, purchase orders and time activities."""

from collections.abc import Iterator
from datetime import datetime

from qbsync_local.sandbox.online import faults, taxes
from qbsync_local.sandbox.online.books import Books, Draft
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.money import ZERO, amount
from qbsync_local.sandbox.online.sales import amount_faults
from qbsync_local.sandbox.online.transactions import due_date, number_lines

_DETAILS = {"ItemBasedExpenseLineDetail": "ItemRef", "AccountBasedExpenseLineDetail": "AccountRef"}
_BILLABLE = frozenset({"Billable", "NotBillable"})


def purchase_rules(books: Books, draft: Draft) -> Fault | None:
    """Check the lines of a bill or purchase order and add them up; the first fault, or None."""
    body = draft.body
    number_lines(draft)
    fault = next((fault for line in body["Line"] for fault in _line(books, body, line)), None)
    if fault is not None:
        return fault
    if body.get("APAccountRef") is None:
        payable = books.by_label("Account", "Accounts Payable (A/P)")
        if payable is not None:
            body["APAccountRef"] = {"value": payable.id}
    body["TotalAmt"] = sum((amount(line, "Amount") for line in body["Line"]), ZERO)
    if not books.in_us:
        lines = [line for line in body["Line"] if line["DetailType"] in _DETAILS]
        details = [(amount(line, "Amount"), line[line["DetailType"]]) for line in lines]
        body["TotalAmt"] += taxes.tax(books, body, details, taxes.PURCHASES)
    if draft.entity.name == "Bill":
        body["Balance"] = body["TotalAmt"]
        body.setdefault("DueDate", due_date(books, body))
    else:
        body.setdefault("POStatus", "Open")
    return None


def _line(books: Books, body: Json, line: Json) -> Iterator[Fault]:
    """The faults of one line; what is read later is only read when nothing was wrong before."""
    kind = str(line.get("DetailType", ""))
    if kind == "DescriptionOnly":
        return
    if not kind:
        yield faults.missing("Line.DetailType")
    if kind not in _DETAILS:
        yield faults.rule(
            "5030", "Feature Not Supported", f"DetailType {kind} is not supported here.", "DetailType"
        )
    detail = line.setdefault(kind, {})
    if detail.get(_DETAILS[kind]) is None:
        yield faults.rule(
            "6440", "Transaction detail required", f"{_DETAILS[kind]} is needed on each line.", "Line"
        )
    if line.get("Amount") is None:
        yield faults.missing("Line.Amount")
    yield from _billable(detail)
    wrong = None if books.in_us else taxes.code_fault(books, body, detail)
    if wrong is not None:
        yield wrong
    if books.in_us:
        detail.setdefault("TaxCodeRef", {"value": "NON"})
    yield from amount_faults(line, detail)


def _billable(body: Json) -> Iterator[Fault]:
    status = body.setdefault("BillableStatus", "NotBillable")
    if status not in _BILLABLE:
        yield faults.bad_value("2170", "Invalid Enumeration", "BillableStatus", status)
    if status == "Billable" and body.get("CustomerRef") is None:
        yield faults.rule("6310", "Missing customer on billable transaction", "", "CustomerRef")


def time_rules(books: Books, draft: Draft) -> Fault | None:
    """A time activity: who, how long, for whom. Source: Intuit's API reference, TimeActivity."""
    draft.body.setdefault("TxnDate", books.today())
    return next(_time_faults(draft.body), None)


def _time_faults(body: Json) -> Iterator[Fault]:
    who = body["NameOf"]
    if who not in {"Employee", "Vendor"}:
        yield faults.rule(
            "6300", "Invalid employee or vendor name", "NameOf must be Employee or Vendor.", "NameOf"
        )
    if (body.get("EmployeeRef") is None) == (body.get("VendorRef") is None) or body.get(f"{who}Ref") is None:
        yield faults.rule(
            "6290", "Invalid employee or vendor", f"Give {who}Ref and nothing else.", f"{who}Ref"
        )
    yield from _billable(body)
    worked = body.get("Hours") is not None or body.get("Minutes") is not None
    clocked = body.get("StartTime") is not None or body.get("EndTime") is not None
    if not worked and not clocked:
        yield faults.rule(
            "6350", "Missing time", "Give Hours and Minutes, or StartTime and EndTime.", "Hours"
        )
    if worked and clocked:
        yield faults.rule(
            "6390", "Invalid multiple durations", "Give a duration or a start and an end.", "Hours"
        )
    yield from _duration(body) if worked else _interval(body)


def _duration(body: Json) -> Iterator[Fault]:
    hours, minutes = body.setdefault("Hours", 0), body.setdefault("Minutes", 0)
    if hours < 0 or not 0 <= minutes < 60 or hours * 60 + minutes > 24 * 60:
        yield faults.rule("6380", "Invalid duration", "At most 24 hours; minutes from 0 to 59.", "Hours")


def _interval(body: Json) -> Iterator[Fault]:
    if body.get("StartTime") is None or body.get("EndTime") is None:
        yield faults.rule("6360", "Invalid start or end time", "Both are needed.", "StartTime")
    start, end = datetime.fromisoformat(str(body["StartTime"])), datetime.fromisoformat(str(body["EndTime"]))
    if (start.tzinfo is None) != (end.tzinfo is None):
        yield faults.rule("6360", "Invalid start or end time", "Both need an offset, or none.", "StartTime")
    if start >= end:
        yield faults.rule("6370", "Start time after end time", "", "StartTime")
