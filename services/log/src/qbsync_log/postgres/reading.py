"""What pages and the API read besides lists of syncs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from qbsync_log.domain.unsynced import Bucket
from qbsync_shared.kinds import Edition
from qbsync_shared.postgres import Connection, Queries
from qbsync_shared.states import StateGroup

QUERIES = Queries.load("qbsync_log.postgres", "reading.sql")
MOST_CAUSES = 200


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A tenant as the wizard configured it."""

    id: str
    name: str
    edition: Edition
    paused: bool
    settings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """The numbers on tabs and in the navigation."""

    groups: Mapping[StateGroup, int]
    buckets: Mapping[Bucket, int]
    waiting_in_wizard: int

    @property
    def needs_you(self) -> int:
        """Unsynced entities that need a person."""
        return self.buckets[Bucket.NEEDS_YOU]

    @property
    def unsynced(self) -> int:
        """All unsynced entities."""
        return self.buckets[Bucket.NEEDS_YOU] + self.buckets[Bucket.RETRIES]


@dataclass(frozen=True, kw_only=True)
class CauseCount:
    """How many entities share a cause, what they are worth, and since when."""

    bucket: Bucket
    cause: str
    count: int
    total: Decimal
    since: datetime
    last: datetime


async def tenant(connection: Connection, tenant_id: str) -> Tenant | None:
    """One tenant; ``None`` where there is none (any more)."""
    row = await connection.fetchrow(QUERIES["read_tenant"], tenant_id)
    if row is None:
        return None
    return Tenant(
        id=row["tenant_id"],
        name=row["name"],
        edition=Edition(row["edition"]),
        paused=row["paused"],
        settings=row["settings"],
    )


async def counts(connection: Connection, tenant_id: str) -> Counts:
    """All counts of a tenant, without counting rows."""
    rows = await connection.fetch(QUERIES["count_groups"], tenant_id)
    found = {(row["scope"], row["first"]): int(row["n"]) for row in rows}
    waiting = await connection.fetchval(QUERIES["count_review"], tenant_id)
    return Counts(
        groups={group: found.get(("state", group.value), 0) for group in StateGroup},
        buckets={bucket: found.get(("unsynced", bucket.value), 0) for bucket in Bucket},
        waiting_in_wizard=int(waiting or 0),
    )


async def causes(connection: Connection, tenant_id: str, bucket: Bucket) -> list[CauseCount]:
    """The causes in a bucket, the oldest first."""
    rows = await connection.fetch(QUERIES["list_causes"], tenant_id, bucket.value, MOST_CAUSES)
    return [
        CauseCount(
            bucket=bucket,
            cause=row["cause"],
            count=int(row["n"]),
            total=row["total"],
            since=row["since"],
            last=row["last"],
        )
        for row in rows
    ]


async def connection_of(connection: Connection, tenant_id: str, edition: Edition) -> Any:
    """How the tenant's connection stands, with its last session; ``None`` before the first word of it."""
    return await connection.fetchrow(QUERIES["read_connection"], tenant_id, edition.value)


async def seen_codes(connection: Connection, tenant_id: str) -> dict[tuple[str, str], int]:
    """How many syncs of a tenant stand at each code, by (edition, code)."""
    rows = await connection.fetch(QUERIES["seen_codes"], tenant_id)
    return {tuple(row["key"].split("|", 1)): int(row["n"]) for row in rows}


async def sync(connection: Connection, tenant_id: str, sync_id: str) -> Any:
    """One row of ``sync``, with everything."""
    return await connection.fetchrow(QUERIES["read_sync_with_names"], tenant_id, sync_id)


async def history(
    connection: Connection, tenant_id: str, entity_key: str
) -> tuple[list[Any], list[Any], list[Any]]:
    """The newest 50 syncs of an entity, what was said about them, and what people asked for."""
    syncs = list(await connection.fetch(QUERIES["syncs_of_entity"], tenant_id, entity_key))
    ids = [row["sync_id"] for row in syncs]
    events = list(await connection.fetch(QUERIES["events_of_syncs"], tenant_id, ids))
    requests = list(await connection.fetch(QUERIES["requests_of_syncs"], tenant_id, ids))
    return syncs, events, requests


async def done_lately(connection: Connection, tenant_id: str, since: datetime) -> list[Any]:
    """Resyncs that arrived since then, newest first."""
    return list(await connection.fetch(QUERIES["done_lately"], tenant_id, since))


async def rows_of_causes(
    connection: Connection, tenant_id: str, bucket: Bucket, wanted: list[str], each: int
) -> dict[str, list[Any]]:
    """The oldest rows of each cause."""
    found: dict[str, list[Any]] = {cause: [] for cause in wanted}
    for row in await connection.fetch(QUERIES["rows_of_causes"], tenant_id, bucket.value, wanted, each):
        found[row["cause"]].append(row)
    return found


async def next_retries(connection: Connection, tenant_id: str, limit: int) -> list[Any]:
    """What retries by itself, the next one first."""
    return list(await connection.fetch(QUERIES["next_retries"], tenant_id, limit))
