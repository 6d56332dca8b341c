"""Purchase orders and bills: one head, and lines by item or by account."""

from collections.abc import Collection, Mapping
from typing import Any

from qbsync_qbo_worker.mapping.base import IncompleteError, Mapper
from qbsync_qbo_worker.mapping.parties import customer_in, customer_out
from qbsync_qbo_worker.mapping.values import (
    Json,
    address_in,
    address_out,
    chosen,
    decimal_in,
    money_in,
    present,
    reference_in,
    reference_out,
    with_due_date,
)
from qbsync_shared.entities import PurchaseLine
from qbsync_shared.kinds import Kind

_BY_ITEM = "ItemBasedExpenseLineDetail"
_BY_ACCOUNT = "AccountBasedExpenseLineDetail"


def purchase(kind: Kind, resource: str, *, is_order: bool = False) -> Mapper:
    """The mapping of one kind of purchase; ``is_order``: it has a message to the vendor and an address to ship to."""

    def write(entity: Any, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
        """The properties of the fields that are to be sent; lines go whole or not at all.

        Raises:
            IncompleteError: a line names neither an item nor an account.
        """
        values = {
            "number": ("DocNumber", entity.number),
            "date": ("TxnDate", entity.date.isoformat()),
            "due_date": ("DueDate", entity.due_date.isoformat() if entity.due_date else None),
            "memo": ("PrivateNote", entity.memo),
        }
        if is_order:
            values["vendor_message"] = ("Memo", entity.vendor_message)
        payload = chosen(values, with_due_date(entity, fields), creating=creating)
        if is_order and "shipping_address" in fields and not (creating and entity.shipping_address is None):
            payload["ShipAddr"] = address_out(entity.shipping_address)
        if "terms" in fields and entity.terms:
            payload["SalesTermRef"] = reference_out(entity.terms)
        # an update always says whose it is: QuickBooks wants VendorRef even in a sparse one
        payload["VendorRef"] = reference_out(entity.vendor)
        if creating or "lines" in fields:
            payload["Line"] = [_line_out(line, lines) for line in entity.lines]
        return payload

    def read(record: Json) -> Json:
        """The entity as QuickBooks holds it."""
        own = {"vendor_message": record.get("Memo"), "shipping_address": address_in(record.get("ShipAddr"))}
        return {"kind": kind.value} | present(_head_in(record) | (own if is_order else {}))

    return Mapper(kind=kind, resource=resource, write=write, read=read, party="VendorRef")


def _line_out(line: PurchaseLine, lines: Mapping[str, str]) -> Json:
    detail: Json = {
        "CustomerRef": customer_out(line.customer, line.job),
        "ClassRef": reference_out(line.class_),
    }
    if line.item is not None:
        detail |= {"ItemRef": reference_out(line.item), "Qty": line.quantity, "UnitPrice": line.unit_price}
    elif line.account is not None:
        detail["AccountRef"] = reference_out(line.account)
    else:
        raise IncompleteError(
            f"Line {line.line_id} has neither an item nor an account. Choose one in the app."
        )
    kind = _BY_ITEM if line.item is not None else _BY_ACCOUNT
    return present(
        {
            "Id": lines.get(line.line_id),
            "Amount": line.amount,
            "Description": line.description,
            "DetailType": kind,
            kind: present(detail),
        }
    )


def _head_in(record: Json) -> Json:
    tax = (record.get("TxnTaxDetail") or {}).get("TotalTax")
    return {
        "number": record.get("DocNumber"),
        "vendor": reference_in(record.get("VendorRef")),
        "date": record.get("TxnDate"),
        "due_date": record.get("DueDate"),
        "terms": reference_in(record.get("SalesTermRef")),
        "memo": record.get("PrivateNote"),
        "total": money_in(record.get("TotalAmt")),
        "tax_total": money_in(tax) if tax else None,
        "lines": [_line_in(line) for line in record.get("Line", []) if line.get("DetailType") in _LINES],
    }


_LINES = frozenset({_BY_ITEM, _BY_ACCOUNT, "DescriptionOnly"})


def _line_in(line: Json) -> Json:
    detail = line.get(line["DetailType"]) or {}
    return present(
        {
            "line_id": str(line["Id"]),
            "item": reference_in(detail.get("ItemRef")),
            "account": reference_in(detail.get("AccountRef")),
            "description": line.get("Description"),
            "quantity": decimal_in(detail.get("Qty")),
            "unit_price": money_in(detail.get("UnitPrice")),
            "amount": money_in(line.get("Amount", 0)),
            **customer_in(detail),
            "class": reference_in(detail.get("ClassRef")),
        }
    )
