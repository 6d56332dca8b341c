"""What the app's records are like: pure functions over the contract's JSON (docs: entities, section 8)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Json = dict[str, Any]
FindAppId = Callable[[str, str], str | None]
"""(kind, QuickBooks' id) -> the app's id of the linked record, if there is one."""


@dataclass(frozen=True)
class KindInfo:
    """How the app speaks of one kind: its page, its words, the prefix of its ids, and whether people edit it here."""

    kind: str
    path: str
    word: str
    title: str
    prefix: str
    editable: bool = True
    has_lines: bool = False


KINDS = {
    info.kind: info
    for info in (
        KindInfo("invoice", "invoices", "invoice", "Invoices", "V", has_lines=True),
        KindInfo("customer", "clients", "client", "Clients", "C"),
        KindInfo("job", "jobs", "job", "Jobs", "J"),
        KindInfo("item", "items", "item", "Items", "I"),
        KindInfo("purchase_order", "purchase-orders", "purchase order", "Purchase orders", "P", has_lines=True),
        KindInfo("vendor", "suppliers", "supplier", "Suppliers", "S"),
        KindInfo("payment", "payments", "payment", "Payments", "R", editable=False),
        KindInfo("employee", "people", "person", "People", "E", editable=False),
    )
}  # fmt: skip
BY_PATH = {info.path: info for info in KINDS.values()}

REFERS_TO = {"customer": "customer", "job": "job", "vendor": "vendor", "item": "item", "invoice": "invoice"}
"""Field -> the kind of the app's record that it refers to."""


def label(kind: str, data: Json) -> str:
    """The name or number by which a person knows a record."""
    if kind in {"invoice", "purchase_order", "payment"}:
        return str(data.get("number") or data.get("app_id") or "")
    return str(data.get("name") or data.get("app_id") or "")


def amount(data: Json) -> Decimal | None:
    """What the record is worth, if anything."""
    for field in ("total", "amount", "unit_price"):
        if data.get(field) is not None:
            return Decimal(str(data[field]))
    if data.get("lines"):
        return total(data["lines"])
    return None


def line_amount(quantity: Decimal, price: Decimal) -> Decimal:
    """Quantity times price, to the cent, halves away from zero: as QuickBooks rounds."""
    return (quantity * price).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def total(lines: Iterable[Json]) -> Decimal:
    """The sum of the lines."""
    return sum((Decimal(str(line["amount"])) for line in lines), Decimal("0.00"))


def merged(mine: Json | None, imported: Json, changed: Iterable[str], find: FindAppId) -> Json:
    """The app's record after an import: a new one takes everything, a known one only what changed in QuickBooks.

    References to records that the app has are turned into its own ids; those to QuickBooks' own lists stay as they are.
    """
    fresh = {name: value for name, value in _named(imported, find).items() if name != "revision"}
    if mine is None:
        return fresh
    result = dict(mine)
    for name in changed:
        if name in fresh:
            result[name] = fresh[name]
        else:
            result.pop(name, None)
    return result


def _named(value: Any, find: FindAppId, field: str = "") -> Any:
    if isinstance(value, list):
        return [_named(one, find, field) for one in value]
    if not isinstance(value, dict):
        return value
    if "quickbooks_id" in value and field in REFERS_TO:
        app_id = value.get("app_id") or find(REFERS_TO[field], str(value["quickbooks_id"]))
        return {"app_id": app_id} if app_id else value
    return {name: _named(inner, find, name) for name, inner in value.items()}
