"""Money and quantities: Decimal inside, strings such as ``"237.50"`` outside, never a float."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_CENT = Decimal("0.01")
_TEXT = re.compile(r"^-?\d{1,13}(\.\d{1,7})?$")


def _exact(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        if value.is_finite():
            return value
    elif isinstance(value, str) and _TEXT.match(value):
        return Decimal(value)
    raise ValueError('must be a decimal number in a string, such as "237.50"')


def plain(value: Decimal) -> str:
    """Write a number without an exponent, keeping its digits after the point: ``95.00``, ``2.5``."""
    return format(value, "f")


DecimalText = Annotated[Decimal, BeforeValidator(_exact), PlainSerializer(plain, return_type=str)]
"""A number that arrives and leaves as a decimal string; floats are refused."""

Money = DecimalText
Quantity = DecimalText


def cents(value: Decimal) -> Decimal:
    """Round to two digits, halves away from zero, as QuickBooks rounds an amount."""
    return value.quantize(_CENT, rounding=ROUND_HALF_UP)


def line_amount(quantity: Decimal, unit_price: Decimal) -> Decimal:
    """The amount of a line: quantity x price, to the cent (QuickBooks Online refuses another one with 6070)."""
    return cents(quantity * unit_price)
