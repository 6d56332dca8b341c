"""The queue's tables as values."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from qbsync_shared.connector.domain import Json, LinkRow, Plan, Seen, WorkItem
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind, Operation, rules
from qbsync_shared.messages import SyncApproved
from qbsync_shared.postgres import Connection, Queries
from qbsync_shared.states import SyncState, transition

QUERIES = Queries.load(__package__)


def work_item(row: Mapping[str, Any]) -> WorkItem:
    """One row of the queue."""
    return WorkItem(
        tenant=row["tenant_id"],
        sync_id=row["sync_id"],
        seq=row["seq"],
        version=row["version"],
        state=SyncState(row["state"]),
        direction=Direction(row["direction"]),
        kind=Kind(row["kind"]),
        app_id=row["app_id"],
        quickbooks_id=row["quickbooks_id"],
        operation=Operation(row["operation"]),
        data=row["entity"],
        fields=tuple(row["fields"]),
        base_version=row["base_version"],
        entity_seq=row["entity_seq"],
        depends_on=tuple(EntityKey(Kind(kind), app_id) for kind, app_id in row["depends_on"]),
        attempts=row["attempts"],
        repeats=row["repeats"],
        approved_at=row["approved_at"],
        available_at=row["available_at"],
        resync_of=row["resync_of"],
        holder=row["holder"],
        code=row["code"],
        message=row["message"],
        in_doubt_since=row["in_doubt_since"],
        awaiting_app_since=row["awaiting_app_since"],
    )


def link_row(row: Mapping[str, Any]) -> LinkRow:
    """One row of the links."""
    return LinkRow(
        tenant=row["tenant_id"],
        kind=Kind(row["kind"]),
        app_id=row["app_id"],
        quickbooks_id=row["quickbooks_id"],
        version=row["version"],
        token=row["token"],
        sent=row["sent"],
        returned=row["returned"],
        sync_id=row["sync_id"],
        entity_seq=row["entity_seq"],
        create_sync_id=row["create_sync_id"],
    )


async def lock(connection: Connection, tenant: str) -> None:
    """Take the tenant's lane until the transaction ends: all work of one tenant goes one after the other."""
    await connection.execute(QUERIES["open_lane"], tenant)
    await connection.execute(QUERIES["lock_lane"], tenant)


async def get(connection: Connection, tenant: str, sync_id: str) -> WorkItem | None:
    """One sync."""
    row = await connection.fetchrow(QUERIES["get_item"], tenant, sync_id)
    return work_item(row) if row else None


async def of_entity(connection: Connection, item: WorkItem | SyncApproved) -> list[WorkItem]:
    """The syncs of one entity, newest approval first."""
    if item.app_id is not None:
        rows = await connection.fetch(QUERIES["entity_items"], item.tenant, item.kind.value, item.app_id)
    else:
        rows = await connection.fetch(
            QUERIES["quickbooks_items"], item.tenant, item.kind.value, item.quickbooks_id
        )
    return [work_item(row) for row in rows]


async def add(connection: Connection, approved: SyncApproved, *, now: datetime) -> WorkItem:
    """Take an approval into the queue, pending."""
    seq = await connection.fetchval(QUERIES["next_seq"], approved.tenant)
    row = await connection.fetchrow(
        QUERIES["add_item"],
        approved.sync_id,
        approved.tenant,
        seq,
        approved.direction.value,
        approved.kind.value,
        approved.app_id,
        approved.quickbooks_id,
        approved.operation.value,
        approved.entity,
        list(approved.fields),
        approved.base_version,
        approved.entity_seq,
        [[dependency.kind.value, dependency.app_id] for dependency in approved.depends_on],
        approved.resync_of,
        rules(approved.kind).rank,
        approved.approved_by,
        approved.approved_at,
        max(now, approved.not_before or now),
    )
    assert row is not None
    return work_item(row)


async def set_plan(connection: Connection, item: WorkItem, plan: Plan) -> None:
    """Keep what will really be done."""
    await connection.execute(
        QUERIES["set_operation"], item.tenant, item.sync_id, plan.operation.value, list(plan.fields)
    )


async def candidates(connection: Connection, tenant: str, *, now: datetime, limit: int) -> list[WorkItem]:
    """What may go now, in order."""
    rows = await connection.fetch(QUERIES["candidates"], tenant, now, limit)
    return [work_item(row) for row in rows]


async def _change(
    connection: Connection, item: WorkItem, to: SyncState, query: str, *values: Any
) -> WorkItem:
    transition(item.state, to)
    row = await connection.fetchrow(QUERIES[query], item.tenant, item.sync_id, *values)
    assert row is not None
    return work_item(row)


async def start(connection: Connection, item: WorkItem, holder: str) -> WorkItem:
    """It goes; one attempt is charged."""
    return await _change(connection, item, SyncState.IN_FLIGHT, "start_item", holder)


async def finish(
    connection: Connection,
    item: WorkItem,
    to: SyncState,
    *,
    now: datetime,
    code: str | None = None,
    message: str | None = None,
    quickbooks_id: str | None = None,
    app_id: str | None = None,
) -> WorkItem:
    """A final state."""
    return await _change(
        connection, item, to, "finish_item", to.value, code, message, quickbooks_id, app_id, now
    )


async def start_many(
    connection: Connection, tenant: str, items: Sequence[WorkItem], holder: str
) -> list[WorkItem]:
    """As `start`, for many of a tenant, in their order; what they really do, their plan, is kept with them."""
    for item in items:
        transition(item.state, SyncState.IN_FLIGHT)
    rows = await connection.fetch(
        QUERIES["start_items"],
        tenant,
        holder,
        [item.sync_id for item in items],
        [item.operation.value for item in items],
        [json.dumps(item.fields) for item in items],
    )
    started = {row["sync_id"]: work_item(row) for row in rows}
    return [started[item.sync_id] for item in items]


async def get_many(connection: Connection, tenant: str, sync_ids: Sequence[str]) -> dict[str, WorkItem]:
    """Several syncs, by id."""
    rows = await connection.fetch(QUERIES["get_items"], tenant, list(sync_ids))
    return {row["sync_id"]: work_item(row) for row in rows}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A final state of a sync, with its reason, and the id of the record."""

    item: WorkItem
    state: SyncState
    code: str | None = None
    message: str | None = None
    quickbooks_id: str | None = None


async def finish_many(
    connection: Connection, tenant: str, finished: Sequence[Finished], *, now: datetime
) -> list[WorkItem]:
    """As `finish`, for many of a tenant, in their order."""
    for one in finished:
        transition(one.item.state, one.state)
    rows = await connection.fetch(
        QUERIES["finish_items"],
        tenant,
        [one.item.sync_id for one in finished],
        [one.state.value for one in finished],
        [one.code for one in finished],
        [one.message for one in finished],
        [one.quickbooks_id for one in finished],
        now,
    )
    done = {row["sync_id"]: work_item(row) for row in rows}
    return [done[one.item.sync_id] for one in finished]


async def wait(
    connection: Connection,
    item: WorkItem,
    *,
    code: str,
    message: str,
    retry_at: datetime | None,
    waits_for: EntityKey | None,
    available_at: datetime,
) -> WorkItem:
    """It waits with a reason. An item that waits already is only given the new reason."""
    if item.state is not SyncState.WAITING:
        transition(item.state, SyncState.WAITING)
    row = await connection.fetchrow(
        QUERIES["wait_item"],
        item.tenant,
        item.sync_id,
        code,
        message,
        retry_at,
        str(waits_for) if waits_for else None,
        available_at,
    )
    assert row is not None
    return work_item(row)


async def put_back(connection: Connection, item: WorkItem, *, at: datetime) -> WorkItem:
    """Nobody looked at it: pending, no attempt charged."""
    return await _change(connection, item, SyncState.PENDING, "put_back_item", at)


async def repeat(connection: Connection, item: WorkItem, *, at: datetime) -> WorkItem:
    """Once more with the new version token."""
    return await _change(connection, item, SyncState.PENDING, "repeat_item", at)


async def doubt(connection: Connection, item: WorkItem, *, since: datetime, message: str) -> WorkItem:
    """Its outcome is unknown; it stays in flight."""
    row = await connection.fetchrow(QUERIES["doubt_item"], item.tenant, item.sync_id, since, message)
    assert row is not None
    return work_item(row)


async def await_app(connection: Connection, item: WorkItem, *, since: datetime, entity: Json) -> WorkItem:
    """The app has the import; it stays in flight."""
    row = await connection.fetchrow(QUERIES["await_app"], item.tenant, item.sync_id, since, entity)
    assert row is not None
    return work_item(row)


async def release(connection: Connection, key: EntityKey, *, tenant: str, at: datetime) -> None:
    """What waited for this entity may be tried again."""
    await connection.execute(QUERIES["release_waiting"], tenant, str(key), at)


async def get_link(connection: Connection, tenant: str, key: EntityKey) -> LinkRow | None:
    """The link of an entity of the app."""
    row = await connection.fetchrow(QUERIES["get_link"], tenant, key.kind.value, key.app_id)
    return link_row(row) if row else None


async def get_link_by_quickbooks(
    connection: Connection, tenant: str, kind: Kind, quickbooks_id: str
) -> LinkRow | None:
    """The link of a record of QuickBooks."""
    row = await connection.fetchrow(QUERIES["get_link_by_quickbooks"], tenant, kind.value, quickbooks_id)
    return link_row(row) if row else None


async def links_of(
    connection: Connection, tenant: str, keys: Iterable[EntityKey]
) -> dict[EntityKey, LinkRow]:
    """The links of several entities of the app; those without one are missing."""
    wanted = list(dict.fromkeys(keys))
    rows = await connection.fetch(
        QUERIES["links_of"], tenant, [key.kind.value for key in wanted], [key.app_id for key in wanted]
    )
    return {EntityKey(Kind(row["kind"]), row["app_id"]): link_row(row) for row in rows}


async def links_of_quickbooks(
    connection: Connection, tenant: str, records: Iterable[tuple[Kind, str]]
) -> dict[tuple[Kind, str], LinkRow]:
    """The links of several records of QuickBooks; those without one are missing."""
    wanted = list(dict.fromkeys(records))
    rows = await connection.fetch(
        QUERIES["links_of_quickbooks"], tenant, [kind.value for kind, _ in wanted], [one for _, one in wanted]
    )
    return {(Kind(row["kind"]), row["quickbooks_id"]): link_row(row) for row in rows}


async def app_ids_of(
    connection: Connection, tenant: str, records: Iterable[tuple[Kind, str]]
) -> dict[tuple[Kind, str], str]:
    """App ids of linked records of QuickBooks."""
    links = await links_of_quickbooks(connection, tenant, records)
    return {record: link.app_id for record, link in links.items()}


async def put_links(connection: Connection, links: Sequence[LinkRow]) -> list[LinkRow]:
    """As `put_link`, for many of one tenant, each another entity: with their versions, in their order."""
    versions = await next_versions(connection, len(links))
    fresh = [replace(link, version=version) for link, version in zip(links, versions, strict=True)]
    rows_of_links = [
        (
            link.kind.value,
            link.app_id,
            link.quickbooks_id,
            link.version,
            link.token,
            link.sent,
            link.returned,
            link.sync_id,
            link.entity_seq,
            link.create_sync_id,
        )
        for link in fresh
    ]
    if fresh:
        columns = zip(*rows_of_links, strict=True)
        await connection.execute(QUERIES["put_links"], fresh[0].tenant, *map(list, columns))
    return fresh


async def put_link(connection: Connection, link: LinkRow) -> LinkRow:
    """Make or move on a link; its version is given here."""
    row = await connection.fetchrow(
        QUERIES["put_link"],
        link.tenant,
        link.kind.value,
        link.app_id,
        link.quickbooks_id,
        await next_version(connection),
        link.token,
        link.sent,
        link.returned,
        link.sync_id,
        link.entity_seq,
        link.create_sync_id,
    )
    assert row is not None
    return link_row(row)


async def drop_link(connection: Connection, tenant: str, key: EntityKey) -> LinkRow | None:
    """Forget that they belong together."""
    row = await connection.fetchrow(QUERIES["drop_link"], tenant, key.kind.value, key.app_id)
    return link_row(row) if row else None


async def next_versions(connection: Connection, count: int) -> list[int]:
    """As many versions, rising."""
    return [int(row["version"]) for row in await connection.fetch(QUERIES["next_versions"], count)]


async def next_version(connection: Connection) -> int:
    """A version higher than all before it."""
    version: int = await connection.fetchval(QUERIES["next_version"])
    return version


async def get_seen(connection: Connection, tenant: str, kind: Kind, quickbooks_id: str) -> Seen | None:
    """What QuickBooks was last seen to hold."""
    row = await connection.fetchrow(QUERIES["get_seen"], tenant, kind.value, quickbooks_id)
    return seen(row) if row else None


def seen(row: Mapping[str, Any]) -> Seen:
    """One row of what was seen."""
    return Seen(
        kind=Kind(row["kind"]),
        quickbooks_id=row["quickbooks_id"],
        token=row["token"],
        entity=row["entity"],
        deleted=row["deleted"],
    )


async def put_seen(connection: Connection, tenant: str, record: Seen) -> int:
    """Remember what QuickBooks holds; returns its version."""
    return (await put_seen_many(connection, tenant, [record]))[0]


async def seen_of(
    connection: Connection, tenant: str, records: Iterable[tuple[Kind, str]]
) -> dict[tuple[Kind, str], Seen]:
    """What QuickBooks was last seen to hold of several records."""
    wanted = list(dict.fromkeys(records))
    rows = await connection.fetch(
        QUERIES["seen_of"], tenant, [kind.value for kind, _ in wanted], [one for _, one in wanted]
    )
    return {(Kind(row["kind"]), row["quickbooks_id"]): seen(row) for row in rows}


async def put_seen_many(connection: Connection, tenant: str, records: Sequence[Seen]) -> list[int]:
    """Remember what QuickBooks holds; the version of each."""
    if not records:
        return []
    versions = await next_versions(connection, len(records))
    last = {
        (one.kind, one.quickbooks_id): (
            one.kind.value,
            one.quickbooks_id,
            version,
            one.token,
            one.entity,
            one.deleted,
        )
        for one, version in zip(records, versions, strict=True)
    }
    await connection.execute(QUERIES["put_seen"], tenant, *map(list, zip(*last.values(), strict=True)))
    return versions
