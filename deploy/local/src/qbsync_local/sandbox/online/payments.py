"""Rules of customer payments, and what they do to the invoices and credit memos they are applied to."""

from collections.abc import Iterator
from decimal import Decimal

from qbsync_local.sandbox.online import faults
from qbsync_local.sandbox.online.books import Books, Draft
from qbsync_local.sandbox.online.faults import Fault
from qbsync_local.sandbox.online.jsonio import Json
from qbsync_local.sandbox.online.money import ZERO, amount, whole_cents
from qbsync_local.sandbox.online.store import Record
from qbsync_local.sandbox.online.transactions import number_lines

_APPLICABLE = frozenset({"Invoice", "CreditMemo"})


def payment_rules(books: Books, draft: Draft) -> Fault | None:
    """Check amounts and links and compute UnappliedAmt; the first fault, or None. Nothing is applied by itself."""
    body = draft.body
    body["TotalAmt"] = amount(body, "TotalAmt")
    if body["TotalAmt"] < ZERO:
        return faults.bad_value("2140", "Invalid Amount", "TotalAmt", str(body["TotalAmt"]))
    number_lines(draft)
    for line in body["Line"]:
        fault = _line(books, draft, line)
        if fault is not None:
            return fault
    if body.get("DepositToAccountRef") is None:
        undeposited = books.by_label("Account", "Undeposited Funds")
        if undeposited is not None:
            body["DepositToAccountRef"] = {"value": undeposited.id}
    used = sum((value if kind == "Invoice" else -value for kind, _, value in applications(body)), ZERO)
    body["UnappliedAmt"] = body["TotalAmt"] - used
    if body["UnappliedAmt"] < ZERO:
        return faults.business("The amounts applied are more than the amount of the payment.")
    return None


def applications(body: Json) -> Iterator[tuple[str, str, Decimal]]:
    """(kind, id, amount) of everything a payment is applied to."""
    for line in body.get("Line") or []:
        for link in (line.get("LinkedTxn") or [])[:1]:
            yield str(link.get("TxnType")), str(link.get("TxnId")), amount(line, "Amount")


def applied(books: Books, kind: str, identifier: str, body: Json) -> Decimal:
    """How much of this invoice or credit memo payments have used."""
    total = ZERO
    for link in body.get("LinkedTxn") or []:
        payment = books.find("Payment", str(link.get("TxnId"))) if link.get("TxnType") == "Payment" else None
        if payment is not None:
            total += _share(payment.body, kind, identifier)
    return total


def settle_documents(books: Books, payment_id: str, before: Json, after: Json) -> None:
    """Bring the documents of a saved, voided or deleted payment up to date: links, balance, SyncToken."""
    touched = {(kind, identifier) for body in (before, after) for kind, identifier, _ in applications(body)}
    for kind, identifier in sorted(touched):
        record = books.find(kind, identifier)
        if record is None or _share(before, kind, identifier) == _share(after, kind, identifier):
            continue
        links = [link for link in record.body.get("LinkedTxn", []) if link != _link(payment_id)]
        if _share(after, kind, identifier):
            links.append(_link(payment_id))
        body = record.body | {"LinkedTxn": links}
        rest = amount(body, "TotalAmt") - applied(books, kind, identifier, body)
        body["Balance"] = rest - amount(body, "Deposit") if kind == "Invoice" else rest
        if kind == "CreditMemo":
            body["RemainingCredit"] = rest
        _keep(books, record, body)


def unapply(books: Books, kind: str, document: Record) -> None:
    """Take a voided document out of its payments, which keep the money as unapplied."""
    for link in document.body.get("LinkedTxn") or []:
        payment = books.find("Payment", str(link.get("TxnId"))) if link.get("TxnType") == "Payment" else None
        if payment is None:
            continue
        freed = _share(payment.body, kind, document.id)
        lines = [line for line in payment.body["Line"] if _target(line) != (kind, document.id)]
        unapplied = amount(payment.body, "UnappliedAmt") + (freed if kind == "Invoice" else -freed)
        body = payment.body | {"Line": lines, "UnappliedAmt": unapplied}
        _keep(books, payment, body)


def open_cents(entity: str, body: Json) -> int:
    """What a document adds to its party's open balance, in cents."""
    if entity in {"Invoice", "Bill"}:
        return whole_cents(amount(body, "Balance"))
    if entity == "CreditMemo":
        return -whole_cents(amount(body, "RemainingCredit"))
    return -whole_cents(amount(body, "UnappliedAmt")) if entity == "Payment" else 0


def _keep(books: Books, record: Record, body: Json) -> None:
    books.store.put(
        record.changed(
            body=body,
            sync_token=record.sync_token + 1,
            updated=books.store.seconds(),
            open_cents=open_cents(record.entity, body),
        )
    )


def _line(books: Books, draft: Draft, line: Json) -> Fault | None:
    links = line.get("LinkedTxn") or []
    if len(links) != 1 or links[0].get("TxnType") not in _APPLICABLE:
        return faults.business("Each line of a payment links exactly one Invoice or CreditMemo.")
    if line.get("Amount") is None:
        return faults.missing("Line.Amount")
    kind, identifier = _target(line)
    document = books.find(kind, identifier)
    if (
        document is None
        or document.body.get("CustomerRef", {}).get("value") != draft.body["CustomerRef"]["value"]
    ):
        return faults.rule(
            "620",
            "Txn ID cannot be linked",
            f"Cannot validate linked transactions: {kind} {identifier} of this customer.",
        )
    before = _share(draft.old.body, kind, identifier) if draft.old else ZERO
    left = amount(document.body, "Balance") + before
    if _share(draft.body, kind, identifier) > left:
        return faults.business(
            f"The amount applied to {kind} {identifier} is more than its open balance of {left}."
        )
    return None


def _share(payment: Json, kind: str, identifier: str) -> Decimal:
    return sum(
        (value for one, other, value in applications(payment) if (one, other) == (kind, identifier)), ZERO
    )


def _target(line: Json) -> tuple[str, str]:
    link = line["LinkedTxn"][0] if line.get("LinkedTxn") else {}
    return str(link.get("TxnType")), str(link.get("TxnId"))


def _link(payment_id: str) -> Json:
    return {"TxnId": payment_id, "TxnType": "Payment"}
