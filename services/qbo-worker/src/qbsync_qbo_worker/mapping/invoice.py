"""Invoice: lines by item, the tax code always explicit (US: TAX or NON), never left to QuickBooks' own default."""

from collections.abc import Collection, Mapping
from decimal import Decimal

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
)
from qbsync_shared.entities import Invoice, SalesLine
from qbsync_shared.kinds import Kind

KIND = Kind.INVOICE
RESOURCE = "Invoice"
NON_TAXABLE = "NON"


def write(entity: Invoice, fields: Collection[str], lines: Mapping[str, str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent; lines go whole or not at all.

    Args:
        lines: the app's line id -> QuickBooks' line id, for lines that QuickBooks has.
    """
    memo = entity.customer_message
    values = {
        "number": ("DocNumber", entity.number),
        "date": ("TxnDate", entity.date.isoformat()),
        "due_date": ("DueDate", entity.due_date.isoformat() if entity.due_date else None),
        "memo": ("PrivateNote", entity.memo),
        "customer_message": ("CustomerMemo", {"value": memo or ""} if memo or not creating else None),
    }
    payload = chosen(values, fields, creating=creating)
    for field, prop, address in (
        ("billing_address", "BillAddr", entity.billing_address),
        ("shipping_address", "ShipAddr", entity.shipping_address),
    ):
        if field in fields and address is not None:
            payload[prop] = address_out(address)
    payload |= present(
        {
            "SalesTermRef": reference_out(entity.terms) if "terms" in fields else None,
            "ClassRef": reference_out(entity.class_) if "class" in fields else None,
        }
    )
    # an update always says whose it is: QuickBooks wants CustomerRef even in a sparse one
    payload["CustomerRef"] = reference_out(entity.job or entity.customer)
    if creating or "lines" in fields:
        payload["Line"] = [_line_out(line, lines) for line in entity.lines]
    if entity.tax_total is not None and ("tax_total" in fields or "lines" in fields):
        payload["TxnTaxDetail"] = {"TotalTax": entity.tax_total}
    return payload


def _line_out(line: SalesLine, lines: Mapping[str, str]) -> Json:
    tax_code = reference_out(line.tax_code) or {"value": NON_TAXABLE}
    detail = {
        "ItemRef": reference_out(line.item),
        "Qty": line.quantity,
        "UnitPrice": line.unit_price,
        "TaxCodeRef": tax_code,
        "ClassRef": reference_out(line.class_),
        "ServiceDate": line.service_date.isoformat() if line.service_date else None,
    }
    return present(
        {
            "Id": lines.get(line.line_id),
            "Amount": line.amount,
            "Description": line.description,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": present(detail),
        }
    )


def read(record: Json) -> Json:
    """The entity as QuickBooks holds it. Sub-totals and discounts that QuickBooks adds are no lines of ours."""
    own = [line for line in record.get("Line", []) if line.get("DetailType") == "SalesItemLineDetail"]
    tax = (record.get("TxnTaxDetail") or {}).get("TotalTax")
    return {"kind": KIND.value} | present(
        {
            "number": record.get("DocNumber"),
            "customer": reference_in(record.get("CustomerRef")),
            "date": record.get("TxnDate"),
            "due_date": record.get("DueDate"),
            "terms": reference_in(record.get("SalesTermRef")),
            "memo": record.get("PrivateNote"),
            "customer_message": (record.get("CustomerMemo") or {}).get("value"),
            "billing_address": address_in(record.get("BillAddr")),
            "shipping_address": address_in(record.get("ShipAddr")),
            "class": reference_in(record.get("ClassRef")),
            "total": money_in(record.get("TotalAmt")),
            "tax_total": money_in(tax) if tax is not None and Decimal(tax) else None,
            "lines": [_line_in(line) for line in own],
        }
    )


def _line_in(line: Json) -> Json:
    detail = line["SalesItemLineDetail"]
    return present(
        {
            "line_id": str(line["Id"]),
            "item": reference_in(detail.get("ItemRef")),
            "description": line.get("Description"),
            "quantity": decimal_in(detail.get("Qty")),
            "unit_price": money_in(detail.get("UnitPrice")),
            "amount": money_in(line.get("Amount")),
            "tax_code": reference_in(detail.get("TaxCodeRef")),
            "class": reference_in(detail.get("ClassRef")),
            "service_date": detail.get("ServiceDate"),
        }
    )
