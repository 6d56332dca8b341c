"""Looks at all that waits again after the company's preferences, its lists or an admin's choices changed."""

from datetime import timedelta

from qbsync_shared.kinds import Kind
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service.context import Lane, tell_counts
from qbsync_wizard.service.reviewing import reconsider

CALM = timedelta(seconds=2)
"""Lists come entry by entry: wait until nothing more came for this long."""
AT_ONCE = 100


async def ask(lane: Lane, *, at_once: bool = False) -> None:
    """Look at all that waits again, soon."""
    due = lane.now() + (timedelta(0) if at_once else CALM)
    await lane.connection.execute(QUERIES["ask_recheck"], lane.id, due)


async def run_batch(lane: Lane, after: str) -> bool:
    """Look at the next items; False when all were looked at. The lane is held."""
    rows = await lane.connection.fetch(QUERIES["recheck_batch"], lane.id, after, AT_ONCE)
    for row in rows:
        await reconsider(lane, Kind(row["kind"]), app_id=row["app_id"], quickbooks_id=row["quickbooks_id"])
    more = len(rows) == AT_ONCE
    last = rows[-1]["item_id"] if rows else after
    await lane.connection.execute(QUERIES["recheck_done"], lane.id, last if more else "", more, after)
    await tell_counts(lane)
    return more
