"""Editions, kinds and operations, and what QuickBooks lets one do with which kind (``matrix.toml``)."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class Edition(StrEnum):
    """Which QuickBooks a tenant has."""

    DESKTOP = "desktop"
    ONLINE = "online"


class Direction(StrEnum):
    """``import`` goes from QuickBooks to the app, ``export`` from the app to QuickBooks."""

    IMPORT = "import"
    EXPORT = "export"


class Plan(StrEnum):
    """The tenant's tier."""

    ESSENTIAL = "essential"
    PLUS = "plus"
    PREMIER = "premier"


class Kind(StrEnum):
    """What a record is."""

    CUSTOMER = "customer"
    JOB = "job"
    VENDOR = "vendor"
    EMPLOYEE = "employee"
    ITEM = "item"
    INVOICE = "invoice"
    ESTIMATE = "estimate"
    SALES_RECEIPT = "sales_receipt"
    CREDIT_MEMO = "credit_memo"
    REFUND_RECEIPT = "refund_receipt"
    PAYMENT = "payment"
    PURCHASE_ORDER = "purchase_order"
    BILL = "bill"
    TIME_ENTRY = "time_entry"
    ACCOUNT = "account"
    CLASS = "class"
    TERM = "term"
    TAX_CODE = "tax_code"
    PAYMENT_METHOD = "payment_method"
    DEPARTMENT = "department"

    @property
    def label(self) -> str:
        """The word a user reads, in the singular and in lower case: ``sales receipt``."""
        return self.value.replace("_", " ")

    @property
    def is_list(self) -> bool:
        """Whether it is one of QuickBooks' own lists, read for mappings and never reviewed."""
        return self in LIST_KINDS


LIST_KINDS = frozenset(
    {Kind.ACCOUNT, Kind.CLASS, Kind.TERM, Kind.TAX_CODE, Kind.PAYMENT_METHOD, Kind.DEPARTMENT}
)
NAME_KINDS = frozenset({Kind.CUSTOMER, Kind.JOB, Kind.VENDOR, Kind.EMPLOYEE, Kind.ITEM})


class Operation(StrEnum):
    """What a sync does."""

    CREATE = "create"
    UPDATE = "update"
    VOID = "void"
    DELETE = "delete"
    DEACTIVATE = "deactivate"
    LINK = "link"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for one kind.

    ``rank`` orders the queue: a kind is sent after all kinds of a lower rank, because it may refer to them.
    ``deletion`` maps the edition to what a deletion in the app does in QuickBooks. ``carried`` are the editions whose
    connector service sends the kind today.
    """

    kind: Kind
    rank: int
    directions: frozenset[Direction]
    operations: dict[Edition, frozenset[Operation]]
    deletion: dict[Edition, Operation]
    carried: frozenset[Edition]

    def allows(self, edition: Edition, operation: Operation) -> bool:
        """Whether QuickBooks of that edition can do this to the kind."""
        return operation in self.operations[edition]


@cache
def matrix() -> dict[Kind, Rules]:
    """The rules of every kind, from ``matrix.toml``."""
    table = tomllib.loads(files("qbsync_shared").joinpath("matrix.toml").read_text("utf-8"))
    return {Kind(name): _rules(Kind(name), row) for name, row in table.items()}


def rules(kind: Kind) -> Rules:
    """The rules of one kind."""
    return matrix()[kind]


def _rules(kind: Kind, row: dict[str, Any]) -> Rules:
    return Rules(
        kind=kind,
        rank=row["rank"],
        directions=frozenset(Direction(name) for name in row["directions"]),
        operations={
            edition: frozenset(Operation(name) for name in row.get(edition, [])) for edition in Edition
        },
        carried=frozenset(Edition(name) for name in row.get("carried", [])),
        deletion={Edition(name): Operation(value) for name, value in row.get("deletion", {}).items()},
    )
