"""What the queue tells the other services."""

from datetime import datetime
from typing import Any

from qbsync_shared.connector.domain import Json, LinkRow, WorkItem
from qbsync_shared.ids import EntityKey, MakeId
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import (
    Dependency,
    LinkCleared,
    LinkCreated,
    SyncCancelled,
    SyncFailed,
    SyncStarted,
    SyncSucceeded,
    SyncWaiting,
    Warning,  # noqa: A004 - the word of the contract
)
from qbsync_shared.messages.base import stamp
from qbsync_shared.outcomes import Warned


class Announcer:
    """Makes the messages about syncs and links of one edition."""

    def __init__(self, edition: Edition, make_id: MakeId) -> None:
        self.edition = edition
        self._make_id = make_id

    def stamp(self, tenant: str, at: datetime) -> dict[str, Any]:
        """Id, tenant, time and edition of a new message."""
        return {**stamp(self._make_id(), tenant, at), "edition": self.edition}

    def _sync(self, item: WorkItem, at: datetime) -> dict[str, Any]:
        return {
            **self.stamp(item.tenant, at),
            "sync_id": item.sync_id,
            "version": item.version,
            "direction": item.direction,
            "kind": item.kind,
            "app_id": item.app_id,
            "quickbooks_id": item.quickbooks_id,
            "operation": item.operation,
            "attempt": item.attempts,
            "code": item.code,
            "message": item.message,
        }

    def started(self, item: WorkItem, at: datetime, technical: Json | None = None) -> SyncStarted:
        """It is on its way, in doubt, or with the app."""
        return SyncStarted(
            **self._sync(item, at),
            in_doubt_since=item.in_doubt_since,
            awaiting_app_since=item.awaiting_app_since,
            technical=technical or {},
        )

    def waiting(
        self,
        item: WorkItem,
        at: datetime,
        *,
        retry_at: datetime | None = None,
        waits_for: EntityKey | None = None,
        technical: Json | None = None,
    ) -> SyncWaiting:
        """It waits with a reason."""
        return SyncWaiting(
            **self._sync(item, at),
            retry_at=retry_at,
            waits_for=Dependency(kind=waits_for.kind, app_id=waits_for.app_id) if waits_for else None,
            technical=technical or {},
        )

    def succeeded(
        self,
        item: WorkItem,
        at: datetime,
        *,
        warnings: tuple[Warned, ...],
        snapshot: Json,
        technical: Json | None = None,
    ) -> SyncSucceeded:
        """The other side has it."""
        return SyncSucceeded(
            **self._sync(item, at),
            warnings=tuple(Warning(code=one.code, message=one.message) for one in warnings),
            snapshot=snapshot,
            technical=technical or {},
        )

    def failed(self, item: WorkItem, at: datetime, technical: Json | None = None) -> SyncFailed:
        """It did not arrive."""
        return SyncFailed(**self._sync(item, at), technical=technical or {})

    def cancelled(
        self, item: WorkItem, at: datetime, *, superseded_by: str | None = None, by: str | None = None
    ) -> SyncCancelled:
        """It will not go."""
        return SyncCancelled(**self._sync(item, at), superseded_by=superseded_by, by=by)

    def link_created(
        self,
        link: LinkRow,
        at: datetime,
        *,
        by: str | None = None,
        why: str = "",
        command_id: str | None = None,
    ) -> LinkCreated:
        """A link was made or moved on."""
        return LinkCreated(
            **self.stamp(link.tenant, at),
            version=link.version,
            kind=link.kind,
            app_id=link.app_id,
            quickbooks_id=link.quickbooks_id,
            sync_id=link.sync_id,
            sent=link.sent,
            returned=link.returned,
            by=by,
            why=why,
            command_id=command_id,
        )

    def link_cleared(
        self, link: LinkRow, at: datetime, *, version: int, by: str, why: str, command_id: str | None = None
    ) -> LinkCleared:
        """A link was dropped."""
        return LinkCleared(
            **self.stamp(link.tenant, at),
            version=version,
            kind=link.kind,
            app_id=link.app_id,
            quickbooks_id=link.quickbooks_id,
            by=by,
            why=why,
            command_id=command_id,
        )
