"""Which entities did not arrive, and who has to act: a person, or nobody because it moves by itself."""

from dataclasses import replace
from enum import StrEnum
from hashlib import sha256

from qbsync_log.domain.records import Problem, SyncRecord
from qbsync_shared.catalogue import Guidance, RetryClass, entries, explain
from qbsync_shared.kinds import Edition
from qbsync_shared.states import SyncState

WAITS_FOR = "QS-WAITS-FOR"
_STUCK = (RetryClass.CONNECTION, RetryClass.OURS)


class Bucket(StrEnum):
    """How an unsynced entity is shown. Only ``NEEDS_YOU`` counts in badges and in the digest."""

    NEEDS_YOU = "needs_you"
    RETRIES = "retries"
    RESYNCING = "resyncing"


def problem(record: SyncRecord) -> Problem | None:
    """Why the sync is not simply done: its code, or the warning that needs a person."""
    standing = record.standing
    match record.state:
        case SyncState.FAILED | SyncState.WAITING:
            return Problem(code=standing.code or "*", message=standing.message or "")
        case SyncState.SUCCEEDED:
            return next((one for one in standing.warnings if guidance(record, one).needs_person), None)
        case _:
            return None


def guidance(record: SyncRecord, why: Problem) -> Guidance:
    """The catalogue's words for a problem of this record."""
    return words_for(why, record.edition)


def words_for(why: Problem, edition: Edition) -> Guidance:
    """The catalogue's words for a code. One of qbsync's own that this release does not know falls back visibly as well."""
    if why.code.startswith("QS-") and why.code not in entries("any"):
        return replace(explain("*", edition), code=why.code, known=False)
    return explain(why.code, edition, text=why.message)


def bucket(
    record: SyncRecord, *, asked: bool = False, dependency_moves: bool = False, linked_since: bool = False
) -> Bucket | None:
    """Where the latest sync of an entity is listed; ``None`` for what is not unsynced.

    Args:
        record: the latest sync of the entity.
        asked: a person pressed Resync, and the answer is still to come.
        dependency_moves: whether what it waits for will arrive without a person (see ``moves``).
        linked_since: whether its record was linked after it failed: what differs then waits in the Sync Wizard.
    """
    if record.state in (SyncState.PENDING, SyncState.IN_FLIGHT):
        return Bucket.RESYNCING if record.resync_of else None
    why = problem(record)
    if why is None or (linked_since and record.state is SyncState.FAILED):
        return None
    if asked:
        return Bucket.RESYNCING
    if record.state is SyncState.WAITING and _moves_by_itself(record, why, dependency_moves=dependency_moves):
        return Bucket.RETRIES
    return Bucket.NEEDS_YOU


def _moves_by_itself(record: SyncRecord, why: Problem, *, dependency_moves: bool) -> bool:
    if why.code == WAITS_FOR:
        return dependency_moves
    found = guidance(record, why)
    if found.retry in _STUCK:
        return False
    return record.standing.retry_at is not None or not found.needs_person


def moves(record: SyncRecord | None, listed: Bucket | None) -> bool:
    """Whether what waits for this entity will go by itself: nobody has to act on its own latest sync first."""
    return record is not None and listed is not Bucket.NEEDS_YOU and record.state is not SyncState.CANCELLED


def cause_of(record: SyncRecord) -> str | None:
    """What groups unsynced entities: all with the same cause are solved by the same deed.

    Those that wait for one record, or that name one missing record, share it; else the code and the kind do.
    """
    why = problem(record)
    if why is None:
        return "resync" if record.resync_of and record.is_open else None
    parts = [why.code, record.kind.value]
    if record.standing.waits_for:
        parts.append(record.standing.waits_for)
    elif guidance(record, why).retry is RetryClass.DEPENDENCY:
        parts.append(sha256(why.message.encode()).hexdigest()[:16])
    return "|".join(parts)
