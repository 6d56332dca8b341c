"""Records what is said about syncs, and keeps for each entity which sync is its latest and who has to act."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from qbsync_log.domain.linking import LookedUp
from qbsync_log.domain.records import Fact, SyncRecord, apply, entity_key
from qbsync_log.domain.redaction import redact
from qbsync_log.domain.unsynced import Bucket, bucket, cause_of, moves
from qbsync_log.domain.words import words_of
from qbsync_log.postgres.rows import record_of, values_of
from qbsync_shared.kinds import Kind
from qbsync_shared.messages import (
    AuditRecorded,
    BadgeChanged,
    ConnectionChanged,
    LinkCleared,
    LinkCreated,
    LookUpAnswered,
    SessionEnded,
    TenantConfigured,
)
from qbsync_shared.postgres import Connection, Queries

QUERIES = Queries.load("qbsync_log.postgres")


async def lock(connection: Connection, tenant: str) -> bool:
    """Take the tenant's turn. False when the tenant is deleted: then nothing is recorded any more."""
    await connection.execute(QUERIES["lock_tenant"], tenant)
    return not await connection.fetchval(QUERIES["tenant_is_deleted"], tenant)


async def read(connection: Connection, tenant: str, sync_id: str) -> SyncRecord | None:
    """One sync."""
    row = await connection.fetchrow(QUERIES["read_sync"], tenant, sync_id)
    return record_of(row) if row else None


async def record(connection: Connection, fact: Fact) -> SyncRecord:
    """Keep a fact and what follows from it; the tenant is locked."""
    await _keep_event(connection, fact)
    before = await read(connection, fact.tenant, fact.sync_id)
    after = apply(before, fact)
    if after == before:
        return after
    if after.app_id is None and after.quickbooks_id is not None:
        linked = await connection.fetchval(
            QUERIES["app_id_of"], after.tenant, after.kind.value, after.quickbooks_id
        )
        after = replace(after, linked_app_id=linked)
    await _save(connection, after, before)
    if after.resync_of is not None and fact.approval is not None:
        await answered(connection, after.tenant, after.resync_of)
    return after


async def answered(connection: Connection, tenant: str, sync_id: str) -> None:
    """The resync that was asked for is here."""
    await connection.execute(QUERIES["close_request"], tenant, sync_id)
    await set_asked(connection, tenant, sync_id, None)


async def set_asked(connection: Connection, tenant: str, sync_id: str, at: datetime | None) -> None:
    """A resync of this sync is asked for since then, or no more."""
    await connection.execute(QUERIES["set_asked"], tenant, sync_id, at)
    row = await connection.fetchrow(QUERIES["read_sync"], tenant, sync_id)
    if row is not None and row["latest"]:
        await _settle(connection, tenant, row["entity_key"])


async def refused(connection: Connection, tenant: str, command_id: str, code: str, answer: str) -> None:
    """A command of ours was not carried out."""
    request = await connection.fetchrow(QUERIES["refuse_request"], tenant, command_id, code, answer)
    if request is not None and request["action"] == "resync":
        await set_asked(connection, tenant, request["sync_id"], None)


async def _keep_event(connection: Connection, fact: Fact) -> None:
    standing = fact.standing
    details: dict[str, object] = {}
    if fact.approval is not None:
        approval = fact.approval
        details = {
            "by": approval.approved_by,
            "fields": list(approval.fields),
            "resync_of": approval.resync_of,
            "operation": fact.operation.value,
        }
    elif standing is not None:
        details = {
            "retry_at": standing.retry_at.isoformat() if standing.retry_at else None,
            "waits_for": standing.waits_for,
            "in_doubt": standing.in_doubt_since is not None,
            "awaiting_app": standing.awaiting_app_since is not None,
            "warnings": [{"code": one.code, "message": one.message} for one in standing.warnings],
            "by": standing.by,
            "superseded_by": standing.superseded_by,
            "quickbooks_id": fact.quickbooks_id,
            "operation": fact.operation.value,
        }
    await connection.execute(
        QUERIES["insert_event"],
        fact.tenant,
        fact.sync_id,
        fact.message_id,
        fact.verb,
        standing.version if standing else 0,
        fact.occurred_at,
        standing.attempt if standing else 0,
        standing.code if standing else None,
        standing.message if standing else None,
        details,
        redact(fact.technical),
    )


async def _save(connection: Connection, after: SyncRecord, before: SyncRecord | None) -> None:
    moved = before is not None and before.entity_key != after.entity_key
    if moved:
        await connection.execute(QUERIES["leave_latest"], after.tenant, after.sync_id)
    await connection.execute(QUERIES["write_sync"], *values_of(after))
    words = words_of(after)
    if before is None or words_of(before) != words:
        await connection.execute(QUERIES["delete_words"], after.tenant, after.sync_id, words)
        await connection.execute(QUERIES["insert_words"], after.tenant, after.sync_id, words)
    if moved and before is not None:
        await _settle(connection, after.tenant, before.entity_key)
    await _settle(connection, after.tenant, after.entity_key)


async def _settle(connection: Connection, tenant: str, key: str) -> None:
    """Find the latest sync of an entity, where it is listed, and move what waits for it."""
    newest = await connection.fetchval(QUERIES["newest_of_entity"], tenant, key)
    listed: Bucket | None = None
    latest: SyncRecord | None = None
    if newest is not None:
        await connection.execute(QUERIES["unset_latest"], tenant, key, newest)
        await connection.execute(QUERIES["set_latest"], tenant, newest)
        row = await connection.fetchrow(QUERIES["read_sync"], tenant, newest)
        assert row is not None
        latest = record_of(row)
        goes = await _dependency_moves(connection, latest)
        listed = bucket(
            latest,
            asked=row["asked_at"] is not None,
            dependency_moves=goes,
            linked_since=await _linked_since(connection, latest),
        )
        cause = cause_of(latest) if listed else None
        await connection.execute(QUERIES["set_bucket"], tenant, newest, listed, cause)
    await _move_waiting(connection, tenant, key, goes=moves(latest, listed))


async def _linked_since(connection: Connection, record: SyncRecord) -> bool:
    """Whether its record was linked after its last word."""
    if record.known_app_id is None or record.standing.version == 0:
        return False
    found = await connection.fetchval(
        QUERIES["linked_since"], record.tenant, record.kind.value, record.known_app_id, record.changed_at
    )
    return bool(found)


async def _dependency_moves(connection: Connection, record: SyncRecord) -> bool:
    if record.standing.waits_for is None:
        return False
    row = await connection.fetchrow(QUERIES["latest_of_entity"], record.tenant, record.standing.waits_for)
    if row is None:
        return False
    return moves(record_of(row), Bucket(row["bucket"]) if row["bucket"] else None)


async def _move_waiting(connection: Connection, tenant: str, key: str, *, goes: bool) -> None:
    """What waits for an entity, and what waits for that in turn, each once."""
    listed = Bucket.RETRIES if goes else Bucket.NEEDS_YOU
    seen, following = {key}, [key]
    while following:
        rows = await connection.fetch(QUERIES["move_waiting"], tenant, following.pop(), listed)
        fresh = {row["entity_key"] for row in rows} - seen
        seen |= fresh
        following += sorted(fresh)


async def record_link(connection: Connection, message: LinkCreated | LinkCleared) -> None:
    """A pair was linked or unlinked; imports that came before the link now belong to the app's record."""
    tenant, kind = message.tenant, message.kind
    cleared = message if isinstance(message, LinkCleared) else None
    newer = await connection.fetchval(
        QUERIES["upsert_link"],
        tenant,
        kind.value,
        message.quickbooks_id,
        message.app_id,
        message.version,
        cleared is None,
        message.occurred_at,
        message.by,
        message.why or None,
    )
    if not newer:
        return
    for row in await connection.fetch(QUERIES["rekey_candidates"], tenant, kind.value, message.quickbooks_id):
        await _rekey(connection, tenant, row["sync_id"], message.app_id)
    key = entity_key(kind, app_id=message.app_id)
    if cleared is not None:
        await connection.execute(QUERIES["close_clear_requests"], tenant, key)
    elif message.command_id is not None:
        await connection.execute(QUERIES["close_link_request"], tenant, message.command_id)
    latest = await connection.fetchrow(QUERIES["latest_of_entity"], tenant, key)
    if latest is not None and (cleared is not None or latest["bucket"] is not None):
        await _settle(connection, tenant, key)


async def _rekey(connection: Connection, tenant: str, sync_id: str, app_id: str) -> None:
    before = await read(connection, tenant, sync_id)
    if before is not None and before.app_id is None and before.linked_app_id != app_id:
        await _save(connection, replace(before, linked_app_id=app_id), before)


async def link(connection: Connection, tenant: str, kind: Kind, app_id: str) -> Any:
    """The newest link of a record of the app, linked or cleared; ``None`` if there never was one."""
    return await connection.fetchrow(QUERIES["current_link"], tenant, kind.value, app_id)


async def is_linked(connection: Connection, tenant: str, kind: Kind, app_id: str) -> str | None:
    """QuickBooks' id of a record of the app, if it is linked now."""
    row = await link(connection, tenant, kind, app_id)
    return str(row["quickbooks_id"]) if row and row["linked"] else None


async def record_look_up(connection: Connection, message: LookUpAnswered) -> None:
    """What QuickBooks holds under the name or number that somebody looked for."""
    await connection.execute(
        QUERIES["answer_look_up"],
        message.tenant,
        message.command_id,
        message.occurred_at,
        message.pending,
        message.source.value,
        message.as_of,
        message.message,
        list(message.found),
    )


async def look_up_of(connection: Connection, tenant: str, sync_id: str) -> LookedUp | None:
    """The newest look into QuickBooks for a sync."""
    row = await connection.fetchrow(QUERIES["latest_look_up"], tenant, sync_id)
    if row is None:
        return None
    return LookedUp(
        command_id=row["command_id"],
        asked_at=row["asked_at"],
        answered_at=row["answered_at"],
        pending=row["pending"],
        asked=row["source"] == "quickbooks",
        as_of=row["as_of"],
        message=row["message"],
        found=tuple(row["found"]),
    )


async def record_tenant(connection: Connection, message: TenantConfigured) -> None:
    """A tenant's settings."""
    await connection.execute(
        QUERIES["upsert_tenant"],
        message.tenant,
        message.version,
        message.name,
        message.plan.value,
        message.edition.value,
        message.paused,
        message.settings,
    )


async def erase_tenant(connection: Connection, tenant: str, version: int, at: datetime) -> None:
    """Everything of a tenant that is gone."""
    await connection.execute(QUERIES["erase_tenant"], tenant)
    await connection.execute(QUERIES["delete_tenant"], tenant, version, at)


async def record_connection(connection: Connection, message: ConnectionChanged) -> None:
    """How a connection stands."""
    await connection.execute(
        QUERIES["upsert_connection"],
        message.tenant,
        message.edition.value,
        message.version,
        message.state.value,
        message.company,
        message.last_seen_at,
        message.next_expected_at,
        message.expires_at,
        message.code,
        message.message,
        message.occurred_at,
    )


async def record_session(connection: Connection, message: SessionEnded) -> None:
    """The last session of the Web Connector."""
    await connection.execute(
        QUERIES["upsert_session"],
        message.tenant,
        message.edition.value,
        message.version,
        message.session_id,
        message.started_at,
        message.occurred_at,
        message.round_trips,
        message.succeeded,
        message.failed,
        message.result,
    )


async def record_badge(connection: Connection, message: BadgeChanged) -> None:
    """What waits in the Sync Wizard."""
    await connection.execute(
        QUERIES["upsert_badge"],
        message.tenant,
        message.version,
        message.waiting,
        message.imports,
        message.exports,
    )


async def record_audit(connection: Connection, message: AuditRecorded) -> None:
    """Who did what."""
    await connection.execute(
        QUERIES["insert_audit"],
        message.tenant,
        message.id,
        message.occurred_at,
        message.speaker.value,
        message.by,
        message.action,
        message.subject_kind.value if message.subject_kind else None,
        message.app_id,
        message.sync_id,
        message.why,
        redact(message.details),
    )
