"""When Resync and Clear ID are possible, and why not. Who may press them is for the pages to check."""

from dataclasses import dataclass

from qbsync_log.domain.records import SyncRecord
from qbsync_log.domain.unsynced import guidance, problem
from qbsync_shared.catalogue import Action
from qbsync_shared.states import SyncState


@dataclass(frozen=True)
class Refusal:
    """Why it is not possible now, in a sentence, with the next step."""

    code: str
    reason: str


SUPERSEDED = Refusal("superseded", "A newer sync of this record exists already. Look at that one.")
IN_FLIGHT = Refusal("in-flight", "It is on its way right now. Wait for its outcome.")
IN_DOUBT = Refusal(
    "in-doubt",
    "QuickBooks' answer is still unknown. Sending again now could double the record; wait until that is settled.",
)
NOT_OPEN = Refusal("not-open", "It is on its way or done already, so it cannot be cancelled.")
UNKNOWN = Refusal("unknown", "There is no such sync here.")
NOT_UNSYNCED = Refusal("not-unsynced", "It is not unsynced any more: there is nothing to resync.")
NOT_FOR_CLEAR = Refusal(
    "not-applicable", "Clearing the ID does not help here. Follow the steps shown for its code."
)
NO_LINK = Refusal(
    "not-linked", "It is not linked to a record in QuickBooks, so there is no ID to clear. Press Resync."
)

ALL = (SUPERSEDED, IN_FLIGHT, IN_DOUBT, UNKNOWN, NOT_UNSYNCED, NOT_FOR_CLEAR, NO_LINK, NOT_OPEN)
REASONS = {refusal.code: refusal.reason for refusal in ALL}


def may_resync(record: SyncRecord, *, latest: bool) -> Refusal | None:
    """Whether the entity of this sync can be approved again now; ``None`` means yes."""
    if record.standing.in_doubt_since is not None:
        return IN_DOUBT
    if not latest:
        return SUPERSEDED
    if record.state is SyncState.IN_FLIGHT:
        return IN_FLIGHT
    return None if problem(record) else NOT_UNSYNCED


def may_clear_id(record: SyncRecord, *, latest: bool) -> Refusal | None:
    """Whether the owner of the links may be asked to drop this entity's; ``None`` means yes.

    Whether there is a link is for the owner to say: what the log knows of links may be a moment behind.
    """
    refusal = may_resync(record, latest=latest)
    if refusal is not None:
        return refusal
    why = problem(record)
    if why is None or Action.CLEAR_ID not in guidance(record, why).actions:
        return NOT_FOR_CLEAR
    return None if record.known_app_id else NO_LINK


def may_cancel(record: SyncRecord) -> Refusal | None:
    """Whether it is certain that nothing of it is on its way; ``None`` means yes."""
    if record.standing.in_doubt_since is not None:
        return IN_DOUBT
    return None if record.state in (SyncState.PENDING, SyncState.WAITING) else NOT_OPEN
