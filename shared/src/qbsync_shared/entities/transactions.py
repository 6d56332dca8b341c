"""Documents with lines and amounts."""

import datetime as dt
from decimal import Decimal
from typing import Literal

from pydantic import Field

from qbsync_shared.entities.base import Address, Currency, Entity, Name, Part, Reference, Text
from qbsync_shared.kinds import Kind
from qbsync_shared.money import Money, Quantity

CUSTOMER_AND_ITEMS = {"customer": Kind.CUSTOMER, "job": Kind.JOB, "lines.item": Kind.ITEM}
SALES_LISTS = {"class_": Kind.CLASS, "lines.tax_code": Kind.TAX_CODE, "lines.class_": Kind.CLASS}
PURCHASE_LISTS = {"terms": Kind.TERM, "lines.account": Kind.ACCOUNT, "lines.class_": Kind.CLASS}
RECEIPT_LISTS = {**SALES_LISTS, "method": Kind.PAYMENT_METHOD, "deposit_to": Kind.ACCOUNT}
VENDOR_AND_ITEMS = {
    "vendor": Kind.VENDOR,
    "lines.item": Kind.ITEM,
    "lines.customer": Kind.CUSTOMER,
    "lines.job": Kind.JOB,
}


class SalesLine(Part):
    """One line of a sale. ``line_id`` is the app's and stays the same over updates."""

    line_id: Name
    item: Reference | None = None
    description: Text | None = None
    quantity: Quantity | None = None
    unit_price: Money | None = None
    amount: Money
    tax_code: Reference | None = None
    class_: Reference | None = Field(default=None, alias="class")
    service_date: dt.date | None = None


class PurchaseLine(Part):
    """One line of a purchase: by item, or by account."""

    line_id: Name
    item: Reference | None = None
    account: Reference | None = None
    description: Text | None = None
    quantity: Quantity | None = None
    unit_price: Money | None = None
    amount: Money
    customer: Reference | None = None
    job: Reference | None = None
    class_: Reference | None = Field(default=None, alias="class")


class _Transaction(Entity):
    number: Text | None = None
    date: dt.date
    memo: Text | None = None
    currency: Currency | None = None

    @property
    def label(self) -> str:
        return self.number or self.app_id or ""


class _Sale(_Transaction):
    refers_to = CUSTOMER_AND_ITEMS
    uses_lists = SALES_LISTS

    customer: Reference
    job: Reference | None = None
    customer_message: Text | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    class_: Reference | None = Field(default=None, alias="class")
    tax_item: Reference | None = None
    total: Money | None = None
    tax_total: Money | None = None
    lines: tuple[SalesLine, ...] = Field(min_length=1)

    @property
    def amount(self) -> Decimal:
        return expected_total(self.total, self.tax_total, tuple(line.amount for line in self.lines))


class Invoice(_Sale):
    """What a customer owes."""

    uses_lists = {**SALES_LISTS, "terms": Kind.TERM}  # noqa: RUF012

    kind: Literal[Kind.INVOICE] = Kind.INVOICE
    due_date: dt.date | None = None
    terms: Reference | None = None
    po_number: Text | None = None


class Estimate(_Sale):
    """What a customer would owe."""

    uses_lists = {**SALES_LISTS, "terms": Kind.TERM}  # noqa: RUF012

    kind: Literal[Kind.ESTIMATE] = Kind.ESTIMATE
    due_date: dt.date | None = None
    terms: Reference | None = None
    po_number: Text | None = None


class SalesReceipt(_Sale):
    """A sale paid at once."""

    uses_lists = RECEIPT_LISTS

    kind: Literal[Kind.SALES_RECEIPT] = Kind.SALES_RECEIPT
    method: Reference | None = None
    deposit_to: Reference | None = None
    reference_number: Text | None = None


class CreditMemo(_Sale):
    """What the company owes a customer."""

    kind: Literal[Kind.CREDIT_MEMO] = Kind.CREDIT_MEMO
    po_number: Text | None = None


class RefundReceipt(_Sale):
    """Money given back; Online only."""

    uses_lists = RECEIPT_LISTS

    kind: Literal[Kind.REFUND_RECEIPT] = Kind.REFUND_RECEIPT
    method: Reference | None = None
    deposit_to: Reference | None = None


class Applied(Part):
    """How much of a payment settles which invoice."""

    invoice: Reference
    amount: Money


class Payment(_Transaction):
    """Money from a customer; applied only to what it names."""

    refers_to = {"customer": Kind.CUSTOMER, "job": Kind.JOB, "applied.invoice": Kind.INVOICE}  # noqa: RUF012

    uses_lists = {"method": Kind.PAYMENT_METHOD, "deposit_to": Kind.ACCOUNT}  # noqa: RUF012

    kind: Literal[Kind.PAYMENT] = Kind.PAYMENT
    customer: Reference
    job: Reference | None = None
    paid: Money = Field(alias="amount")
    method: Reference | None = None
    deposit_to: Reference | None = None
    applied: tuple[Applied, ...] = ()

    @property
    def amount(self) -> Decimal:
        return self.paid


class _Purchase(_Transaction):
    refers_to = VENDOR_AND_ITEMS
    uses_lists = PURCHASE_LISTS

    vendor: Reference
    due_date: dt.date | None = None
    terms: Reference | None = None
    total: Money | None = None
    tax_total: Money | None = None
    lines: tuple[PurchaseLine, ...] = Field(min_length=1)

    @property
    def amount(self) -> Decimal:
        return expected_total(self.total, self.tax_total, tuple(line.amount for line in self.lines))


class PurchaseOrder(_Purchase):
    """An order to a vendor."""

    kind: Literal[Kind.PURCHASE_ORDER] = Kind.PURCHASE_ORDER
    vendor_message: Text | None = None
    shipping_address: Address | None = None


class Bill(_Purchase):
    """What the company owes a vendor."""

    kind: Literal[Kind.BILL] = Kind.BILL


class TimeEntry(Entity):
    """Hours somebody worked. ``hours`` is a decimal number of hours."""

    refers_to = {  # noqa: RUF012
        "employee": Kind.EMPLOYEE,
        "vendor": Kind.VENDOR,
        "customer": Kind.CUSTOMER,
        "job": Kind.JOB,
        "item": Kind.ITEM,
    }

    uses_lists = {"class_": Kind.CLASS}  # noqa: RUF012

    kind: Literal[Kind.TIME_ENTRY] = Kind.TIME_ENTRY
    date: dt.date
    hours: Quantity
    employee: Reference | None = None
    vendor: Reference | None = None
    customer: Reference | None = None
    job: Reference | None = None
    item: Reference | None = None
    class_: Reference | None = Field(default=None, alias="class")
    billable: bool = False
    notes: Text | None = None

    @property
    def label(self) -> str:
        return f"{self.date.isoformat()}, {self.hours.normalize():f} h"


def expected_total(total: Decimal | None, tax_total: Decimal | None, amounts: tuple[Decimal, ...]) -> Decimal:
    """What the app expects a document to come to: its total, else its lines and its tax."""
    if total is not None:
        return total
    return sum(amounts, Decimal(0)) + (tax_total or Decimal(0))
