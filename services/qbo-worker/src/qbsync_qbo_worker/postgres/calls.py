"""Leases of realms and stored calls, as values."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from qbsync_qbo_worker.quickbooks import Answer, Call
from qbsync_qbo_worker.quickbooks.client import BATCH_PATH
from qbsync_shared.postgres import Connection, Queries

QUERIES = Queries.load(__package__)


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A realm held by this worker. ``token`` fences: settlements of a lost lease change nothing."""

    tenant: str
    holder: str
    fence: int

    @property
    def token(self) -> str:
        """What the queue knows the holder by."""
        return f"{self.holder}#{self.fence}"


@dataclass(frozen=True, kw_only=True)
class StoredBatch:
    """A batch as it went out: its id and exact bytes."""

    call: Call
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredCall:
    """A write with its id and exact bytes, and how often it went out: alone, or as the member ``bid`` of a batch."""

    call: Call
    sync_id: str
    sends: int
    created_at: datetime
    batch: StoredBatch | None = None
    bid: str = ""


@dataclass(frozen=True, kw_only=True)
class OpenCall:
    """A write whose outcome is not known, without its bytes."""

    requestid: str
    sync_id: str
    sends: int


@dataclass(frozen=True, kw_only=True)
class RealmRates:
    """When the next call of each sort may go (seconds since 1970, by name), and before when none."""

    rates: Mapping[str, Any]
    not_before: datetime


async def take_lease(
    connection: Connection, tenant: str, holder: str, *, now: datetime, until: datetime
) -> Lease | None:
    """Hold a realm, or None where another does or it rests."""
    await connection.execute(QUERIES["open_lease"], tenant)
    row = await connection.fetchrow(QUERIES["take_lease"], tenant, holder, until, now)
    return Lease(tenant=tenant, holder=holder, fence=row["fence"]) if row else None


async def renew_lease(connection: Connection, lease: Lease, *, until: datetime) -> bool:
    """Hold it longer; False where it was lost."""
    row = await connection.fetchrow(QUERIES["renew_lease"], lease.tenant, lease.holder, lease.fence, until)
    return row is not None


async def hold_lease(connection: Connection, lease: Lease) -> bool:
    """Whether it is still held; nobody can take it over until this transaction ends."""
    row = await connection.fetchrow(QUERIES["hold_lease"], lease.tenant, lease.holder, lease.fence)
    return row is not None


async def release_lease(connection: Connection, lease: Lease, *, now: datetime) -> None:
    """Let it go."""
    await connection.execute(QUERIES["release_lease"], lease.tenant, lease.holder, lease.fence, now)


async def lock_rates(connection: Connection, tenant: str) -> RealmRates:
    """The realm's rates; nobody else takes a place until this transaction ends."""
    row = await connection.fetchrow(QUERIES["lock_rates"], tenant)
    if row is None:
        await connection.execute(QUERIES["open_lease"], tenant)
        row = await connection.fetchrow(QUERIES["lock_rates"], tenant)
    return RealmRates(rates=row["rates"], not_before=row["not_before"])


async def read_rates(connection: Connection, tenant: str) -> RealmRates:
    """The same without holding anybody up."""
    row = await connection.fetchrow(QUERIES["read_rates"], tenant)
    if row is None:
        return RealmRates(rates={}, not_before=datetime(2000, 1, 1, tzinfo=UTC))
    return RealmRates(rates=row["rates"], not_before=row["not_before"])


async def put_rates(connection: Connection, tenant: str, rates: Mapping[str, Any]) -> None:
    """Keep the realm's rates."""
    await connection.execute(QUERIES["put_rates"], tenant, dict(rates))


async def rest_realm(connection: Connection, tenant: str, *, until: datetime) -> None:
    """Send nothing before ``until``."""
    await connection.execute(QUERIES["open_lease"], tenant)
    await connection.execute(QUERIES["rest_realm"], tenant, until)


async def count_reading(connection: Connection, tenant: str, *, month: date, calls: int) -> None:
    """So many more calls that Intuit meters."""
    await connection.execute(QUERIES["count_reading"], tenant, month, calls)


async def read_use(connection: Connection, tenant: str, *, month: date) -> tuple[int, int]:
    """Metered calls of a company in a month, and of all companies that the connection sees."""
    row = await connection.fetchrow(QUERIES["read_use"], tenant, month)
    return row["company"], row["everyone"]


async def report_worker(connection: Connection, holder: str, *, now: datetime, since: datetime) -> None:
    """A worker is alive; those that were not seen since ``since`` are forgotten."""
    await connection.execute(QUERIES["report_worker"], holder, now)
    await connection.execute(QUERIES["forget_workers"], since)


async def worker_loads(connection: Connection, *, now: datetime) -> dict[str, int]:
    """How many companies each live worker holds."""
    rows = await connection.fetch(QUERIES["worker_loads"], now)
    return {row["holder"]: row["held"] for row in rows}


async def purge(connection: Connection, *, before: datetime, limit: int) -> None:
    """Forget calls that were settled before, and batches that no call belongs to any more."""
    await connection.execute(QUERIES["purge_calls"], before, limit)
    await connection.execute(QUERIES["purge_batches"], before, limit)


async def due_tenants(
    connection: Connection, *, now: datetime, limit: int, holder: str, without: Collection[str] = ()
) -> list[str]:
    """Tenants that ``holder`` should look at now, but those that it works on already."""
    rows = await connection.fetch(QUERIES["due_tenants"], now, limit, list(without), holder)
    return [row["tenant_id"] for row in rows]


async def tenants_awaiting_app(connection: Connection) -> list[str]:
    """Tenants of which the app has imports to answer."""
    return [row["tenant_id"] for row in await connection.fetch(QUERIES["tenants_awaiting_app"])]


async def add_calls(
    connection: Connection,
    tenant: str,
    writes: Sequence[tuple[str, Call]],
    *,
    now: datetime,
    send_again_at: datetime,
) -> None:
    """Store writes, each with the sync that it carries out, before they go out."""
    columns = zip(
        *(
            (call.requestid, sync_id, call.method, call.path, json.dumps(call.query), call.body)
            for sync_id, call in writes
        ),
        strict=True,
    )
    await connection.execute(QUERIES["add_calls"], tenant, *map(list, columns), send_again_at, now)


async def due_calls(connection: Connection, tenant: str, *, now: datetime) -> list[StoredCall]:
    """Calls whose outcome is not known and that may go (again), oldest first; of a batch all that are open."""
    return [_stored(row) for row in await connection.fetch(QUERIES["due_calls"], tenant, now)]


async def open_calls(connection: Connection, tenant: str) -> list[OpenCall]:
    """Calls whose outcome is not known."""
    return [OpenCall(**row) for row in await connection.fetch(QUERIES["open_calls"], tenant)]


async def unanswered(connection: Connection, tenant: str) -> set[str]:
    """Syncs whose write went out, and whose outcome is not known."""
    return {row["sync_id"] for row in await connection.fetch(QUERIES["unanswered"], tenant)}


async def went_along(connection: Connection, tenant: str, sync_ids: Sequence[str]) -> set[str]:
    """Which syncs went in a batch before and came back refused."""
    rows = await connection.fetch(QUERIES["went_along"], tenant, list(sync_ids))
    return {row["sync_id"] for row in rows}


async def sent(connection: Connection, tenant: str, requestid: str, *, again_at: datetime) -> bool:
    """It goes out; False where its outcome is known by now, so that it must not."""
    row = await connection.fetchrow(QUERIES["sent_call"], tenant, requestid, again_at)
    return row is not None


async def sent_batch(
    connection: Connection,
    tenant: str,
    batch: Call,
    members: Mapping[str, str],
    *,
    now: datetime,
    again_at: datetime,
) -> bool:
    """A batch goes out, for the first time or again; False where the outcome of all its members is known by now.

    Args:
        members: bId -> requestid of the member's own call.
    """
    await connection.execute(QUERIES["add_batch"], batch.requestid, tenant, batch.body, now)
    ids, bids = list(members.values()), list(members)
    rows = await connection.fetch(QUERIES["sent_batch"], tenant, batch.requestid, ids, bids, again_at)
    return bool(rows)


async def again(connection: Connection, tenant: str, requestids: Sequence[str], *, at: datetime) -> None:
    """Their outcome is unknown: the same bytes go out again at ``at``."""
    await connection.execute(QUERIES["calls_again"], tenant, list(requestids), at)


async def rests_until(connection: Connection, tenant: str) -> datetime:
    """Until when nothing may be sent to the realm; long ago where it does not rest."""
    until: datetime = await connection.fetchval(QUERIES["rests_until"], tenant)
    return until


async def settle(
    connection: Connection, tenant: str, requestids: Sequence[str], answer: Answer | None, *, now: datetime
) -> None:
    """Their outcome is known; the ids are never used again."""
    await connection.execute(
        QUERIES["settle_calls"],
        tenant,
        list(requestids),
        answer.status if answer else None,
        answer.intuit_tid if answer else None,
        now,
    )


def _stored(row: Any) -> StoredCall:
    return StoredCall(
        call=Call(
            method=row["method"],
            path=row["path"],
            query=tuple((key, value) for key, value in row["query"]),
            body=row["body"],
            requestid=row["requestid"],
        ),
        sync_id=row["sync_id"],
        sends=row["sends"],
        created_at=row["created_at"],
        batch=_stored_batch(row) if row["batch_id"] else None,
        bid=row["bid"] or "",
    )


def _stored_batch(row: Any) -> StoredBatch:
    call = Call(method="POST", path=BATCH_PATH, body=row["batch_body"], requestid=row["batch_id"])
    return StoredBatch(call=call, created_at=row["batch_created_at"])
