"""What differs between two states of one entity, as JSON values of the contract."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

Json = dict[str, Any]

IDENTITY = frozenset({"kind", "app_id", "revision"})
"""Fields that name an entity and its state; they are never a change."""

_NUMBERS = frozenset({"unit_price", "purchase_cost", "amount", "quantity", "total", "tax_total", "hours"})
_LABELS = {
    "line1": "street",
    "line2": "street, 2nd line",
    "line3": "street, 3rd line",
    "line4": "street, 4th line",
    "line5": "street, 5th line",
    "email": "e-mail",
    "po_number": "PO number",
    "postal_code": "postal code",
}


@dataclass(frozen=True, kw_only=True)
class FieldChange:
    """One field before and after; ``None`` means without a value. ``path`` is dotted: ``billing_address.city``."""

    path: str
    before: Any
    after: Any

    @property
    def label(self) -> str:
        """The field in words: ``Billing city``."""
        parts = [_LABELS.get(part, part.replace("_", " ")) for part in self.path.split(".")]
        if len(parts) == 2:
            parts[0] = parts[0].removesuffix(" address")
        words = " ".join(parts)
        return words[:1].upper() + words[1:]


class LineAction(StrEnum):
    """What happens to a line."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    SAME = "same"


@dataclass(frozen=True, kw_only=True)
class LineChange:
    """One line, matched by ``line_id``, before and after."""

    action: LineAction
    before: Json | None
    after: Json | None


def same(before: Any, after: Any, *, field: str = "") -> bool:
    """Whether two values mean the same: nothing and ``""`` do, and so do ``95.0`` and ``95.00`` in a number field."""
    if isinstance(before, dict) or isinstance(after, dict):
        left, right = before or {}, after or {}
        return all(same(left.get(key), right.get(key), field=key) for key in left.keys() | right.keys())
    if isinstance(before, list) or isinstance(after, list):
        left, right = before or [], after or []
        return len(left) == len(right) and all(map(same, left, right))
    if before in (None, "") or after in (None, ""):
        return before in (None, "") and after in (None, "")
    if field in _NUMBERS:
        return Decimal(str(before)) == Decimal(str(after))
    return bool(before == after)


def changed_fields(before: Json | None, after: Json) -> tuple[str, ...]:
    """The top-level fields that differ, sorted. Without a before, all that have a value."""
    old = before or {}
    keys = (old.keys() | after.keys()) - IDENTITY
    return tuple(sorted(key for key in keys if not same(old.get(key), after.get(key), field=key)))


def field_changes(before: Json | None, after: Json) -> tuple[FieldChange, ...]:
    """The differing fields except lines, addresses part by part, in the order of the contract."""
    old = before or {}
    changes: list[FieldChange] = []
    for key in dict.fromkeys([*after, *old]):
        if key in IDENTITY or key == "lines":
            continue
        left, right = old.get(key), after.get(key)
        if key.endswith("_address"):
            changes += _parts(key, left or {}, right or {})
        elif not same(left, right, field=key):
            changes.append(FieldChange(path=key, before=left, after=right))
    return tuple(changes)


def line_changes(before: Json | None, after: Json) -> tuple[LineChange, ...]:
    """What happens to each line: those of the new state in its order, then the removed ones."""
    old = {line["line_id"]: line for line in (before or {}).get("lines", [])}
    new = after.get("lines", [])
    changes = [_line(old.get(line["line_id"]), line) for line in new]
    kept = {line["line_id"] for line in new}
    removed = [line for line_id, line in old.items() if line_id not in kept]
    return (*changes, *(LineChange(action=LineAction.REMOVED, before=line, after=None) for line in removed))


def _line(before: Json | None, after: Json) -> LineChange:
    if before is None:
        return LineChange(action=LineAction.ADDED, before=None, after=after)
    action = LineAction.SAME if same(before, after) else LineAction.CHANGED
    return LineChange(action=action, before=before, after=after)


def _parts(key: str, before: Json, after: Json) -> list[FieldChange]:
    return [
        FieldChange(path=f"{key}.{part}", before=before.get(part), after=after.get(part))
        for part in dict.fromkeys([*after, *before])
        if not same(before.get(part), after.get(part), field=part)
    ]
