"""Invoices, estimates, sales receipts, credit memos and refund receipts: one head and lines, each with a little of its own.

Each line says its tax code (NON without one; ``company`` fits that to other countries), so that QuickBooks' own default
never decides (contract, section 3).
"""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any

from qbsync_qbo_worker.mapping.base import Mapper
from qbsync_qbo_worker.mapping.company import NON_TAXABLE
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
from qbsync_shared.entities import SalesLine
from qbsync_shared.kinds import Kind

OWN: dict[str, tuple[str, bool]] = {
    "due_date": ("DueDate", False),
    "terms": ("SalesTermRef", True),
    "method": ("PaymentMethodRef", True),
    "deposit_to": ("DepositToAccountRef", True),
    "reference_number": ("PaymentRefNum", False),
}
"""Field that only some of them have -> its property, and whether it is a reference."""


def sale(
    kind: Kind,
    resource: str,
    own: Collection[str] = (),
    *,
    check: Callable[[Any], None] | None = None,
    always: Collection[str] = (),
    void_by_update: bool = False,
) -> Mapper:
    """The mapping of one kind of sale.

    Args:
        kind: the contract's kind.
        resource: what QuickBooks calls it.
        own: the fields of ``OWN`` that it has.
        check: refuses what QuickBooks would not take, before it is written.
        always: fields of ``own`` that each update says again.
        void_by_update: as in ``Mapper``.
    """

    def write(entity: Any, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
        """The properties of the fields that are to be sent; lines go whole or not at all.

        Args:
            lines: the app's line id -> QuickBooks' line id, for lines that QuickBooks has.
        """
        if check is not None:
            check(entity)
        payload = _head_out(entity, fields, creating=creating)
        payload |= _own_out(entity, {*with_due_date(entity, fields), *always}, own, creating=creating)
        if creating or "lines" in fields:
            payload["Line"] = [_line_out(line, lines) for line in entity.lines]
        if entity.tax_total is not None and ("tax_total" in fields or "lines" in fields):
            payload["TxnTaxDetail"] = {"TotalTax": entity.tax_total}
        return payload

    def read(record: Json) -> Json:
        """The entity as QuickBooks holds it. Sub-totals and discounts that QuickBooks adds are no lines of ours."""
        return {"kind": kind.value} | present(_head_in(record) | _own_in(record, own))

    return Mapper(
        kind=kind,
        resource=resource,
        write=write,
        read=read,
        party="CustomerRef",
        void_by_update=void_by_update,
    )


def _head_out(entity: Any, fields: Collection[str], *, creating: bool) -> Json:
    memo = entity.customer_message
    values = {
        "number": ("DocNumber", entity.number),
        "date": ("TxnDate", entity.date.isoformat()),
        "memo": ("PrivateNote", entity.memo),
        "customer_message": ("CustomerMemo", {"value": memo or ""} if memo or not creating else None),
    }
    payload = chosen(values, fields, creating=creating)
    for field, prop, address in (
        ("billing_address", "BillAddr", entity.billing_address),
        ("shipping_address", "ShipAddr", entity.shipping_address),
    ):
        if field in fields and not (creating and address is None):
            payload[prop] = address_out(address)
    if "class" in fields and entity.class_:
        payload["ClassRef"] = reference_out(entity.class_)
    # an update always says whose it is: QuickBooks wants CustomerRef even in a sparse one
    payload["CustomerRef"] = customer_out(entity.customer, entity.job)
    return payload


def _own_out(entity: Any, fields: Collection[str], own: Collection[str], *, creating: bool) -> Json:
    payload: Json = {}
    for field in own:
        prop, is_reference = OWN[field]
        value = getattr(entity, field)
        if field not in fields or (value is None and (creating or is_reference)):
            continue
        if is_reference:
            payload[prop] = reference_out(value)
        else:
            payload[prop] = "" if value is None else getattr(value, "isoformat", lambda value=value: value)()
    return payload


def _line_out(line: SalesLine, lines: Mapping[str, str]) -> Json:
    kept = {"Id": lines.get(line.line_id), "Description": line.description}
    if line.item is None and line.amount == 0:
        return present({**kept, "DetailType": "DescriptionOnly", "DescriptionLineDetail": {}})
    detail = {
        "ItemRef": reference_out(line.item),
        "Qty": line.quantity,
        "UnitPrice": line.unit_price,
        "TaxCodeRef": reference_out(line.tax_code) or {"value": NON_TAXABLE},
        "ClassRef": reference_out(line.class_),
        "ServiceDate": line.service_date.isoformat() if line.service_date else None,
    }
    return present(
        {
            **kept,
            "Amount": line.amount,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": present(detail),
        }
    )


def _head_in(record: Json) -> Json:
    tax = (record.get("TxnTaxDetail") or {}).get("TotalTax")
    return {
        **customer_in(record),
        "number": record.get("DocNumber"),
        "date": record.get("TxnDate"),
        "memo": record.get("PrivateNote"),
        "customer_message": (record.get("CustomerMemo") or {}).get("value"),
        "billing_address": address_in(record.get("BillAddr")),
        "shipping_address": address_in(record.get("ShipAddr")),
        "class": reference_in(record.get("ClassRef")),
        "total": money_in(record.get("TotalAmt")),
        "tax_total": money_in(tax) if tax is not None and Decimal(tax) else None,
        "lines": [_line_in(line) for line in record.get("Line", []) if line.get("DetailType") in _LINES],
    }


_LINES = frozenset({"SalesItemLineDetail", "DescriptionOnly", "GroupLineDetail"})


def _own_in(record: Json, own: Collection[str]) -> Json:
    found: Json = {}
    for field in own:
        prop, is_reference = OWN[field]
        found[field] = reference_in(record.get(prop)) if is_reference else record.get(prop)
    return found


def _line_in(line: Json) -> Json:
    detail = line.get("SalesItemLineDetail") or {}
    group = line.get("GroupLineDetail") or {}
    return present(
        {
            "line_id": str(line["Id"]),
            "item": reference_in(detail.get("ItemRef") or group.get("GroupItemRef")),
            "description": line.get("Description"),
            "quantity": decimal_in(detail.get("Qty", group.get("Quantity"))),
            "unit_price": money_in(detail.get("UnitPrice")),
            "amount": money_in(line.get("Amount", 0)),
            "tax_code": reference_in(detail.get("TaxCodeRef")),
            "class": reference_in(detail.get("ClassRef")),
            "service_date": detail.get("ServiceDate"),
        }
    )
