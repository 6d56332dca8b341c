"""QuickBooks' own lists: read for mappings, never reviewed."""

from typing import Literal

from qbsync_shared.entities.base import Entity, Name, Text
from qbsync_shared.kinds import Kind


class _Entry(Entity):
    name: Name
    active: bool = True

    @property
    def label(self) -> str:
        return self.name


class Account(_Entry):
    """An account of the chart; ``type`` in QuickBooks' own word."""

    kind: Literal[Kind.ACCOUNT] = Kind.ACCOUNT
    type: Text | None = None
    number: Text | None = None


class Class(_Entry):
    """A class by which transactions are grouped."""

    kind: Literal[Kind.CLASS] = Kind.CLASS


class Term(_Entry):
    """Terms of payment."""

    kind: Literal[Kind.TERM] = Kind.TERM
    due_days: int | None = None


class TaxCode(_Entry):
    """A sales tax code."""

    kind: Literal[Kind.TAX_CODE] = Kind.TAX_CODE
    taxable: bool | None = None


class PaymentMethod(_Entry):
    """A way to pay."""

    kind: Literal[Kind.PAYMENT_METHOD] = Kind.PAYMENT_METHOD


class Department(_Entry):
    """A location; Online only."""

    kind: Literal[Kind.DEPARTMENT] = Kind.DEPARTMENT
