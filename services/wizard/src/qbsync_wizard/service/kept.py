"""Rows that were kept back, cleared or are always skipped, and their way back (contract, section 5)."""

from collections.abc import Sequence
from datetime import datetime

from qbsync_shared.kinds import Edition, Kind
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service.context import Lane, tell_counts
from qbsync_wizard.service.reviewing import reconsider


async def come_back(
    lane: Lane, *, approval_id: str | None = None, kept_before: datetime | None = None
) -> int:
    """Kept rows return to the list: those of one approval, or those kept until a moment, or all."""
    rows = await lane.connection.fetch(
        QUERIES["return_kept"],
        lane.id,
        approval_id,
        kept_before,
        await lane.change_no(),
        lane.now(),
    )
    if rows:
        await tell_counts(lane)
        await lane.hint()
    return len(rows)


async def after_settling(lane: Lane, approval_id: str) -> int:
    """Online: the rows that an approval kept back return when its syncs are settled."""
    if lane.tenant.edition is not Edition.ONLINE:
        return 0
    if not await lane.connection.fetchval(QUERIES["has_kept"], lane.id, approval_id):
        return 0
    if not await lane.connection.fetchval(QUERIES["approval_is_settled"], lane.id, approval_id):
        return 0
    return await come_back(lane, approval_id=approval_id)


async def restore(lane: Lane, item_ids: Sequence[str]) -> int:
    """Put kept or cleared rows back on the list."""
    rows = await lane.connection.fetch(
        QUERIES["return_items"],
        lane.id,
        list(item_ids),
        await lane.change_no(),
        lane.now(),
    )
    await tell_counts(lane)
    return len(rows)


async def always_skip(lane: Lane, item_id: str, revision: int, *, by: str) -> bool:
    """Never ask about this entity again. False: the row changed since it was seen."""
    now = lane.now()
    row = await lane.connection.fetchrow(QUERIES["skip_item"], lane.id, item_id, by, now, revision)
    if row is None:
        return False
    await lane.connection.execute(
        QUERIES["put_skip"], lane.id, row["kind"], row["ref"], row["label"], by, now
    )
    await tell_counts(lane)
    return True


async def ask_again(lane: Lane, kind: Kind, ref: str) -> None:
    """Stop skipping an entity; what it holds now is reviewed."""
    await lane.connection.execute(QUERIES["drop_skip"], lane.id, kind.value, ref)
    side, _, record_id = ref.partition(":")
    if side == "a":
        await reconsider(lane, kind, app_id=record_id)
    else:
        await reconsider(lane, kind, quickbooks_id=record_id)
    await tell_counts(lane)
