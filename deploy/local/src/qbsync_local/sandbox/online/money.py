"""Amounts as QuickBooks rounds them: two places, half up."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from qbsync_local.sandbox.online.jsonio import Json

ZERO = Decimal("0.00")


def cents(value: Decimal) -> Decimal:
    """Round to two places, half away from zero."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def amount(body: Json, name: str) -> Decimal:
    """The amount under this name, 0.00 if there is none."""
    value: Any = body.get(name)
    return ZERO if value is None else cents(Decimal(value))


def whole_cents(value: Decimal) -> int:
    """An amount counted in cents."""
    return int(cents(value) * 100)
