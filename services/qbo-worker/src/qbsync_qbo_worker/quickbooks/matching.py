"""Whether a record of QuickBooks holds what was sent: for doubts that only a look can settle."""

from decimal import Decimal, InvalidOperation
from typing import Any

from qbsync_qbo_worker.quickbooks.answers import Json

_NOT_COMPARED = frozenset({"SyncToken", "sparse", "TxnTaxDetail", "QtyOnHand"})
"""What steers the write, and what QuickBooks computes by itself."""


def holds(record: Json, sent: Json) -> bool:
    """Whether every property that was sent is in the record with the same value.

    The record may hold more. Numbers are compared as numbers, and an emptied property may be missing.
    """
    return all(_same(record.get(key), value) for key, value in sent.items() if key not in _NOT_COMPARED)


def is_void(record: Json) -> bool:
    """Whether a transaction was voided: QuickBooks keeps it with all amounts at zero."""
    return _number(record.get("TotalAmt")) == 0 and all(
        _number(line.get("Amount", 0)) == 0 for line in record.get("Line", [])
    )


def _same(held: Any, sent: Any) -> bool:
    if isinstance(sent, dict):
        return all(_same((held or {}).get(key), value) for key, value in sent.items())
    if isinstance(sent, list):
        own = _lines_like(held or [], sent)
        return len(own) == len(sent) and all(map(_same, own, sent))
    if sent in ("", None) or held in ("", None):
        return sent in ("", None) and held in ("", None)
    if isinstance(sent, bool) or isinstance(held, bool):
        return bool(held == sent)
    left, right = _number(held), _number(sent)
    if left is not None and right is not None:
        return left == right
    return str(held) == str(sent)


def _lines_like(held: list[Any], sent: list[Any]) -> list[Any]:
    """Without the lines that QuickBooks adds by itself, such as the sub-total."""
    types = {line.get("DetailType") for line in sent if isinstance(line, dict)}
    return [line for line in held if not isinstance(line, dict) or line.get("DetailType") in types]


def _number(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
