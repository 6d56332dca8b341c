"""The entities of the contract: frozen, with Decimal money and references by app id."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter

from qbsync_shared.entities.base import Address, Entity, Reference
from qbsync_shared.entities.lists import Account, Class, Department, PaymentMethod, TaxCode, Term
from qbsync_shared.entities.names import Customer, Employee, Item, ItemType, Job, Vendor
from qbsync_shared.entities.transactions import (
    Applied,
    Bill,
    CreditMemo,
    Estimate,
    Invoice,
    Payment,
    PurchaseLine,
    PurchaseOrder,
    RefundReceipt,
    SalesLine,
    SalesReceipt,
    TimeEntry,
    expected_total,
)
from qbsync_shared.ids import EntityKey

AnyEntity = Annotated[
    Customer
    | Job
    | Vendor
    | Employee
    | Item
    | Invoice
    | Estimate
    | SalesReceipt
    | CreditMemo
    | RefundReceipt
    | Payment
    | PurchaseOrder
    | Bill
    | TimeEntry
    | Account
    | Class
    | Term
    | TaxCode
    | PaymentMethod
    | Department,
    Field(discriminator="kind"),
]

_ADAPTER: TypeAdapter[Entity] = TypeAdapter(AnyEntity)
_MODELS: dict[str, type[Entity]] = {
    str(model.model_fields["kind"].default.value): model for model in get_args(get_args(AnyEntity)[0])
}


def parse_entity(data: Any) -> Entity:
    """Read an entity from JSON values.

    Raises:
        pydantic.ValidationError: it is none, or it has unknown or wrong fields.
    """
    return _ADAPTER.validate_python(data)


def references_of(data: Mapping[str, Any]) -> tuple[EntityKey, ...]:
    """As :meth:`Entity.depends_on`, of JSON values that were read before; large approvals need it for every row."""
    keys = (
        EntityKey(kind, reference["app_id"])
        for path, kind in _MODELS[data["kind"]].refers_to.items()
        for reference in _walk(data, path.split("."))
        if reference.get("app_id")
    )
    return tuple(dict.fromkeys(keys))


def _walk(value: Any, path: list[str]) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for member in value:
            yield from _walk(member, path)
    elif isinstance(value, Mapping):
        if path:
            yield from _walk(value.get(path[0]), path[1:])
        else:
            yield value


__all__ = [
    "Account",
    "Address",
    "AnyEntity",
    "Applied",
    "Bill",
    "Class",
    "CreditMemo",
    "Customer",
    "Department",
    "Employee",
    "Entity",
    "Estimate",
    "Invoice",
    "Item",
    "ItemType",
    "Job",
    "Payment",
    "PaymentMethod",
    "PurchaseLine",
    "PurchaseOrder",
    "Reference",
    "RefundReceipt",
    "SalesLine",
    "SalesReceipt",
    "TaxCode",
    "Term",
    "TimeEntry",
    "Vendor",
    "expected_total",
    "parse_entity",
    "references_of",
]
