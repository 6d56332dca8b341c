"""Approves by rule what needs no review, and takes back what is still held."""

from qbsync_shared.messages import Cancel
from qbsync_shared.messaging.outbox import publish_many
from qbsync_wizard.domain.matching import Rules
from qbsync_wizard.errors import RefusedError
from qbsync_wizard.postgres import approvals, items
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service import kept
from qbsync_wizard.service.approving import Who, approve_rows, held_until
from qbsync_wizard.service.context import Lane, tell_counts

BY_RULE = "a rule"
AT_ONCE = 500
MANY = 1000


async def follow(lane: Lane, since: int, after: tuple[int, str]) -> tuple[int, str] | None:
    """Approve by rule among the next waiting rows that changed after ``since``; returns where to go on, None at the end. The lane is held."""
    rules = Rules.of(lane.tenant)
    fetched = await lane.connection.fetch(QUERIES["rule_batch"], lane.id, since, *after, AT_ONCE)
    rows = [items.item_row(row) for row in fetched]
    going = [row for row in rows if rules.lets_through(row.item)]
    if going:
        await approve_rows(lane, going, Who(by=BY_RULE, approval_id=None, held_until=held_until(lane)))
        await tell_counts(lane)
    if len(rows) == AT_ONCE:
        return rows[-1].change_no, rows[-1].item_id
    await lane.connection.execute(QUERIES["rules_followed"], lane.id, lane.tenant.change_no)
    return None


async def undo(lane: Lane, approval_id: str, *, by: str) -> int:
    """Take back what an approval still holds: the connector service is asked to cancel it, and what it cancels returns to the review.

    Returns:
        How many syncs it is asked for.

    Raises:
        RefusedError: 409, all of it went already.
    """
    approval = await approvals.get(lane.connection, lane.id, approval_id)
    rows = await lane.connection.fetch(QUERIES["held_syncs"], lane.id, approval_id, lane.now())
    if approval is None or not (rows or (approval.running and approval.held_seconds(lane.now()))):
        detail = "What was approved has been sent already. Correct it in the app or in QuickBooks."
        raise RefusedError("already-sent", "It is too late to undo this", detail)
    await lane.connection.execute(QUERIES["stop_job"], lane.id, approval_id)
    for start in range(0, len(rows), MANY):
        commands = [
            Cancel(
                **lane.stamp(),
                edition=lane.tenant.edition,
                by=by,
                why="Undone in the Sync Wizard",
                sync_id=row["sync_id"],
            )
            for row in rows[start : start + MANY]
        ]
        await publish_many(lane.connection, commands)
    await kept.come_back(lane, approval_id=approval_id)
    await lane.hint()
    return len(rows)
