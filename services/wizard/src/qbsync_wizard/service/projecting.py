"""What the connector services tell: kept by version, so that order and repetition do not matter."""

from datetime import datetime

from qbsync_shared.kinds import Edition
from qbsync_shared.messages import (
    ConnectionChanged,
    LinkCleared,
    LinkCreated,
    QuickBooksEntityChanged,
    SessionEnded,
    SyncEvent,
    SyncStarted,
)
from qbsync_shared.states import FINAL
from qbsync_wizard.postgres import lists
from qbsync_wizard.postgres import repository as store
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service import kept, rechecking
from qbsync_wizard.service.context import Lane, tell_counts
from qbsync_wizard.service.reviewing import reconsider, reconsider_neighbours


async def quickbooks_changed(lane: Lane, message: QuickBooksEntityChanged) -> None:
    """A record is new, changed or gone in QuickBooks."""
    if message.kind.is_list:
        if await lists.put_entry(lane.connection, message):
            await rechecking.ask(lane)
        return
    before = await store.get_quickbooks(lane.connection, lane.id, message.kind, message.quickbooks_id)
    stored = await store.put_quickbooks(
        lane.connection,
        lane.id,
        message.kind,
        message.quickbooks_id,
        version=message.version,
        entity=message.entity,
        deleted=message.deleted,
        for_matching=message.for_matching,
        changed_at=message.changed_at or message.occurred_at,
        received_at=lane.now(),
    )
    if not stored:
        return
    await reconsider(lane, message.kind, quickbooks_id=message.quickbooks_id)
    previous = before.entity if before else None
    await reconsider_neighbours(lane, message.kind, "a", previous, message.entity)
    await tell_counts(lane)


async def link_created(lane: Lane, message: LinkCreated) -> None:
    """Two records belong together, or their common snapshot moved on."""
    stored = await lane.connection.fetchval(
        QUERIES["put_link"],
        lane.id,
        message.kind.value,
        message.app_id,
        message.quickbooks_id,
        message.version,
        message.sync_id,
        message.sent,
        message.returned,
        message.occurred_at,
    )
    if stored is not None:
        await _after_link(lane, message)


async def link_cleared(lane: Lane, message: LinkCleared) -> None:
    """A link was dropped."""
    stored = await lane.connection.fetchval(
        QUERIES["clear_link"],
        lane.id,
        message.kind.value,
        message.app_id,
        message.quickbooks_id,
        message.version,
        message.occurred_at,
    )
    if stored is not None:
        await _after_link(lane, message)


async def _after_link(lane: Lane, message: LinkCreated | LinkCleared) -> None:
    await reconsider(lane, message.kind, quickbooks_id=message.quickbooks_id)
    await reconsider(lane, message.kind, app_id=message.app_id)
    app = await store.get_app(lane.connection, lane.id, message.kind, message.app_id)
    theirs = await store.get_quickbooks(lane.connection, lane.id, message.kind, message.quickbooks_id)
    await reconsider_neighbours(lane, message.kind, "a", theirs.entity if theirs else None)
    await reconsider_neighbours(lane, message.kind, "q", app.entity if app else None)
    await tell_counts(lane)


async def sync_told(lane: Lane, message: SyncEvent) -> None:
    """The life of a sync went on."""
    doubt = awaiting = None
    if isinstance(message, SyncStarted):
        doubt, awaiting = message.in_doubt_since, message.awaiting_app_since
    final = message.state in FINAL
    row = await lane.connection.fetchrow(
        QUERIES["put_sync_state"],
        lane.id,
        message.sync_id,
        message.version,
        message.state.value,
        message.direction.value,
        message.kind.value,
        message.app_id,
        message.quickbooks_id,
        message.operation.value,
        message.code,
        message.message,
        doubt,
        awaiting,
        message.occurred_at,
        message.occurred_at if final else None,
    )
    if row is None:
        return
    await lane.hint()
    if not final:
        return
    await lane.connection.execute(QUERIES["settle_hand_over"], lane.id, message.sync_id)
    await reconsider(lane, message.kind, app_id=row["app_id"], quickbooks_id=row["quickbooks_id"])
    if row["approval_id"] is not None:
        await kept.after_settling(lane, row["approval_id"])
    await tell_counts(lane)


async def connection_changed(lane: Lane, message: ConnectionChanged) -> None:
    """The health of the connection, for the strip."""
    if message.edition is not lane.tenant.edition:
        return
    await lane.connection.execute(
        QUERIES["put_connection"],
        lane.id,
        message.edition.value,
        message.version,
        message.state.value,
        message.company,
        message.last_seen_at,
        message.next_expected_at,
        message.expires_at,
        message.code,
        message.message,
    )
    await lane.hint()


async def session_ended(lane: Lane, message: SessionEnded) -> None:
    """A session of the Web Connector is over: what was kept before it comes back."""
    if lane.tenant.edition is not Edition.DESKTOP:
        return
    await lane.connection.execute(
        QUERIES["put_session"], lane.id, message.edition.value, message.version, message.occurred_at
    )
    ended: datetime = message.occurred_at
    await kept.come_back(lane, kept_before=ended)
    await lane.hint()
