"""Payments of customers, applied to the invoices that they name and never by themselves (contract, section 3)."""

from collections.abc import Collection, Mapping

from qbsync_qbo_worker.mapping.base import IncompleteError, Mapper
from qbsync_qbo_worker.mapping.parties import customer_in, customer_out
from qbsync_qbo_worker.mapping.values import Json, chosen, money_in, present, reference_in, reference_out
from qbsync_shared.entities import Applied, Payment
from qbsync_shared.kinds import Kind

KIND = Kind.PAYMENT


def write(entity: Payment, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent, and whose it is.

    What it is applied to goes whole or not at all: else an update of the memo would undo what a bookkeeper applied.

    Raises:
        IncompleteError: an invoice that is not linked to one of QuickBooks cannot be named.
    """
    del lines
    values = {
        "date": ("TxnDate", entity.date.isoformat()),
        "number": ("PaymentRefNum", entity.number),
        "memo": ("PrivateNote", entity.memo),
        "amount": ("TotalAmt", entity.paid),
    }
    payload = chosen(values, fields, creating=creating)
    for field, prop, reference in (
        ("method", "PaymentMethodRef", entity.method),
        ("deposit_to", "DepositToAccountRef", entity.deposit_to),
    ):
        if field in fields and reference is not None:
            payload[prop] = reference_out(reference)
    if creating or "applied" in fields:
        payload["Line"] = [_applied_out(one) for one in entity.applied]
    return payload | {"CustomerRef": customer_out(entity.customer, entity.job)}


def _applied_out(applied: Applied) -> Json:
    if not applied.invoice.quickbooks_id:
        raise IncompleteError("It pays an invoice that is not linked to one in QuickBooks. Sync that first.")
    return {
        "Amount": applied.amount,
        "LinkedTxn": [{"TxnId": applied.invoice.quickbooks_id, "TxnType": "Invoice"}],
    }


def read(record: Json) -> Json:
    """The entity as QuickBooks holds it; credits that are used up beside it are not shown."""
    applied = [
        {"invoice": {"quickbooks_id": str(link["TxnId"])}, "amount": money_in(line.get("Amount"))}
        for line in record.get("Line", [])
        for link in line.get("LinkedTxn", [])[:1]
        if link.get("TxnType") == "Invoice"
    ]
    return {"kind": KIND.value} | present(
        {
            **customer_in(record),
            "number": record.get("PaymentRefNum"),
            "date": record.get("TxnDate"),
            "memo": record.get("PrivateNote"),
            "amount": money_in(record.get("TotalAmt")),
            "method": reference_in(record.get("PaymentMethodRef")),
            "deposit_to": reference_in(record.get("DepositToAccountRef")),
            "applied": applied,
        }
    )


MAPPER = Mapper(
    kind=KIND,
    resource="Payment",
    write=write,
    read=read,
    found_by="PaymentRefNum",
    party="CustomerRef",
    void_by_update=True,
)
