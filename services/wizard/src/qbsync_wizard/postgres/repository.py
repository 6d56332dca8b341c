"""What is known of one entity, read and written. Every function runs in a transaction of the tenant."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from qbsync_shared.kinds import Direction, Edition, Kind, Operation, Plan
from qbsync_shared.postgres import Connection, Queries
from qbsync_shared.states import SyncState
from qbsync_wizard.domain.duplicates import match_keys
from qbsync_wizard.domain.records import (
    AppRecord,
    Json,
    Known,
    LinkRecord,
    QuickBooksRecord,
    SyncRecord,
)
from qbsync_wizard.domain.tenants import Tenant

QUERIES = Queries.load("qbsync_wizard.postgres")

Row = Mapping[str, Any]


def tenant(row: Row) -> Tenant:
    """One row of the tenant table."""
    return Tenant(
        id=row["tenant_id"],
        version=row["version"],
        name=row["name"],
        plan=Plan(row["plan"]),
        edition=Edition(row["edition"]),
        paused=row["paused"],
        settings=row["settings"],
        mappings=tuple(row["mappings"]),
        company=row["company"],
        change_no=row["change_no"],
        deleted=row["deleted_at"] is not None,
    )


async def lock_tenant(connection: Connection, tenant_id: str) -> Tenant | None:
    """Take the tenant's lane until the transaction ends."""
    row = await connection.fetchrow(QUERIES["lock_tenant"], tenant_id)
    return tenant(row) if row else None


async def get_tenant(connection: Connection, tenant_id: str) -> Tenant | None:
    """A tenant, also a deleted one."""
    row = await connection.fetchrow(QUERIES["get_tenant"], tenant_id)
    return tenant(row) if row else None


async def next_change(connection: Connection, tenant_id: str) -> int:
    """The number of a change of the review; the lane is held."""
    number: int = await connection.fetchval(QUERIES["next_change"], tenant_id)
    return number


def app_record(row: Row) -> AppRecord:
    """One row of the app's records."""
    return AppRecord(
        kind=Kind(row["kind"]),
        app_id=row["app_id"],
        revision=row["revision"],
        entity=row["entity"],
        deleted=row["deleted"],
        changed_at=row["changed_at"],
        applied=row["applied"],
        applied_seq=row["applied_seq"],
        replaced=row["replaced"],
    )


def quickbooks_record(row: Row) -> QuickBooksRecord:
    """One row of QuickBooks' records."""
    return QuickBooksRecord(
        kind=Kind(row["kind"]),
        quickbooks_id=row["quickbooks_id"],
        version=row["version"],
        entity=row["entity"],
        deleted=row["deleted"],
        for_matching=row["for_matching"],
        changed_at=row["changed_at"],
    )


def link_record(row: Row) -> LinkRecord:
    """One row of the links, joined with the sync that wrote it."""
    return LinkRecord(
        kind=Kind(row["kind"]),
        app_id=row["app_id"],
        quickbooks_id=row["quickbooks_id"],
        version=row["version"],
        at=row["at"],
        sent=row["sent"],
        returned=row["returned"],
        cleared=row["cleared"],
        seq=row["seq"],
        imported=row["imported"],
    )


def sync_record(row: Row) -> SyncRecord:
    """One row of the syncs."""
    return SyncRecord(
        sync_id=row["sync_id"],
        seq=row["seq"],
        direction=Direction(row["direction"]),
        operation=Operation(row["operation"]),
        state=SyncState(row["state"]),
        app_digest=row["app_digest"],
        quickbooks_digest=row["quickbooks_digest"],
        in_doubt=row["in_doubt_since"] is not None,
        resynced=row["resynced"],
        resync_of=row["resync_of"],
        settled_at=row["settled_at"],
    )


async def get_app(connection: Connection, tenant_id: str, kind: Kind, app_id: str) -> AppRecord | None:
    """A record of the app."""
    row = await connection.fetchrow(QUERIES["get_app_entity"], tenant_id, kind.value, app_id)
    return app_record(row) if row else None


async def put_app(
    connection: Connection,
    tenant_id: str,
    record: AppRecord,
    *,
    before: AppRecord | None,
    received_at: datetime,
    import_sync_id: str | None = None,
) -> None:
    """Store a record of the app and what it can be recognised by; ``before`` is what is stored."""
    await connection.execute(
        QUERIES["put_app_entity"],
        tenant_id,
        record.kind.value,
        record.app_id,
        record.revision,
        record.entity,
        record.deleted,
        record.applied,
        record.applied_seq,
        import_sync_id,
        record.changed_at or received_at,
        received_at,
    )
    keys, known = _keys(record), _keys(before)
    if keys != known:
        await _put_keys(connection, tenant_id, record.kind, ("a", record.app_id), keys, drop=bool(known))


async def get_quickbooks(
    connection: Connection, tenant_id: str, kind: Kind, quickbooks_id: str
) -> QuickBooksRecord | None:
    """A record of QuickBooks."""
    row = await connection.fetchrow(QUERIES["get_quickbooks_entity"], tenant_id, kind.value, quickbooks_id)
    return quickbooks_record(row) if row else None


async def put_quickbooks(
    connection: Connection,
    tenant_id: str,
    kind: Kind,
    quickbooks_id: str,
    *,
    version: int,
    entity: Json | None,
    deleted: bool,
    for_matching: bool,
    changed_at: datetime | None,
    received_at: datetime,
) -> bool:
    """Store a record of QuickBooks. False: a higher version is stored already."""
    stored = await connection.fetchval(
        QUERIES["put_quickbooks_entity"],
        tenant_id,
        kind.value,
        quickbooks_id,
        version,
        entity,
        deleted,
        for_matching,
        changed_at,
        received_at,
    )
    if stored is None:
        return False
    keys = () if deleted or entity is None else match_keys(kind, entity)
    await _put_keys(connection, tenant_id, kind, ("q", quickbooks_id), keys, drop=True)
    return True


def _keys(record: AppRecord | None) -> tuple[str, ...]:
    return () if record is None or record.deleted else match_keys(record.kind, record.entity)


async def _put_keys(
    connection: Connection,
    tenant_id: str,
    kind: Kind,
    record: tuple[str, str],
    keys: Sequence[str],
    *,
    drop: bool,
) -> None:
    side, record_id = record
    if drop:
        await connection.execute(QUERIES["drop_match_keys"], tenant_id, kind.value, side, record_id)
    if keys:
        await connection.execute(
            QUERIES["put_match_keys"], tenant_id, kind.value, side, record_id, list(keys)
        )


async def matches(
    connection: Connection, tenant_id: str, kind: Kind, side: str, keys: Sequence[str]
) -> list[tuple[str, Json]]:
    """Unlinked records of one side (``a`` the app, ``q`` QuickBooks) that share a key."""
    if not keys:
        return []
    name = "match_app" if side == "a" else "match_quickbooks"
    rows = await connection.fetch(QUERIES[name], tenant_id, kind.value, list(keys))
    return [(row["id"], row["entity"]) for row in rows]


async def link_of(
    connection: Connection, tenant_id: str, kind: Kind, *, app_id: str | None, quickbooks_id: str | None
) -> LinkRecord | None:
    """The link by either id; a cleared one where none holds."""
    row = None
    if app_id is not None:
        row = await connection.fetchrow(QUERIES["link_by_app"], tenant_id, kind.value, app_id)
    if row is None and quickbooks_id is not None:
        row = await connection.fetchrow(QUERIES["link_by_quickbooks"], tenant_id, kind.value, quickbooks_id)
    return link_record(row) if row else None


async def load(
    connection: Connection,
    tenant_id: str,
    kind: Kind,
    *,
    app_id: str | None = None,
    quickbooks_id: str | None = None,
) -> Known:
    """All that is known of the entity with one of these ids, without the last decision and duplicates."""
    link = await link_of(connection, tenant_id, kind, app_id=app_id, quickbooks_id=quickbooks_id)
    if link is not None and not link.cleared:
        app_id, quickbooks_id = link.app_id, link.quickbooks_id
    elif app_id is not None:
        quickbooks_id = None
    known = Known(kind=kind, link=link)
    if app_id is not None:
        known = replace(known, app=await get_app(connection, tenant_id, kind, app_id))
    if quickbooks_id is not None:
        known = replace(known, quickbooks=await get_quickbooks(connection, tenant_id, kind, quickbooks_id))
    sync = await latest_sync(connection, tenant_id, kind, app_id=app_id, quickbooks_id=quickbooks_id)
    return replace(known, sync=sync)


async def latest_sync(
    connection: Connection, tenant_id: str, kind: Kind, *, app_id: str | None, quickbooks_id: str | None
) -> SyncRecord | None:
    """The newest approval of an entity, by either of its ids."""
    row = await connection.fetchrow(QUERIES["latest_sync"], tenant_id, kind.value, app_id, quickbooks_id)
    return sync_record(row) if row else None
