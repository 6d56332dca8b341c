"""What an approval of a review item sets in motion."""

from dataclasses import dataclass
from dataclasses import replace as dataclass_replace

from qbsync_shared.entities import references_of
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind, Operation
from qbsync_wizard.domain.encoding import Replacement, replaced
from qbsync_wizard.domain.evaluating import Change, Item
from qbsync_wizard.domain.records import REMOVALS, Json

APP, QUICKBOOKS, CREATE, LINK_PREFIX = "app", "quickbooks", "create", "link:"
REPLACE = "replace"
"""Accepts the suggested texts: alone, or after another choice and a plus, ``create+replace``."""


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What was decided: goes into ``sync.approved`` as it is."""

    kind: Kind
    direction: Direction
    operation: Operation
    app_id: str | None
    quickbooks_id: str | None
    entity: Json
    fields: tuple[str, ...]
    depends_on: tuple[EntityKey, ...]
    replaced: tuple[Replacement, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Need:
    """Why a row stays: a choice to make, a problem to solve, or a record that must go first."""

    code: str
    message: str
    dependency: EntityKey | None = None


def movement(item: Item, choice: str | None = None) -> Movement | Need:
    """What approving the item does.

    Args:
        item: as it was shown.
        choice: in a conflict ``app`` or ``quickbooks``; for a probable duplicate ``create`` or ``link:{id}``; ``replace``, or one of these with
            ``+replace``, accepts the suggested texts.
    """
    choice, accepts = _read(choice)
    if item.blocking and choice != QUICKBOOKS:
        first = item.blocking[0]
        return Need(code=first.code, message=first.text)
    if not item.instead or choice == QUICKBOOKS or (choice or "").startswith(LINK_PREFIX):
        return _decided(item, choice)
    if not accepts:
        return _question(item)
    moved = _decided(_with_texts(item), choice)
    return moved if isinstance(moved, Need) else dataclass_replace(moved, replaced=item.instead)


def _decided(item: Item, choice: str | None) -> Movement | Need:
    if item.is_conflict:
        return _side(item, choice)
    if item.duplicates and choice is None:
        return Need(code="duplicate", message="Choose first: link to the existing record, or create anyway.")
    if item.duplicates and choice is not None and choice.startswith(LINK_PREFIX):
        return _link(item, choice.removeprefix(LINK_PREFIX))
    return _move(item, item.change, item.change.fields)


def _read(choice: str | None) -> tuple[str | None, bool]:
    """The choice without the acceptance of texts, and that acceptance."""
    if choice == REPLACE:
        return None, True
    if choice is not None and choice.endswith(f"+{REPLACE}"):
        return choice.removesuffix(f"+{REPLACE}"), True
    return choice, False


def _question(item: Item) -> Need:
    first = item.instead[0]
    text = f"QuickBooks Desktop cannot store “{first.before}”. Use “{first.after}”, or change it in the app."
    return Need(code="replacement", message=text)


def _with_texts(item: Item) -> Item:
    """The item as it is when its suggestions are accepted."""
    instead = {one.before: one.after for one in item.instead}
    ours = item.other or item.change
    ours = dataclass_replace(ours, entity=replaced(ours.entity, instead))
    if item.other is not None:
        return dataclass_replace(item, other=ours, instead=())
    return dataclass_replace(item, change=ours, instead=())


def _side(item: Item, choice: str | None) -> Movement | Need:
    assert item.other is not None
    fields = tuple(sorted({*item.change.fields, *item.other.fields}))
    if choice == APP:
        mine = item.other.entity
        kept = tuple(field for field in fields if field in mine or field in (item.other.before or {}))
        return _move(item, item.other, kept if item.other.operation is Operation.UPDATE else ())
    if choice == QUICKBOOKS:
        return _move(item, item.change, fields)
    return Need(code="conflict", message="Pick a side first: both changed since the last sync.")


def _link(item: Item, other_id: str) -> Movement | Need:
    if other_id not in {candidate.id for candidate in item.duplicates}:
        return Need(code="duplicate", message="That record is no longer there to link to. Look again.")
    chosen = next(one for one in item.duplicates if one.id == other_id)
    if not chosen.is_active and item.change.entity.get("active") is not False:
        return Need(
            code="duplicate", message="That record is inactive. Make it active there, then link to it."
        )
    exports = item.change.direction is Direction.EXPORT
    app_id, quickbooks_id = (item.app_id, other_id) if exports else (other_id, item.quickbooks_id)
    entity = item.change.entity
    if not exports:
        entity = chosen.entity
    return Movement(
        kind=item.kind,
        direction=Direction.EXPORT,
        operation=Operation.LINK,
        app_id=app_id,
        quickbooks_id=quickbooks_id,
        entity=entity,
        fields=(),
        depends_on=(),
    )


def _move(item: Item, change: Change, fields: tuple[str, ...]) -> Movement:
    exports = change.direction is Direction.EXPORT
    needs = exports and change.operation not in REMOVALS
    return Movement(
        kind=item.kind,
        direction=change.direction,
        operation=change.operation,
        app_id=item.app_id,
        quickbooks_id=item.quickbooks_id,
        entity=change.entity,
        fields=fields,
        depends_on=references_of(change.entity) if needs else (),
    )
