"""JSON in which money stays exact: numbers are read as Decimal and written with the digits they have."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

Json = dict[str, Any]


def loads(text: str | bytes) -> Any:
    """Parse JSON; fractions become Decimal. Raises ValueError for what is not JSON (NaN, endless nesting too)."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def dumps(value: Any) -> str:
    """Write JSON; a Decimal keeps its digits, so 237.50 stays 237.50."""
    if isinstance(value, str) or value is None or isinstance(value, (bool, int)):
        return json.dumps(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(dumps, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
