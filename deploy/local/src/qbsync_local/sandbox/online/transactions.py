"""Rules that all dated documents share: date and closed period, number, currency, line numbers, due date, links."""

import calendar
from datetime import date, timedelta

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books, Draft
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.store import Record

NUMBERED = frozenset({"Invoice", "Estimate", "SalesReceipt", "CreditMemo", "RefundReceipt", "PurchaseOrder"})


def document_rules(books: Books, draft: Draft) -> Fault | None:
    """Settle date, number and currency of a document; the first fault, or None."""
    body = draft.body
    body.setdefault("TxnDate", books.today())
    return (
        _currency(books, draft)
        or locked(books, draft.old)
        or closed(books, body)
        or _number(books, draft)
        or _links(books, draft)
    )


def _currency(books: Books, draft: Draft) -> Fault | None:
    """A document is in the currency of its customer or vendor, and in the company's where there is only that."""
    kind = draft.entity.party.removesuffix("Ref")
    reference = draft.body.get(draft.entity.party)
    party = books.find(kind, reference["value"]) if kind and reference else None
    several = bool(books.preference("CurrencyPrefs", "MultiCurrencyEnabled"))
    theirs = (party.body.get("CurrencyRef") or {}).get("value") if party and several else None
    currency = draft.body.setdefault("CurrencyRef", {"value": theirs or books.currency})
    if currency["value"] == (theirs or books.currency):
        return None
    why = f"the {kind.lower()} has another one" if several else "the company does not use multicurrency"
    return faults.business(f"The currency of the transaction is invalid: {why}.")


def locked(books: Books, record: Record | None) -> Fault | None:
    """Why an existing document cannot be touched: its period is closed, or it was deposited."""
    if record is None:
        return None
    if any(link.get("TxnType") == "Deposit" for link in record.body.get("LinkedTxn", [])):
        return faults.rule(
            "6540",
            "Deposited Transaction cannot be changed",
            "This transaction has been deposited. Remove it from the deposit first.",
        )
    return closed(books, record.body)


def closed(books: Books, body: Json) -> Fault | None:
    if not books.closed_on(body.get("TxnDate")):
        return None
    return faults.Fault(
        "6210",
        "Account Period Closed, Cannot Update Through Services API",
        "The account period has closed and the account books cannot be updated through the QBO Services API. "
        "Please use the QBO website to make these changes.",
        "",
    )


def due_date(books: Books, body: Json) -> str:
    """TxnDate moved on by the document's term (DueDays, or the next DayOfMonthDue); TxnDate without a term."""
    day = date.fromisoformat(str(body["TxnDate"]))
    reference = body.get("SalesTermRef")
    term = books.find("Term", reference["value"]) if reference else None
    if term is None:
        return day.isoformat()
    if term.body.get("DueDays") is not None:
        return (day + timedelta(days=int(term.body["DueDays"]))).isoformat()
    return _next_day_of_month(day, int(term.body["DayOfMonthDue"])).isoformat()


def number_lines(draft: Draft) -> None:
    """Keep the ids of lines that came back, give the new ones the next; LineNum counts from 1."""
    lines = [line for line in draft.body.get("Line") or [] if line.get("DetailType") != "SubTotalLineDetail"]
    before = draft.old.body.get("Line", []) if draft.old else []
    known = {str(line["Id"]) for line in before if line.get("Id")}
    used = max((int(identifier) for identifier in known), default=0)
    for number, line in enumerate(lines, start=1):
        if str(line.get("Id")) not in known:
            used += 1
            line["Id"] = str(used)
        line["LineNum"] = number
    draft.body["Line"] = lines


def _number(books: Books, draft: Draft) -> Fault | None:
    if draft.entity.name not in NUMBERED:
        return None
    name = draft.entity.name
    custom = bool(books.preference("SalesFormsPrefs", "CustomTxnNumbers"))
    number = draft.body.get("DocNumber")
    if not number:
        if draft.old is None and not custom:
            draft.body["DocNumber"] = str(1000 + int(books.store.next_id(books.realm, f"number {name}")))
        return None
    owner = books.owner_of_number(name, str(number)) if custom else None
    if owner is None or owner.id == draft.id:
        return None
    return faults.duplicate_number(str(number), name, owner.id)


def _links(books: Books, draft: Draft) -> Fault | None:
    for link in draft.sent.get("LinkedTxn") or []:
        kind, identifier = str(link.get("TxnType", "")), str(link.get("TxnId", ""))
        if kind in {"Estimate", "PurchaseOrder"} and books.find(kind, identifier) is None:
            return faults.business(
                f"The entity {kind} {identifier} that you are trying to link does not exist. {kind} {identifier}"
            )
    return None


def _next_day_of_month(day: date, due: int) -> date:
    year, month = (
        (day.year, day.month) if day.day <= due else (day.year + day.month // 12, day.month % 12 + 1)
    )
    return date(year, month, min(due, calendar.monthrange(year, month)[1]))
