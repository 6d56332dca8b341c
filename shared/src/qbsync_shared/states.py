"""The life of a sync: which state may follow which, and what the UI calls them."""

from enum import StrEnum


class SyncState(StrEnum):
    """Where an approved movement of one entity stands."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StateGroup(StrEnum):
    """The groups of the log's tabs: Pending, Successful, Failed, and Cancelled by a filter."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ALLOWED: dict[SyncState, frozenset[SyncState]] = {
    SyncState.PENDING: frozenset(
        {SyncState.IN_FLIGHT, SyncState.WAITING, SyncState.FAILED, SyncState.CANCELLED}
    ),
    # cancelled: nothing applied, back for review; pending: the lease was lost and certainly nothing applied
    SyncState.IN_FLIGHT: frozenset(
        {
            SyncState.SUCCEEDED,
            SyncState.FAILED,
            SyncState.WAITING,
            SyncState.CANCELLED,
            SyncState.PENDING,
        }
    ),
    SyncState.WAITING: frozenset({SyncState.IN_FLIGHT, SyncState.FAILED, SyncState.CANCELLED}),
    SyncState.SUCCEEDED: frozenset(),
    SyncState.FAILED: frozenset(),
    SyncState.CANCELLED: frozenset(),
}

FINAL = frozenset(state for state, following in ALLOWED.items() if not following)
OPEN = frozenset(SyncState) - FINAL

_GROUPS = {
    SyncState.PENDING: StateGroup.PENDING,
    SyncState.IN_FLIGHT: StateGroup.PENDING,
    SyncState.WAITING: StateGroup.PENDING,
    SyncState.SUCCEEDED: StateGroup.SUCCEEDED,
    SyncState.FAILED: StateGroup.FAILED,
    SyncState.CANCELLED: StateGroup.CANCELLED,
}


class ForbiddenTransitionError(Exception):
    """A sync was to go where the state machine does not lead: a bug."""


def transition(current: SyncState, following: SyncState) -> SyncState:
    """Return the following state.

    Raises:
        ForbiddenTransitionError: the state machine does not lead there.
    """
    if following not in ALLOWED[current]:
        raise ForbiddenTransitionError(f"{current.value} -> {following.value}")
    return following


def group(state: SyncState) -> StateGroup:
    """The tab of the log under which a state is shown."""
    return _GROUPS[state]
