"""A review item as rows are stored and listed: its name, place, amount, and the JSON form of all that is shown."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from qbsync_shared.diff import FieldChange, field_changes
from qbsync_shared.entities import parse_entity, references_of
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind, Operation, rules
from qbsync_wizard.domain.comparing import alike
from qbsync_wizard.domain.encoding import Replacement
from qbsync_wizard.domain.evaluating import Change, Item
from qbsync_wizard.domain.problems import Problem
from qbsync_wizard.domain.records import Candidate, Json, Standing, digest

_ATTENTION = 1000
_PARTIES = {"customer": Kind.CUSTOMER, "job": Kind.JOB, "vendor": Kind.VENDOR, "employee": Kind.EMPLOYEE}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a list shows of an item without opening it. ``place`` orders: what needs a look, then by rank."""

    label: str
    party: str
    amount: Decimal | None
    document_date: date | None
    place: int
    search: str


PARTIES = frozenset(_PARTIES.values())
"""The kinds that documents belong to."""


def ref_of(app_id: str | None, quickbooks_id: str | None) -> str:
    """Names an entity within its kind: by the app's id where it has one, else by QuickBooks'."""
    return f"a:{app_id}" if app_id is not None else f"q:{quickbooks_id}"


def party_reference(item: Item) -> tuple[Kind, Json] | None:
    """The customer, job, vendor or employee a document belongs to."""
    for field, kind in _PARTIES.items():
        reference = item.change.entity.get(field)
        if isinstance(reference, dict):
            return kind, reference
    return None


def summarise(item: Item, party: str = "") -> Summary:
    """What a list shows of an item; ``party`` is the name of who it belongs to."""
    entity = item.change.entity
    label, amount = _label_and_amount(entity)
    attention = item.needs_choice or bool(item.blocking)
    moment = entity.get("date")
    words = [label, party, item.app_id, item.quickbooks_id, entity.get("number"), entity.get("email")]
    money = f"{amount:.2f} {amount:,.2f}" if amount is not None else ""
    return Summary(
        label=label,
        party=party,
        amount=amount,
        document_date=date.fromisoformat(moment) if moment else None,
        place=rules(item.kind).rank + (0 if attention else _ATTENTION),
        search="\n".join([*(str(word).casefold() for word in words if word), money]),
    )


def _label_and_amount(entity: Json) -> tuple[str, Decimal | None]:
    parsed = parse_entity(entity)
    amount = parsed.amount if parsed.of_kind is not Kind.ITEM else None
    return parsed.label or str(entity.get("quickbooks_id") or ""), amount


def depends_on(item: Item) -> tuple[EntityKey, ...]:
    """The records of the app that an export refers to."""
    change = item.other or item.change
    removes = change.operation in (Operation.VOID, Operation.DELETE, Operation.DEACTIVATE)
    if change.direction is Direction.IMPORT or removes:
        return ()
    return references_of(change.entity)


def to_json(item: Item) -> Json:
    """All that is shown, as it is stored; :func:`from_json` reads it."""
    return {
        "kind": item.kind.value,
        "app_id": item.app_id,
        "quickbooks_id": item.quickbooks_id,
        "change": _change(item.change),
        "other": _change(item.other) if item.other else None,
        "base_version": item.base_version,
        "resync_of": item.resync_of,
        "problems": [vars(problem) for problem in item.problems],
        "duplicates": [{**vars(one), "same": list(one.same)} for one in item.duplicates],
        "instead": [vars(one) for one in item.instead],
    }


def shown_digest(shown: Json) -> str:
    """Names all that is shown; the revision is raised when it changes."""
    return digest({"shown": shown})


def from_json(shown: Json, *, standing: str, content: str) -> Item:
    """Read a stored item."""
    other = shown["other"]
    return Item(
        kind=Kind(shown["kind"]),
        app_id=shown["app_id"],
        quickbooks_id=shown["quickbooks_id"],
        change=_read_change(shown["change"]),
        other=_read_change(other) if other else None,
        base_version=shown["base_version"],
        standing=Standing(standing),
        content=content,
        resync_of=shown["resync_of"],
        problems=tuple(Problem(**problem) for problem in shown["problems"]),
        duplicates=tuple(Candidate(**{**one, "same": tuple(one["same"])}) for one in shown["duplicates"]),
        instead=tuple(Replacement(**one) for one in shown.get("instead", ())),
    )


def _change(change: Change) -> dict[str, Any]:
    return {
        "direction": change.direction.value,
        "operation": change.operation.value,
        "entity": change.entity,
        "before": change.before,
        "fields": list(change.fields),
    }


def _read_change(data: Json) -> Change:
    return Change(
        direction=Direction(data["direction"]),
        operation=Operation(data["operation"]),
        entity=data["entity"],
        before=data["before"],
        fields=tuple(data["fields"]),
    )


def changes_of(change: Change) -> tuple[FieldChange, ...]:
    """The fields that change, before and after; lines stand as a whole."""
    before: Json = {key: given for key, given in (change.before or {}).items() if key in change.fields}
    after: Json = {key: given for key, given in in_order(change.entity).items() if key in change.fields}
    found = tuple(
        one
        for one in field_changes(before if change.before is not None else None, after)
        if not alike(one.before, one.after, field=one.path)
    )
    if "lines" in change.fields:
        return (*found, FieldChange(path="lines", before=before.get("lines"), after=after.get("lines")))
    return found


def in_order(entity: Json) -> Json:
    """The same with its fields in the order of the contract; a database keeps another one."""
    return parse_entity(entity).to_json()
