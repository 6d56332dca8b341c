"""Payments of customers, applied to the invoices that they name and never by themselves (contract, section 3)."""

from datetime import date
from decimal import Decimal
from typing import Any

from lxml import etree

from qbsync_qbwc_gateway.mapping import documents
from qbsync_qbwc_gateway.mapping.base import Books, Mapper, NotSupportedError, changed, head, reference
from qbsync_qbwc_gateway.qbxml.reader import number, value
from qbsync_qbwc_gateway.qbxml.writer import Request
from qbsync_shared.connector import LinkRow
from qbsync_shared.entities import Applied, Payment, Reference
from qbsync_shared.kinds import Kind

_ELEMENTS = {
    "customer": ("CustomerRef",),
    "job": ("CustomerRef",),
    "date": ("TxnDate",),
    "number": ("RefNumber",),
    "amount": ("TotalAmount",),
    "method": ("PaymentMethodRef",),
    "memo": ("Memo",),
    "deposit_to": ("DepositToAccountRef",),
}
_NOTHING = Decimal("0.00")


def _full(entity: Payment, books: Books) -> dict[str, Any]:
    return {
        "CustomerRef": documents.customer_ref(entity.customer, entity.job, books),
        "TxnDate": entity.date,
        "RefNumber": entity.number,
        "TotalAmount": entity.paid,
        "PaymentMethodRef": books.ref(Kind.PAYMENT_METHOD, entity.method),
        "Memo": entity.memo,
        "DepositToAccountRef": books.ref(Kind.ACCOUNT, entity.deposit_to),
    }


def _applied(entity: Payment) -> list[dict[str, Any]]:
    """What is applied to which invoice.

    Raises:
        NotSupportedError: an invoice that is not linked to one of QuickBooks cannot be named.
    """
    if any(one.invoice.quickbooks_id is None for one in entity.applied):
        raise NotSupportedError(
            "It pays an invoice that is not linked to one in QuickBooks. Sync that first."
        )
    return [
        {"TxnID": one.invoice.quickbooks_id, "PaymentAmount": one.amount}
        for one in entity.applied
        if one.amount
    ]


def _create(entity: Payment, books: Books, guid: str) -> Request:
    applied = _applied(entity)
    how: dict[str, Any] = {"AppliedToTxnAdd": applied} if applied else {"IsAutoApply": False}
    content = {**_full(entity, books), "ExternalGUID": guid, **how}
    return Request("ReceivePaymentAddRq", {"ReceivePaymentAdd": content})


def _update(entity: Payment, fields: tuple[str, ...], link: LinkRow, books: Books) -> Request:
    content = changed(_full(entity, books), fields, _ELEMENTS)
    if "applied" in fields:
        content["AppliedToTxnMod"] = _reapplied(entity, link)
    return Request("ReceivePaymentModRq", {"ReceivePaymentMod": {**head(link, of="TxnID"), **content}})


def _reapplied(entity: Payment, link: LinkRow) -> list[dict[str, Any]]:
    """What is applied now, and zero for the invoices that the payment no longer pays."""
    wanted = _applied(entity)
    named = {one["TxnID"] for one in wanted}
    before = [one["invoice"].get("quickbooks_id") for one in link.returned.get("applied", [])]
    gone = [{"TxnID": txn_id, "PaymentAmount": _NOTHING} for txn_id in before if txn_id not in named]
    return wanted + gone


def _read(ret: etree._Element) -> Payment:
    parties = documents.customer_and_job(ret)
    return Payment(
        customer=parties["customer"] or Reference(name="?"),
        job=parties["job"],
        number=value(ret, "RefNumber"),
        date=documents.day(ret, "TxnDate") or date.min,
        paid=number(ret, "TotalAmount") or _NOTHING,
        method=reference(ret, "PaymentMethodRef"),
        deposit_to=reference(ret, "DepositToAccountRef"),
        memo=value(ret, "Memo"),
        applied=tuple(
            Applied(
                invoice=Reference(quickbooks_id=value(one, "TxnID"), name=value(one, "RefNumber")),
                amount=number(one, "Amount") or _NOTHING,
            )
            for one in ret.findall("AppliedToTxnRet")
            if value(one, "TxnType") == "Invoice"
        ),
    )


PAYMENT = Mapper(
    kind=Kind.PAYMENT,
    records=frozenset({"ReceivePaymentRet"}),
    create=_create,
    update=_update,
    by_id=lambda quickbooks_id: documents.by_id("ReceivePayment", quickbooks_id),
    by_name=lambda entity: documents.by_number("ReceivePayment", entity),
    read=_read,
    txn_type="ReceivePayment",
)
