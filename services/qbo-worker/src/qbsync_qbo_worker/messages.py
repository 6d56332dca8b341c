"""What the worker listens to."""

from typing import Any

from qbsync_qbo_worker.postgres.calls import QUERIES
from qbsync_qbo_worker.service.connecting import Connecting
from qbsync_qbo_worker.service.pausing import Pausing
from qbsync_shared.connector import LinkKeeper, LookUps, WorkQueue, tenants
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import (
    BadgeChanged,
    Cancel,
    ClearId,
    EntityApplied,
    EntityRejected,
    Link,
    LookUp,
    Message,
    Pause,
    Resume,
    SyncApproved,
    TenantConfigured,
    TenantDeleted,
)
from qbsync_shared.messaging import Subscription
from qbsync_shared.postgres import Connection
from qbsync_shared.subjects import COMMANDS, EVENTS, TENANTS, pattern

SERVICE = "qbo-worker"


async def tenant_deleted(connection: Connection, message: TenantDeleted) -> None:
    """Erase everything of a tenant."""
    for table in (
        "calls",
        "batches",
        "connection",
        "lease",
        "read_use",
        "cursors",
        "authorisations",
        "history",
    ):
        await connection.execute(QUERIES[f"erase_{table}"], message.tenant)
    await tenants.deleted(connection, message)


async def tenant_configured(connection: Connection, message: TenantConfigured) -> None:
    """Keep what the worker needs of tenants of its edition."""
    if message.edition is Edition.ONLINE:
        await tenants.configured(connection, message)


def subscriptions(
    queue: WorkQueue, links: LinkKeeper, look_ups: LookUps, connecting: Connecting, pausing: Pausing
) -> list[Subscription[Any]]:
    """Every durable consumer and its handler."""

    async def deleted(connection: Connection, message: TenantDeleted) -> None:
        await connecting.give_back(connection, message.tenant)
        await tenant_deleted(connection, message)

    def listen(stream: str, channel: str, message: type[Message], handle: Any) -> Subscription[Any]:
        return Subscription(
            stream=stream,
            subject=pattern(channel, message.noun, message.verb),
            durable=f"{SERVICE}-{message.noun}-{message.verb}",
            message=message,
            handle=handle,
        )

    return [
        listen(TENANTS, "wizard", TenantConfigured, tenant_configured),
        listen(TENANTS, "wizard", TenantDeleted, deleted),
        listen(EVENTS, "wizard", BadgeChanged, tenants.badge_changed),
        listen(EVENTS, "online", SyncApproved, queue.accept),
        listen(EVENTS, "app", EntityApplied, links.applied),
        listen(EVENTS, "app", EntityRejected, links.rejected),
        listen(COMMANDS, "online", ClearId, links.clear_id),
        listen(COMMANDS, "online", Cancel, links.cancel),
        listen(COMMANDS, "online", Link, links.link),
        listen(COMMANDS, "online", LookUp, look_ups.ask),
        listen(COMMANDS, "online", Pause, pausing.pause),
        listen(COMMANDS, "online", Resume, pausing.resume),
    ]
