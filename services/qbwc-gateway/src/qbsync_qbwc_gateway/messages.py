"""What the gateway listens to, and what it does with each message."""

from collections.abc import Awaitable, Callable
from typing import Any

from qbsync_qbwc_gateway.postgres import repository as store
from qbsync_qbwc_gateway.service import Connectors
from qbsync_qbwc_gateway.session.lookups import Finding
from qbsync_shared import messages as said
from qbsync_shared.connector import LinkKeeper, WorkQueue, tenants
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import Message
from qbsync_shared.messaging import Subscription
from qbsync_shared.postgres import Connection
from qbsync_shared.subjects import COMMANDS, EVENTS, TENANTS, pattern

SCHEMA = "gateway"
SERVICE = "qbwc-gateway"
_DESKTOP = Edition.DESKTOP.value

Handle = Callable[[Connection, Any], Awaitable[None]]


def subscriptions(
    queue: WorkQueue, keeper: LinkKeeper, finding: Finding, connectors: Connectors
) -> list[Subscription[Any]]:
    """All of them. Work is only taken in here; it is done when the Web Connector comes."""
    return [
        _from(EVENTS, _DESKTOP, said.SyncApproved, queue.accept),
        _from(COMMANDS, _DESKTOP, said.ClearId, keeper.clear_id),
        _from(COMMANDS, _DESKTOP, said.Cancel, keeper.cancel),
        _from(COMMANDS, _DESKTOP, said.Link, keeper.link),
        _from(COMMANDS, _DESKTOP, said.LookUp, finding.ask),
        _from(COMMANDS, _DESKTOP, said.Pause, connectors.pause),
        _from(COMMANDS, _DESKTOP, said.Resume, connectors.resume),
        _from(EVENTS, "app", said.EntityApplied, keeper.applied),
        _from(EVENTS, "app", said.EntityRejected, keeper.rejected),
        _from(TENANTS, "wizard", said.TenantConfigured, tenants.configured),
        _from(TENANTS, "wizard", said.TenantDeleted, _deleted),
        _from(EVENTS, "wizard", said.BadgeChanged, tenants.badge_changed),
    ]


async def _deleted(connection: Connection, message: said.TenantDeleted) -> None:
    await tenants.deleted(connection, message)
    tables = ("sets", "comparison", "history", "transcripts", "sessions")
    for name in (*(f"erase_{table}" for table in tables), "drop_cursors", "erase_connector"):
        await connection.execute(store.QUERIES[name], message.tenant)


def _from(stream: str, channel: str, message: type[Message], handle: Handle) -> Subscription[Any]:
    return Subscription(
        stream=stream,
        subject=pattern(channel, message.noun, message.verb),
        durable=f"{SERVICE}-{message.noun}-{message.verb}",
        message=message,
        handle=handle,
    )


__all__ = ["SCHEMA", "SERVICE", "subscriptions"]
