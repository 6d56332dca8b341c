"""The entities of the contract: frozen, with Decimal money and references by app id."""

from typing import Annotated, Any

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


def parse_entity(data: Any) -> Entity:
    """Read an entity from JSON values.

    Raises:
        pydantic.ValidationError: it is none, or it has unknown or wrong fields.
    """
    return _ADAPTER.validate_python(data)


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
]
