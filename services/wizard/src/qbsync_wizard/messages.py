"""What the wizard listens to. Every handler takes the tenant's lane first; what concerns a deleted tenant is dropped."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from qbsync_shared import subjects
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import (
    AppEntityChanged,
    CommandRefused,
    CompanyChanged,
    ConnectionChanged,
    EntityImported,
    LinkCleared,
    LinkCreated,
    Message,
    QuickBooksEntityChanged,
    Resync,
    SessionEnded,
    SyncCancelled,
    SyncFailed,
    SyncStarted,
    SyncSucceeded,
    SyncWaiting,
)
from qbsync_shared.messaging import Subscription
from qbsync_shared.postgres import Connection
from qbsync_wizard.postgres import repository as store
from qbsync_wizard.service import imports, intake, projecting, rechecking, resyncing, tenants
from qbsync_wizard.service.context import Context, Lane, enter, tell_counts
from qbsync_wizard.service.intake import HandOver, Taken

M = TypeVar("M", bound=Message)

SYNC_EVENTS = (SyncStarted, SyncWaiting, SyncSucceeded, SyncFailed, SyncCancelled)


class StaleRevisionError(Exception):
    """The app published a revision again with other content: a fault of the app, made visible as a dead letter."""


def subscriptions(context: Context) -> list[Subscription[Any]]:
    """All of them: one durable per noun and verb, over both editions."""
    listen = _Listener(context)
    found: list[Subscription[Any]] = [
        listen.to(AppEntityChanged, app_changed, channel="app", durable="wizard-app-entity-changed"),
        listen.to(Resync, resyncing.asked, channel="wizard", stream=subjects.COMMANDS),
        listen.to(LinkCreated, projecting.link_created),
        listen.to(LinkCleared, cleared),
        listen.to(EntityImported, imports.handed_over),
        listen.to(ConnectionChanged, projecting.connection_changed),
        listen.to(SessionEnded, projecting.session_ended, channel=Edition.DESKTOP.value),
        listen.to(CompanyChanged, company_changed),
    ]
    found += [listen.to(event, projecting.sync_told) for event in SYNC_EVENTS]
    for edition in Edition:
        name = edition.value
        changed = f"wizard-{name}-entity-changed"
        refused = f"wizard-{name}-command-refused"
        found += [
            listen.to(QuickBooksEntityChanged, projecting.quickbooks_changed, channel=name, durable=changed),
            listen.to(
                CommandRefused,
                resyncing.clearing_refused,
                channel=name,
                stream=subjects.COMMANDS,
                durable=refused,
            ),
        ]
    return found


async def app_changed(lane: Lane, message: AppEntityChanged) -> None:
    """A record of the app is new, changed or deleted."""
    entity = message.entity
    kind = entity.of_kind if entity else message.kind
    app_id = entity.app_id if entity else message.app_id
    revision = entity.revision if entity else message.revision
    assert kind is not None
    assert app_id is not None
    given = HandOver(
        kind=kind,
        app_id=app_id,
        revision=int(revision or 0),
        entity=entity,
        import_sync_id=message.import_sync_id,
        changed_at=message.occurred_at,
    )
    if await intake.take(lane, given) is Taken.REFUSED:
        raise StaleRevisionError(f"{kind.value} {app_id}: revision {revision} came with other content before")
    await tell_counts(lane)


async def cleared(lane: Lane, message: LinkCleared) -> None:
    """A link was dropped: a Resync may have waited for that."""
    await projecting.link_cleared(lane, message)
    await resyncing.after_clearing(lane, message)


async def company_changed(lane: Lane, message: CompanyChanged) -> None:
    """What QuickBooks told of the company: what waits is checked again."""
    if await tenants.company_changed(lane.connection, message):
        await rechecking.ask(lane)


class _Listener:
    def __init__(self, context: Context) -> None:
        self._context = context

    def to(
        self,
        message: type[M],
        handle: Callable[[Lane, M], Awaitable[None]],
        *,
        channel: str = "*",
        stream: str = subjects.EVENTS,
        durable: str | None = None,
    ) -> Subscription[M]:
        async def in_lane(connection: Connection, event: M) -> None:
            tenant = await store.get_tenant(connection, event.tenant)
            if tenant is not None and tenant.deleted:
                return
            await handle(await enter(connection, self._context, event.tenant), event)

        return Subscription(
            stream=stream,
            subject=subjects.pattern(channel, message.noun, message.verb),
            durable=durable or f"wizard-{message.noun}-{message.verb}",
            message=message,
            handle=in_lane,
        )
