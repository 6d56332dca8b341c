"""What a row opens to: before and after, both sides of a conflict, a probable duplicate, the lines of a document."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from qbsync_shared.diff import LineAction, field_changes, line_changes
from qbsync_shared.kinds import Direction, Operation
from qbsync_shared.web.filters import amount
from qbsync_shared.web.filters import money as written_money
from qbsync_wizard.domain.evaluating import Change, Item
from qbsync_wizard.domain.prechecks import field_words
from qbsync_wizard.domain.records import REMOVALS, Candidate, Json
from qbsync_wizard.domain.showing import changes_of
from qbsync_wizard.web.words import Names, value


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The lines of a document, before and after."""

    caption: str
    changes: list[dict[str, Any]]
    same: dict[str, str] | None
    total: tuple[str, str] | None
    total_note: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A probable duplicate beside the new record."""

    id: str
    label: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Details:
    """Everything that an opened row shows. ``fields`` are ``{label, before, after}``, ``sides`` ``{label, base, quickbooks, app}``."""

    caption: str
    is_new: bool
    fields: list[dict[str, str]] = field(default_factory=list)
    sides: list[dict[str, str]] = field(default_factory=list)
    lines: Lines | None = None
    duplicates: list[Compared] = field(default_factory=list)
    instead: list[dict[str, str]] = field(default_factory=list)
    removal: str = ""

    @property
    def both(self) -> list[dict[str, str]]:
        """The sides of a conflict for those who only look."""
        return [{"label": one["label"], "left": one["app"], "right": one["quickbooks"]} for one in self.sides]


def make_details(item: Item, names: Names, *, app_name: str) -> Details:
    """What the row of an item opens to."""
    change = item.change
    if item.other is not None:
        rows = _sides(change, item.other, names)
        return Details(
            caption="Both sides changed this since the last sync. Which one is right?",
            is_new=False,
            sides=rows,
            instead=_instead(item),
        )
    if change.operation in REMOVALS:
        return Details(caption="", is_new=False, removal=_removal(change, app_name))
    found = changes_of(change)
    rows = [
        {
            "label": one.label,
            "before": value(one.path, one.before, names),
            "after": value(one.path, one.after, names),
        }
        for one in found
        if one.path != "lines"
    ]
    new = change.operation is Operation.CREATE
    count = len(rows)
    where = "QuickBooks" if change.direction is Direction.EXPORT else app_name
    caption = f"New in {where}" if new else f"{count} {'field changes' if count == 1 else 'fields change'}"
    return Details(
        caption=caption,
        is_new=new,
        fields=rows,
        lines=_lines(change, names),
        duplicates=[_compared(item, one, names) for one in item.duplicates],
        instead=_instead(item),
    )


def _instead(item: Item) -> list[dict[str, str]]:
    """The suggestions for what QuickBooks Desktop cannot store, as a diff shows them."""
    return [
        {"label": field_words(one.field), "before": one.before, "after": one.after} for one in item.instead
    ]


def _sides(theirs: Change, ours: Change, names: Names) -> list[dict[str, str]]:
    base = theirs.before or {}
    rows = []
    parts = {
        one.path: one for one in (*field_changes(base, theirs.entity), *field_changes(base, ours.entity))
    }
    wanted = {*theirs.fields, *ours.fields}
    for path, one in parts.items():
        if path.split(".")[0] not in wanted:
            continue
        left, right = _at(theirs.entity, path), _at(ours.entity, path)
        if right is None and path.split(".")[0] not in ours.fields:
            right = one.before
        rows.append(
            {
                "label": one.label,
                "base": value(path, one.before, names),
                "quickbooks": value(path, left, names),
                "app": value(path, right, names),
            }
        )
    if "lines" in wanted:
        told = {
            name: value("lines", data.get("lines"), names)
            for name, data in (("base", base), ("quickbooks", theirs.entity), ("app", ours.entity))
        }
        rows.append({"label": "Lines", **told})
    return rows


def _at(entity: Json, path: str) -> Any:
    found: Any = entity
    for step in path.split("."):
        found = (found or {}).get(step)
    return found


def _removal(change: Change, app_name: str) -> str:
    if change.direction is Direction.IMPORT:
        return f"It was deleted in QuickBooks. After approval {app_name} is told to delete its record, and the link goes."
    words = {
        Operation.VOID: "It is voided in QuickBooks: it stays there with an amount of zero.",
        Operation.DELETE: "It is deleted in QuickBooks.",
        Operation.DEACTIVATE: "It is made inactive in QuickBooks: it stays there with its history.",
    }
    return f"It was deleted in {app_name}. {words[change.operation]}"


def _lines(change: Change, names: Names) -> Lines | None:
    if "lines" not in change.fields:
        return None
    found = line_changes(change.before, change.entity)
    changed = [one for one in found if one.action is not LineAction.SAME]
    same = [one.after or {} for one in found if one.action is LineAction.SAME]
    rows = [
        {
            "state": one.action.value,
            "item": [_line_name(one.before, names), _line_name(one.after, names)],
            "quantity": _both(one.before, one.after, "quantity"),
            "rate": [_money(one.before, "unit_price"), _money(one.after, "unit_price")],
            "amount": [_money(one.before, "amount"), _money(one.after, "amount")],
        }
        for one in changed
    ]
    count = len(found)
    before, after = _total(change.before), _total(change.entity)
    return Lines(
        caption=f"{len(changed)} of {count} lines change"
        if change.before
        else f"{count} line{'s' * (count != 1)}",
        changes=rows,
        same={
            "text": "; ".join(_line_name(line, names) for line in same),
            "amount": amount(sum((Decimal(line.get("amount") or 0) for line in same), Decimal(0))),
        }
        if same
        else None,
        total=(amount(before) if before is not None else "", amount(after or Decimal(0))),
        total_note=_note(before, after),
    )


def _note(before: Decimal | None, after: Decimal | None) -> str:
    if before is None or after is None or before == after:
        return "Total"
    return f"Total, {written_money(abs(after - before))} {'more' if after > before else 'less'}"


def _total(entity: Json | None) -> Decimal | None:
    if not entity or not entity.get("lines"):
        return None
    if entity.get("total") is not None:
        return Decimal(entity["total"])
    lines = sum((Decimal(line.get("amount") or 0) for line in entity["lines"]), Decimal(0))
    return lines + Decimal(entity.get("tax_total") or 0)


def _line_name(line: Json | None, names: Names) -> str:
    if not line:
        return ""
    name = value("item", line.get("item") or line.get("account"), names)
    text = str(line.get("description") or "")
    return f"{name}, {text}" if name and text else name or text


def _both(before: Json | None, after: Json | None, name: str) -> list[str]:
    return [str((line or {}).get(name) or "") for line in (before, after)]


def _money(line: Json | None, name: str) -> str:
    given = (line or {}).get(name)
    return amount(Decimal(given)) if given is not None else ""


def _compared(item: Item, candidate: Candidate, names: Names) -> Compared:
    mine, theirs = item.change.entity, candidate.entity
    rows = []
    for key in ("name", "company_name", "number", "email", "phone", "billing_address", "date", "total"):
        left, right = value(key, mine.get(key), names), value(key, theirs.get(key), names)
        if left or right:
            label = {"email": "E-mail"}.get(key, key.replace("_", " ").capitalize())
            rows.append({"label": label, "left": left, "right": right, "same": left == right})
    return Compared(id=candidate.id, label=candidate.label, rows=rows)
