"""What a Resync sends: the entity's current data, whatever was reviewed or failed before."""

from dataclasses import dataclass, replace

from qbsync_shared.diff import changed_fields
from qbsync_shared.kinds import Direction, Edition, Operation
from qbsync_shared.states import SyncState
from qbsync_wizard.domain.approving import Movement, Need, movement
from qbsync_wizard.domain.bookchecks import Around
from qbsync_wizard.domain.company import Company
from qbsync_wizard.domain.comparing import as_sent
from qbsync_wizard.domain.evaluating import Change, Item, evaluate
from qbsync_wizard.domain.prechecks import NOTHING_AROUND
from qbsync_wizard.domain.records import Known


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a command is not carried out."""

    code: str
    message: str


def resync(
    known: Known, edition: Edition, *, resync_of: str, around: Around = NOTHING_AROUND
) -> tuple[Item, Movement] | Refusal:
    """The movement that a Resync of an export sets in motion.

    Args:
        known: all that is known of the entity.
        edition: the tenant's.
        resync_of: the sync that it repeats.
        around: what else is known, for the checks.
    """
    item = _refusal(known) or _item(known, edition, around)
    if isinstance(item, Refusal):
        return item
    item = replace(item, resync_of=resync_of)
    moved = movement(item)
    if isinstance(moved, Need):
        return Refusal(code="QS-INVALID", message=moved.message)
    return item, moved


def _item(known: Known, edition: Edition, around: Around) -> Item | Refusal:
    item = evaluate(replace(known, sync=None, decision=None, duplicates=()), edition, around)
    if item is not None and item.is_conflict:
        text = "Both sides changed. Open the Sync Wizard and pick the side that is right."
        return Refusal(code="QS-CHANGED-IN-QUICKBOOKS", message=text)
    if item is None or item.change.direction is Direction.IMPORT:
        item = _unchanged(known, around.company)
    if item is None:
        text = "It was deleted in the app, and QuickBooks does not have it."
        return Refusal(code="QS-WITHDRAWN", message=text)
    return item


def _refusal(known: Known) -> Refusal | None:
    sync = known.sync
    if sync is not None and sync.in_doubt:
        return Refusal(
            code="QS-IN-DOUBT", message="Its last outcome is not known yet. Wait for the next run."
        )
    if sync is not None and sync.state is SyncState.IN_FLIGHT:
        return Refusal(code="QS-IN-DOUBT", message="It is being sent at this moment. Wait for its outcome.")
    if known.app is None:
        text = "The app has not handed over this record. Save it in the app, then press Resync."
        return Refusal(code="QS-REFERENCE-UNKNOWN", message=text)
    return None


def _unchanged(known: Known, company: Company) -> Item | None:
    """All of a linked record again: nothing differs, but somebody wants it sent."""
    app, link = known.app, known.link
    if app is None or app.deleted or link is None or link.cleared:
        return None
    entity = as_sent(app, company)
    change = Change(
        direction=Direction.EXPORT,
        operation=Operation.UPDATE,
        entity=entity,
        before=link.sent or link.returned,
        fields=changed_fields(None, entity),
    )
    return Item(
        kind=known.kind,
        app_id=app.app_id,
        quickbooks_id=link.quickbooks_id,
        change=change,
        base_version=link.version,
    )
