"""People, companies and items: the name lists."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from qbsync_shared.entities.base import Address, Currency, Entity, Name, Reference, Text
from qbsync_shared.kinds import Kind
from qbsync_shared.money import Money


class _Contact(Entity):
    name: Name
    company_name: Text | None = None
    given_name: Text | None = None
    family_name: Text | None = None
    email: Text | None = None
    phone: Text | None = None
    mobile: Text | None = None
    fax: Text | None = None
    billing_address: Address | None = None
    currency: Currency | None = None
    active: bool = True

    @property
    def label(self) -> str:
        return self.name


class Customer(_Contact):
    """Somebody who buys."""

    uses_lists = {"terms": Kind.TERM, "tax_code": Kind.TAX_CODE}  # noqa: RUF012 - declared as ClassVar in the base

    kind: Literal[Kind.CUSTOMER] = Kind.CUSTOMER
    shipping_address: Address | None = None
    terms: Reference | None = None
    tax_code: Reference | None = None
    account_number: Text | None = None
    notes: Text | None = None


class Job(_Contact):
    """A project of a customer: a job in Desktop, a sub-customer in Online."""

    refers_to = {"customer": Kind.CUSTOMER}  # noqa: RUF012 - declared as ClassVar in the base

    kind: Literal[Kind.JOB] = Kind.JOB
    customer: Reference
    shipping_address: Address | None = None
    description: Text | None = None
    start_date: date | None = None
    end_date: date | None = None
    notes: Text | None = None


class Vendor(_Contact):
    """Somebody who sells to the company."""

    uses_lists = {"terms": Kind.TERM}  # noqa: RUF012

    kind: Literal[Kind.VENDOR] = Kind.VENDOR
    terms: Reference | None = None
    account_number: Text | None = None
    notes: Text | None = None


class Employee(_Contact):
    """Somebody who works for the company; read from QuickBooks only."""

    kind: Literal[Kind.EMPLOYEE] = Kind.EMPLOYEE


class ItemType(StrEnum):
    """What sort of thing is sold or bought. Sales-tax and group items are read only."""

    SERVICE = "service"
    NON_INVENTORY = "non_inventory"
    INVENTORY = "inventory"
    OTHER_CHARGE = "other_charge"
    DISCOUNT = "discount"
    SALES_TAX = "sales_tax"
    GROUP = "group"


class Item(Entity):
    """A service, product or charge."""

    uses_lists = {  # noqa: RUF012
        "income_account": Kind.ACCOUNT,
        "expense_account": Kind.ACCOUNT,
        "asset_account": Kind.ACCOUNT,
        "tax_code": Kind.TAX_CODE,
    }

    kind: Literal[Kind.ITEM] = Kind.ITEM
    type: ItemType
    name: Name
    description: Text | None = None
    unit_price: Money | None = None
    income_account: Reference | None = None
    purchase_description: Text | None = None
    purchase_cost: Money | None = None
    expense_account: Reference | None = None
    asset_account: Reference | None = None
    tax_code: Reference | None = None
    sku: Text | None = None
    active: bool = True

    @property
    def label(self) -> str:
        return self.name

    @property
    def amount(self) -> Decimal | None:
        return self.unit_price
