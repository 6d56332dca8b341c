"""The life of one approved movement of one entity."""

from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from qbsync_shared.ids import AppId, EntityKey
from qbsync_shared.kinds import Direction, Kind, Operation
from qbsync_shared.messages.base import EditionMessage, Version
from qbsync_shared.states import SyncState


class Dependency(BaseModel):
    """An entity that must be in QuickBooks first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Kind
    app_id: AppId

    @property
    def key(self) -> EntityKey:
        return EntityKey(self.kind, self.app_id)


class Warning(BaseModel):  # noqa: A001 - the word of the contract
    """Something a person should know about a sync that went through."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    message: str


class Replacement(BaseModel):
    """A text that QuickBooks cannot store and what a reviewer accepted instead; ``entity`` has it already. ``field`` is dotted."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    field: str
    before: str
    after: str


class SyncApproved(EditionMessage):
    """Somebody approved a change: it may now move.

    ``fields`` are those that differ from the last synced snapshot, ``base_version`` is the version of the link that
    the reviewer saw, ``entity_seq`` grows with every approval of one entity.
    """

    noun = "sync"
    verb = "approved"

    sync_id: str
    version: Version = 0
    direction: Direction
    kind: Kind
    app_id: AppId | None = None
    quickbooks_id: str | None = None
    operation: Operation
    entity: dict[str, Any]
    fields: tuple[str, ...] = ()
    base_version: int | None = None
    entity_seq: int
    depends_on: tuple[Dependency, ...] = ()
    resync_of: str | None = None
    replaced: tuple[Replacement, ...] = ()
    not_before: AwareDatetime | None = None
    approved_by: str
    approved_at: AwareDatetime


class SyncEvent(EditionMessage):
    """What all later facts about a sync carry."""

    noun = "sync"

    sync_id: str
    version: Version
    direction: Direction
    kind: Kind
    app_id: AppId | None = None
    quickbooks_id: str | None = None
    operation: Operation
    attempt: int = 0
    code: str | None = None
    message: str | None = None

    @property
    def state(self) -> SyncState:
        """The state that this fact says the sync is in."""
        return _STATES[self.verb]


class SyncStarted(SyncEvent):
    """It is on its way; with ``in_doubt_since`` its outcome is unknown, with ``awaiting_app_since`` the app has it."""

    verb = "started"

    in_doubt_since: AwareDatetime | None = None
    awaiting_app_since: AwareDatetime | None = None
    technical: dict[str, Any] = Field(default_factory=dict)


class SyncWaiting(SyncEvent):
    """It waits with a reason; by itself until ``retry_at``, or until its cause is gone."""

    verb = "waiting"

    retry_at: AwareDatetime | None = None
    waits_for: Dependency | None = None
    technical: dict[str, Any] = Field(default_factory=dict)


class SyncSucceeded(SyncEvent):
    """QuickBooks (or the app, for an import) has it. ``snapshot`` is what QuickBooks returned."""

    verb = "succeeded"

    warnings: tuple[Warning, ...] = ()
    snapshot: dict[str, Any] = Field(default_factory=dict)
    technical: dict[str, Any] = Field(default_factory=dict)


class SyncFailed(SyncEvent):
    """It did not arrive, and nothing was applied. A person acts."""

    verb = "failed"

    technical: dict[str, Any] = Field(default_factory=dict)


class SyncCancelled(SyncEvent):
    """Nothing was applied; the entity goes back for review, or a newer approval took over (``superseded_by``)."""

    verb = "cancelled"

    superseded_by: str | None = None
    by: str | None = None


_STATES = {
    "started": SyncState.IN_FLIGHT,
    "waiting": SyncState.WAITING,
    "succeeded": SyncState.SUCCEEDED,
    "failed": SyncState.FAILED,
    "cancelled": SyncState.CANCELLED,
}
