"""Leases of realms and stored calls, as values."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qbsync_qbo_worker.quickbooks import Answer, Call
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
class StoredCall:
    """A write with its id and exact bytes, how often it went out, and when it may go out again."""

    call: Call
    sync_id: str
    sends: int
    created_at: datetime
    send_again_at: datetime


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


async def release_lease(connection: Connection, lease: Lease) -> None:
    """Let it go."""
    await connection.execute(QUERIES["release_lease"], lease.tenant, lease.holder, lease.fence)


async def rest_realm(connection: Connection, tenant: str, *, until: datetime) -> None:
    """Send nothing before ``until``."""
    await connection.execute(QUERIES["open_lease"], tenant)
    await connection.execute(QUERIES["rest_realm"], tenant, until)


async def due_tenants(
    connection: Connection, *, now: datetime, limit: int, holder: str, without: Collection[str] = ()
) -> list[str]:
    """Tenants that ``holder`` should look at now, but those that it works on already."""
    rows = await connection.fetch(QUERIES["due_tenants"], now, limit, list(without), holder)
    return [row["tenant_id"] for row in rows]


async def tenants_awaiting_app(connection: Connection) -> list[str]:
    """Tenants of which the app has imports to answer."""
    return [row["tenant_id"] for row in await connection.fetch(QUERIES["tenants_awaiting_app"])]


async def add_call(
    connection: Connection,
    tenant: str,
    sync_id: str,
    call: Call,
    *,
    now: datetime,
    send_again_at: datetime,
) -> None:
    """Store a write before it goes out."""
    await connection.execute(
        QUERIES["add_call"],
        call.requestid,
        tenant,
        sync_id,
        call.method,
        call.path,
        [list(pair) for pair in call.query],
        call.body,
        send_again_at,
        now,
    )


async def open_calls(connection: Connection, tenant: str) -> list[StoredCall]:
    """Calls whose outcome is not known, oldest first."""
    return [_stored(row) for row in await connection.fetch(QUERIES["open_calls"], tenant)]


async def sent(connection: Connection, tenant: str, requestid: str, *, again_at: datetime) -> bool:
    """It goes out; False where its outcome is known by now, so that it must not."""
    row = await connection.fetchrow(QUERIES["sent_call"], tenant, requestid, again_at)
    return row is not None


async def again(connection: Connection, tenant: str, requestid: str, *, at: datetime) -> None:
    """Its outcome is unknown: the same bytes go out again at ``at``."""
    await connection.execute(QUERIES["call_again"], tenant, requestid, at)


async def rests_until(connection: Connection, tenant: str) -> datetime:
    """Until when nothing may be sent to the realm; long ago where it does not rest."""
    until: datetime = await connection.fetchval(QUERIES["rests_until"], tenant)
    return until


async def settle(
    connection: Connection, tenant: str, requestid: str, answer: Answer | None, *, now: datetime
) -> None:
    """Its outcome is known; the id is never used again."""
    await connection.execute(
        QUERIES["settle_call"],
        tenant,
        requestid,
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
        send_again_at=row["send_again_at"],
    )
