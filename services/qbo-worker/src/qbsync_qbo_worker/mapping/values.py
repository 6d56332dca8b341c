"""Small pieces that several kinds share, both ways: addresses, references, phone numbers."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from qbsync_shared.entities import Address, Reference

Json = dict[str, Any]

_ADDRESS = {
    "line1": "Line1",
    "line2": "Line2",
    "line3": "Line3",
    "line4": "Line4",
    "line5": "Line5",
    "city": "City",
    "state": "CountrySubDivisionCode",
    "postal_code": "PostalCode",
    "country": "Country",
}


def address_out(address: Address | None) -> Json:
    """An address as QuickBooks wants it. Parts without a value are emptied: a sparse update keeps what is left out."""
    values = address.model_dump() if address else {}
    return {theirs: values.get(ours) or "" for ours, theirs in _ADDRESS.items()}


def address_in(record: Json | None) -> Json | None:
    """An address as the contract has it; nothing where QuickBooks has only ids and coordinates."""
    values = (
        {ours: record[theirs] for ours, theirs in _ADDRESS.items() if record.get(theirs)} if record else {}
    )
    return values or None


def reference_out(reference: Reference | None) -> Json | None:
    """``{"value": id}``; the id was filled in before."""
    if reference is None:
        return None
    if not reference.quickbooks_id:
        raise ValueError("a reference reached the mapping without QuickBooks' id")
    return {"value": reference.quickbooks_id}


def reference_in(record: Json | None) -> Json | None:
    """A reference as the contract has it."""
    if not record or not record.get("value"):
        return None
    named = {"name": record["name"]} if record.get("name") else {}
    return {"quickbooks_id": str(record["value"]), **named}


def decimal_in(value: Any) -> str | None:
    """A number that was read with Decimals, as a decimal string."""
    if value is None:
        return None
    return format(Decimal(value), "f")


def money_in(value: Any) -> str | None:
    """The same with at least two digits after the point: ``95`` becomes ``95.00``."""
    if value is None:
        return None
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    digits = max(2, -exponent if isinstance(exponent, int) else 2)
    return format(number, f".{digits}f")


def present(values: Json) -> Json:
    """Without the fields that have no value."""
    return {key: value for key, value in values.items() if value is not None}


def chosen(values: dict[str, tuple[str, Any]], fields: Collection[str], *, creating: bool) -> Json:
    """The properties of the fields that are to be sent.

    Args:
        values: field of the contract -> (property, value).
        fields: which fields differ.
        creating: leave out what has no value; an update empties it instead.
    """
    sent = {prop: value for field, (prop, value) in values.items() if field in fields}
    return (
        present(sent) if creating else {prop: "" if value is None else value for prop, value in sent.items()}
    )


def with_due_date(entity: Any, fields: Collection[str]) -> Collection[str]:
    """The fields to send: where the date or the terms change, QuickBooks computes the due date anew unless it is said again."""
    moves = not {"date", "terms"}.isdisjoint(fields) and getattr(entity, "due_date", None) is not None
    return {*fields, "due_date"} if moves else fields
