"""The app's forms: which fields a kind has, how they are read, and what is wrong with them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from qbsync_local.sandbox.demo_app.records import Json, line_amount, total

SPARE_LINES = 3
MOST_LINES = 50
KEEP = "="
"""The option that leaves a reference as it is: to a record that only QuickBooks has."""

_DECIMAL = re.compile(r"\d{1,9}(\.\d{1,5})?")
Type = Literal["text", "email", "tel", "date", "money", "area", "reference", "account", "choice"]


@dataclass(frozen=True)
class Field:
    """One field. `name` is its place in the entity, `refers_to` the kind that a reference names."""

    name: str
    label: str
    type: Type = "text"
    required: bool = False
    hint: str = ""
    refers_to: str = ""
    options: tuple[tuple[str, str], ...] = ()
    longest: int = 0

    @property
    def id(self) -> str:
        """Its name in the form."""
        return self.name.replace(".", "-")


_CONTACT = (
    Field("email", "E-mail", "email"),
    Field("phone", "Phone", "tel"),
    Field("billing_address.line1", "Street"),
    Field("billing_address.city", "City"),
    Field("billing_address.state", "State"),
    Field("billing_address.postal_code", "Postal code"),
)
_ITEM_TYPES = (
    ("service", "Service"), ("non_inventory", "Product, not counted in stock"), ("other_charge", "Other charge"),
)  # fmt: skip
FIELDS: dict[str, tuple[Field, ...]] = {
    "customer": (Field("name", "Name", required=True), Field("company_name", "Company"), *_CONTACT),
    "vendor": (Field("name", "Name", required=True), Field("company_name", "Company"), *_CONTACT),
    "job": (
        Field("name", "Name", required=True),
        Field("customer", "Client", "reference", required=True, refers_to="customer"),
        Field("description", "Description", "area"),
    ),
    "item": (
        Field("name", "Name", required=True),
        Field("type", "Type", "choice", required=True, options=_ITEM_TYPES),
        Field("unit_price", "Price", "money"),
        Field("income_account", "Income account in QuickBooks", "account", required=True),
        Field("description", "Description", "area"),
    ),
    "invoice": (
        Field("number", "Number", required=True),
        Field("customer", "Client", "reference", required=True, refers_to="customer"),
        Field("job", "Job", "reference", refers_to="job"),
        Field("date", "Date", "date", required=True),
        Field("due_date", "Due", "date"),
        Field("customer_message", "Message to the client"),
    ),
    "purchase_order": (
        Field("number", "Number", required=True),
        Field("vendor", "Supplier", "reference", required=True, refers_to="vendor"),
        Field("date", "Date", "date", required=True),
        Field("memo", "Internal note"),
    ),
}


@dataclass
class Read:
    """What a form said: the record, and what is wrong by the id of the field."""

    data: Json
    errors: dict[str, str] = field(default_factory=dict)


def read(kind: str, form: Mapping[str, Any], before: Json | None, *, taxable: str) -> Read:
    """The record that a form describes; what the form does not show stays as it was."""
    result = Read(dict(before or {}))
    for one in FIELDS[kind]:
        _read_field(one, str(form.get(one.id, "")).strip(), result)
    if kind in {"invoice", "purchase_order"}:
        _read_lines(kind, form, result, taxable)
    return result


def value_of(data: Json, one: Field) -> str:
    """What the form shows for a field."""
    value: Any = data
    for step in one.name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if one.type == "reference" and isinstance(value, dict):
        return str(value.get("app_id") or KEEP)
    if one.type == "account" and isinstance(value, dict):
        return str(value.get("name") or "")
    return "" if value is None else str(value)


def _read_field(one: Field, text: str, result: Read) -> None:
    if one.type == "reference" and text == KEEP:
        return
    if one.required and not text:
        verb = "Choose" if one.type in {"reference", "account", "choice"} else "Enter"
        result.errors[one.id] = f"{verb} the {one.label.lower()}."
    elif text and one.type == "money" and not _DECIMAL.fullmatch(text):
        result.errors[one.id] = f"Enter the {one.label.lower()} as a number, such as 95.00."
    elif text and one.type == "date" and not _is_date(text):
        result.errors[one.id] = f"Enter the {one.label.lower()} as year-month-day."
    elif text and one.type == "choice" and text not in dict(one.options):
        result.errors[one.id] = f"Choose the {one.label.lower()}."
    _put(result.data, one, text)


def _put(data: Json, one: Field, text: str) -> None:
    *path, last = one.name.split(".")
    for step in path:
        data[step] = dict(data.get(step) or {})
        data = data[step]
    if not text:
        data.pop(last, None)
    elif one.type == "reference":
        data[last] = {"app_id": text}
    elif one.type == "account":
        data[last] = {"name": text}
    else:
        data[last] = text


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


def _read_lines(kind: str, form: Mapping[str, Any], result: Read, taxable: str) -> None:
    """Lines keep their ids, so that QuickBooks' own lines can be recognised; one without item and amount is gone."""
    known = {str(line["line_id"]): line for line in result.data.get("lines", [])}
    used = [int(line_id) for line_id in known if line_id.isdigit()]
    lines: list[Json] = []
    for place in range(1, MOST_LINES + 1):
        prefix = f"line-{place}-"
        if f"{prefix}item" not in form:
            break
        texts = {
            name: str(form.get(prefix + name, "")).strip()
            for name in ("id", "item", "description", "quantity", "unit_price", "taxable")
        }
        if not (texts["item"] or texts["unit_price"] or texts["description"]):
            continue
        if not texts["id"]:
            used.append(max(used, default=0) + 1)
            texts["id"] = str(used[-1])
        line = _line(prefix, texts, dict(known.get(texts["id"], {})), result)
        if kind == "invoice":
            line.pop("tax_code", None)
            if texts["taxable"]:
                line["tax_code"] = {"name": taxable}
        lines.append(line)
    if not lines:
        result.errors["line-1-item"] = "Enter at least one line."
    result.data["lines"] = lines
    if not any(name.startswith("line-") for name in result.errors):
        result.data["total"] = f"{total(lines):.2f}"


def _line(prefix: str, texts: dict[str, str], line: Json, result: Read) -> Json:
    quantity, price = texts["quantity"] or "1", texts["unit_price"]
    if not texts["item"]:
        result.errors[f"{prefix}item"] = "Choose the item."
    for name, text in (("quantity", quantity), ("unit_price", price)):
        if not _DECIMAL.fullmatch(text):
            result.errors[f"{prefix}{name}"] = "Enter a number, such as 2.5."
    line |= {
        "line_id": texts["id"],
        "item": line.get("item", {}) if texts["item"] == KEEP else {"app_id": texts["item"]},
        "description": texts["description"],
        "quantity": quantity,
        "unit_price": price,
    }
    if not texts["description"]:
        del line["description"]
    if _DECIMAL.fullmatch(quantity) and _DECIMAL.fullmatch(price):
        line["amount"] = f"{line_amount(Decimal(quantity), Decimal(price)):.2f}"
    return line
