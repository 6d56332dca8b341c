"""Imports for apps without NATS: listed and answered over HTTP, with the same effect as the app's own messages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qbsync_shared.kinds import Kind
from qbsync_shared.messages import EntityApplied, EntityImported, EntityRejected, Message
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection
from qbsync_wizard.errors import RefusedError
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.service.context import Lane


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """An approved import that waits for the app's answer."""

    sync_id: str
    kind: Kind
    quickbooks_id: str
    app_id: str | None
    entity: dict[str, Any]
    changed: tuple[str, ...]
    deleted: bool
    handed_over_at: datetime


async def handed_over(lane: Lane, message: EntityImported) -> None:
    """Remember an import for the app; it may be told again with the same sync id."""
    await lane.connection.execute(
        QUERIES["put_hand_over"],
        lane.id,
        message.sync_id,
        message.kind.value,
        message.quickbooks_id,
        message.app_id,
        message.entity,
        list(message.changed),
        message.deleted,
        message.occurred_at,
    )


async def waiting(
    connection: Connection, tenant_id: str, *, after: tuple[datetime, str] | None, limit: int
) -> tuple[list[HandOver], int]:
    """Imports that wait for an answer, oldest first, and how many there are."""
    moment, sync_id = after or (None, None)
    rows = await connection.fetch(QUERIES["list_hand_overs"], tenant_id, moment, sync_id, limit)
    total: int = await connection.fetchval(QUERIES["count_hand_overs"], tenant_id)
    return [
        HandOver(
            sync_id=row["sync_id"],
            kind=Kind(row["kind"]),
            quickbooks_id=row["quickbooks_id"],
            app_id=row["app_id"],
            entity=row["entity"],
            changed=tuple(row["changed"]),
            deleted=row["deleted"],
            handed_over_at=row["handed_over_at"],
        )
        for row in rows
    ], total


async def answer(lane: Lane, sync_id: str, given: dict[str, Any]) -> bool:
    """Pass on the app's answer, ``{"applied": {"app_id", "revision"}}`` or ``{"rejected": {"reason"}}``; repeating it does nothing.

    Returns:
        False where there is no such import.

    Raises:
        RefusedError: another answer was given before.
    """
    row = await lane.connection.fetchrow(QUERIES["get_hand_over"], lane.id, sync_id)
    if row is None:
        return False
    if row["answer"] is not None:
        if row["answer"] != given:
            raise RefusedError(
                "answered-otherwise",
                "This import was answered in another way before",
                "The first answer counts.",
            )
        return True
    await lane.connection.execute(QUERIES["answer_hand_over"], lane.id, sync_id, given)
    message: Message
    if "applied" in given:
        message = EntityApplied(**lane.stamp(), sync_id=sync_id, **given["applied"])
    else:
        message = EntityRejected(**lane.stamp(), sync_id=sync_id, **given["rejected"])
    await publish(lane.connection, message)
    return True
