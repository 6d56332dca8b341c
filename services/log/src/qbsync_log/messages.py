"""What the log listens to, and what it does with each message."""

from collections.abc import Awaitable, Callable
from typing import Any

from qbsync_log.domain.records import Approval, Fact, Problem, Standing, describe, entity_key
from qbsync_log.postgres import repository
from qbsync_shared import messages as said
from qbsync_shared.messages import Message, SyncApproved, SyncEvent
from qbsync_shared.messaging import Subscription
from qbsync_shared.postgres import Connection
from qbsync_shared.subjects import COMMANDS, EVENTS, TENANTS, pattern
from qbsync_shared.web import sse

SCHEMA = "log"
Write = Callable[[Connection, Any], Awaitable[None]]


def fact_of(message: SyncApproved | SyncEvent) -> Fact:
    """What a message says about a sync, in the log's own terms."""
    approved = message if isinstance(message, SyncApproved) else None
    return Fact(
        message_id=message.id,
        tenant=message.tenant,
        edition=message.edition,
        occurred_at=message.occurred_at,
        sync_id=message.sync_id,
        verb=message.verb,
        direction=message.direction,
        kind=message.kind,
        operation=message.operation,
        app_id=message.app_id,
        quickbooks_id=message.quickbooks_id,
        approval=_approval(approved) if approved else None,
        standing=None if isinstance(message, SyncApproved) else _standing(message),
        technical=getattr(message, "technical", {}),
    )


def _approval(message: SyncApproved) -> Approval:
    label, amount, party, party_name = describe(message.entity, message.kind)
    return Approval(
        entity=message.entity,
        fields=message.fields,
        entity_seq=message.entity_seq,
        label=label,
        amount=amount,
        party=party,
        party_name=party_name,
        resync_of=message.resync_of,
        not_before=message.not_before,
        approved_by=message.approved_by,
        approved_at=message.approved_at,
    )


def _standing(message: SyncEvent) -> Standing:
    waits_for = message.waits_for if isinstance(message, said.SyncWaiting) else None
    warnings = message.warnings if isinstance(message, said.SyncSucceeded) else ()
    started = message if isinstance(message, said.SyncStarted) else None
    cancelled = message if isinstance(message, said.SyncCancelled) else None
    return Standing(
        version=message.version,
        state=message.state,
        attempt=message.attempt,
        code=message.code,
        message=message.message,
        retry_at=message.retry_at if isinstance(message, said.SyncWaiting) else None,
        waits_for=entity_key(waits_for.kind, app_id=waits_for.app_id) if waits_for else None,
        in_doubt_since=started.in_doubt_since if started else None,
        awaiting_app_since=started.awaiting_app_since if started else None,
        warnings=tuple(Problem(code=one.code, message=one.message) for one in warnings),
        by=cancelled.by if cancelled else None,
        superseded_by=cancelled.superseded_by if cancelled else None,
    )


async def _sync(connection: Connection, message: SyncApproved | SyncEvent) -> None:
    await repository.record(connection, fact_of(message))


async def _tenant_deleted(connection: Connection, message: said.TenantDeleted) -> None:
    await repository.erase_tenant(connection, message.tenant, message.version, message.occurred_at)


async def _refused(connection: Connection, message: said.CommandRefused) -> None:
    await repository.refused(connection, message.tenant, message.command_id, message.code, message.message)


def _recorded(write: Write, hint: str) -> Write:
    async def handle(connection: Connection, message: Message) -> None:
        if not await repository.lock(connection, message.tenant):
            return
        await write(connection, message)
        await sse.notify(connection, SCHEMA, message.tenant, hint)

    return handle


def _from(
    stream: str, channel: str, message: type[Message], write: Write, hint: str = "counts"
) -> Subscription[Any]:
    return Subscription(
        stream=stream,
        subject=pattern(channel, message.noun, message.verb),
        durable=f"log-{message.noun}-{message.verb}",
        message=message,
        handle=_recorded(write, hint),
    )


SUBSCRIPTIONS: tuple[Subscription[Any], ...] = (
    *(
        _from(EVENTS, "*", message, _sync)
        for message in (
            said.SyncApproved,
            said.SyncStarted,
            said.SyncWaiting,
            said.SyncSucceeded,
            said.SyncFailed,
            said.SyncCancelled,
        )
    ),
    _from(EVENTS, "*", said.LinkCreated, repository.record_link),
    _from(EVENTS, "*", said.LinkCleared, repository.record_link),
    _from(EVENTS, "*", said.LookUpAnswered, repository.record_look_up),
    _from(EVENTS, "*", said.ConnectionChanged, repository.record_connection, "connection"),
    _from(EVENTS, "*", said.SessionEnded, repository.record_session, "connection"),
    _from(EVENTS, "wizard", said.BadgeChanged, repository.record_badge),
    _from(EVENTS, "*", said.AuditRecorded, repository.record_audit, "audit"),
    _from(TENANTS, "wizard", said.TenantConfigured, repository.record_tenant, "tenant"),
    _from(TENANTS, "wizard", said.TenantDeleted, _tenant_deleted, "tenant"),
    _from(COMMANDS, "*", said.CommandRefused, _refused),
)
