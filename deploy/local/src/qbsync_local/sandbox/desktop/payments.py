"""Payments and what they are applied to: each application lowers an invoice's balance and moves its EditSequence."""

from decimal import Decimal

from qbsync_local.sandbox.desktop import sales
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.kinds import KINDS
from qbsync_local.sandbox.desktop.statuses import invalid_value, not_found
from qbsync_local.sandbox.desktop.store import Record

INVOICE = KINDS["Invoice"]
PAYMENT = KINDS["ReceivePayment"]


def apply(company: Company, payment: Record) -> None:
    """Apply a payment to the invoices it names, or to the oldest open ones. The payment itself is not saved here.

    Raises 3000, 3120 for a bad TxnID and 3210 for more than an invoice owes or than the payment holds.
    """
    content = payment.content
    applications = content.get("AppliedToTxnRet", [])
    total = sales.decimal(content, "TotalAmount")
    if total is None:
        total = sum((sales.decimal(one, "PaymentAmount") or Decimal(0) for one in applications), Decimal(0))
    if content.pop("IsAutoApply", "") in ("true", "1"):
        applications = _oldest_first(company, content, total)
    used = Decimal(0)
    applied = []
    for one in applications:
        invoice = company.current(INVOICE, one["TxnID"])
        _check_customer(company, invoice, content)
        balance = Decimal(invoice.content["BalanceRemaining"])
        paid = sales.decimal(one, "PaymentAmount")
        paid = min(balance, total - used) if paid is None else paid
        discount = sales.decimal(one, "DiscountAmount") or Decimal(0)
        if paid + discount > balance:
            raise invalid_value(
                "PaymentAmount", sales.amount(paid), "You cannot pay more than the amount due."
            )
        used += paid
        applied.append(_link(company, payment, invoice, paid, discount))
    if used > total:
        raise invalid_value(
            "TotalAmount", sales.amount(total), "The applied amounts are more than the payment."
        )
    content["AppliedToTxnRet"] = applied
    content["TotalAmount"] = sales.amount(total)
    content["UnusedPayment"] = sales.amount(total - used)
    content["UnusedCredits"] = "0.00"


def unapply(company: Company, payment: Record) -> None:
    """Take a payment off all its invoices; its own content is not saved here."""
    for one in payment.content.get("AppliedToTxnRet", []):
        invoice = company.store.get(one["TxnID"])
        if invoice is None:
            continue
        invoice.content["LinkedTxn"] = [
            link for link in invoice.content.get("LinkedTxn", []) if link["TxnID"] != payment.id
        ]
        _balance_again(invoice)
        company.save(invoice)
        one["PaymentAmount"] = one.get("Amount", "0.00")


def release(company: Company, invoice: Record) -> None:
    """Take all payments off an invoice that is voided or deleted: they keep their amount, unused."""
    for link in invoice.content.get("LinkedTxn", []):
        payment = company.store.get(link["TxnID"])
        if payment is None:
            continue
        kept = [one for one in payment.content.get("AppliedToTxnRet", []) if one["TxnID"] != invoice.id]
        used = sum((Decimal(one["Amount"]) for one in kept), Decimal(0))
        payment.content["AppliedToTxnRet"] = kept
        payment.content["UnusedPayment"] = sales.amount(Decimal(payment.content["TotalAmount"]) - used)
        payment.open = str(-Decimal(payment.content["UnusedPayment"]))
        company.save(payment)
    if invoice.content.pop("LinkedTxn", None):
        _balance_again(invoice)
        company.save(invoice)


def set_balance(invoice: Record, total: Decimal) -> None:
    """Set what an invoice of this total still owes. Raises 3210 when less is charged than was already paid."""
    paid = -sum((Decimal(link["Amount"]) for link in invoice.content.get("LinkedTxn", [])), Decimal(0))
    if paid > total >= 0 and paid:
        raise invalid_value(
            "Amount", sales.amount(total), "The invoice would be less than what has been paid on it."
        )
    invoice.content["AppliedAmount"] = sales.amount(-paid)
    invoice.content["BalanceRemaining"] = sales.amount(total - paid)
    invoice.content["IsPaid"] = "true" if total == paid else "false"
    invoice.open = str(total - paid) if total != paid else "0"


def _balance_again(invoice: Record) -> None:
    total = Decimal(invoice.content["Subtotal"]) + Decimal(invoice.content.get("SalesTaxTotal", "0"))
    set_balance(invoice, total)


def _link(company: Company, payment: Record, invoice: Record, paid: Decimal, discount: Decimal) -> Content:
    invoice.content.setdefault("LinkedTxn", []).append(
        {
            "TxnID": payment.id,
            "TxnType": "ReceivePayment",
            "TxnDate": payment.content["TxnDate"],
            "RefNumber": payment.content.get("RefNumber", ""),
            "LinkType": "AMTTYPE",
            "Amount": sales.amount(-(paid + discount)),
        }
    )
    _balance_again(invoice)
    company.save(invoice)
    application = {
        "TxnID": invoice.id,
        "TxnType": "Invoice",
        "TxnDate": invoice.content["TxnDate"],
        "RefNumber": invoice.content.get("RefNumber", ""),
        "BalanceRemaining": invoice.content["BalanceRemaining"],
        "Amount": sales.amount(paid),
    }
    return application | ({"DiscountAmount": sales.amount(discount)} if discount else {})


def _check_customer(company: Company, invoice: Record, content: Content) -> None:
    """A payment pays invoices of its customer and of that customer's jobs."""
    payer = company.referred(content, "CustomerRef")
    owner = company.store.get(invoice.party) if invoice.party else None
    while owner is not None and payer is not None and owner.id != payer.id:
        owner = company.store.get(owner.parent) if owner.parent else None
    if owner is None:
        raise not_found(invoice.id)


def _oldest_first(company: Company, content: Content, total: Decimal) -> list[Content]:
    customer = (content.get("CustomerRef") or {}).get("ListID", "")
    identifiers = company.store.ids(
        "kind = 'Invoice' AND party = ? AND open <> '0'", [customer], "txn_date, seq"
    )
    applications: list[Content] = []
    for invoice in company.store.many(identifiers):
        part = min(total, Decimal(invoice.content["BalanceRemaining"]))
        if part <= 0:
            break
        applications.append({"TxnID": invoice.id, "PaymentAmount": sales.amount(part)})
        total -= part
    return applications
