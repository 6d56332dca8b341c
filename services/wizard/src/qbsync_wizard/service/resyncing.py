"""Resync: approve an unsynced entity again with its current data (contract, section 4)."""

from qbsync_shared.kinds import Direction, Kind
from qbsync_shared.messages import Channel, CommandRefused, LinkCleared, Resync
from qbsync_shared.messaging import publish
from qbsync_wizard.domain.approving import Movement
from qbsync_wizard.domain.resyncing import Refusal, resync
from qbsync_wizard.postgres import repository as store
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service.approving import move_now
from qbsync_wizard.service.context import Lane, tell_counts
from qbsync_wizard.service.reviewing import reconsider
from qbsync_wizard.service.surroundings import around

COMMAND = "resync"


async def asked(lane: Lane, command: Resync) -> None:
    """Carry out a Resync, now or when its Clear ID has been carried out."""
    if command.after_clear_id and command.app_id is not None:
        link = await store.link_of(
            lane.connection, lane.id, command.kind, app_id=command.app_id, quickbooks_id=None
        )
        if link is not None and not link.cleared:
            await lane.connection.execute(
                QUERIES["insert_resync_request"],
                lane.id,
                command.id,
                command.sync_id,
                command.kind.value,
                command.app_id,
                command.by,
                lane.now(),
            )
            return
    await _carry_out(
        lane,
        command.kind,
        app_id=command.app_id,
        quickbooks_id=command.quickbooks_id,
        sync_id=command.sync_id,
        command_id=command.id,
        by=command.by,
    )


async def after_clearing(lane: Lane, message: LinkCleared) -> None:
    """The ID was cleared: the Resyncs that waited for it go."""
    rows = await lane.connection.fetch(
        QUERIES["take_resync_requests"], lane.id, message.kind.value, message.app_id
    )
    for row in rows:
        await _carry_out(
            lane,
            message.kind,
            app_id=message.app_id,
            quickbooks_id=None,
            sync_id=row["sync_id"],
            command_id=row["command_id"],
            by=row["by"],
        )


async def clearing_refused(lane: Lane, refused: CommandRefused) -> None:
    """The Clear ID was refused, so the Resync that waited for it is, too."""
    if refused.command != "clear-id" or refused.sync_id is None:
        return
    rows = await lane.connection.fetch(QUERIES["drop_resync_requests"], lane.id, refused.sync_id)
    for row in rows:
        await _refuse(lane, row["command_id"], refused.sync_id, refused.code, refused.message)


async def _carry_out(
    lane: Lane,
    kind: Kind,
    *,
    app_id: str | None,
    quickbooks_id: str | None,
    sync_id: str,
    command_id: str,
    by: str,
) -> None:
    known = await store.load(lane.connection, lane.id, kind, app_id=app_id, quickbooks_id=quickbooks_id)
    told = await lane.connection.fetchrow(QUERIES["get_sync"], lane.id, sync_id)
    if known.sync is not None and known.sync.is_open and known.sync.resync_of == sync_id:
        return  # pressed twice
    if told is not None and told["direction"] == Direction.IMPORT.value:
        await _review_again(
            lane, kind, sync_id, command_id, app_id=told["app_id"], quickbooks_id=told["quickbooks_id"]
        )
        return
    found = resync(known, lane.tenant.edition, resync_of=sync_id, around=await around(lane, known))
    if isinstance(found, Refusal):
        await _refuse(lane, command_id, sync_id, found.code, found.message)
        return
    item, moved = found
    await move_now(lane, item, moved, by=by)
    await _consume(lane, moved)
    await tell_counts(lane)


async def _review_again(
    lane: Lane, kind: Kind, sync_id: str, command_id: str, *, app_id: str | None, quickbooks_id: str | None
) -> None:
    """An import goes back for review, and who asked is told so; QuickBooks is read again when it is approved."""
    await lane.connection.execute(QUERIES["mark_resynced"], lane.id, sync_id)
    item = await reconsider(lane, kind, app_id=app_id, quickbooks_id=quickbooks_id)
    await tell_counts(lane)
    if item is None:
        text = "Nothing is left to bring over: both sides agree, or QuickBooks does not hold it any more."
        await _refuse(lane, command_id, sync_id, "QS-NOTHING-DIFFERS", text)
    else:
        text = "It waits in the Sync Wizard again. Review it there."
        await _refuse(lane, command_id, sync_id, "QS-REVIEW-AGAIN", text)


async def _consume(lane: Lane, moved: Movement) -> None:
    """The item that waited for review is dealt with by this sync."""
    for ids in ({"app_id": moved.app_id}, {"quickbooks_id": moved.quickbooks_id}):
        if next(iter(ids.values())) is not None:
            await reconsider(lane, moved.kind, **ids)


async def _refuse(lane: Lane, command_id: str, sync_id: str, code: str, message: str) -> None:
    await publish(
        lane.connection,
        CommandRefused(
            **lane.stamp(),
            speaker=Channel.WIZARD,
            command_id=command_id,
            command=COMMAND,
            code=code,
            message=message,
            sync_id=sync_id,
        ),
        caused_by=command_id,
    )
