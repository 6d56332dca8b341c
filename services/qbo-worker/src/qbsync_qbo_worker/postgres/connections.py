"""Connections and authorisations, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from qbsync_qbo_worker.mapping.company import US, Company
from qbsync_qbo_worker.postgres.calls import QUERIES
from qbsync_shared.connector import LinkRow
from qbsync_shared.connector.repository import QUERIES as QUEUE
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Connection


@dataclass(frozen=True, kw_only=True, repr=False)
class SealedTokens:
    """Encrypted tokens with their expiries."""

    access: bytes
    access_expires_at: datetime
    refresh: bytes
    refresh_expires_at: datetime
    hard_expires_at: datetime | None


@dataclass(frozen=True, kw_only=True, repr=False)
class ConnectionRow:
    """A tenant's connection; tokens are encrypted."""

    tenant: str
    version: int
    state: ConnectionState
    realm_id: str | None
    company_name: str | None
    access_token: bytes | None
    access_expires_at: datetime | None
    refresh_token: bytes | None
    refresh_expires_at: datetime | None
    hard_expires_at: datetime | None
    refreshed_at: datetime | None
    code: str | None
    message: str | None
    intuit_tid: str | None
    connected_by: str | None
    connected_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Authorisation:
    """An authorisation that came back."""

    tenant: str
    cookie_hash: str
    verifier: bytes
    by: str
    next: str
    ends_links: int | None = None
    """It is to lead to another company, and a person was told that so many links end; None for the same company."""


def _row(row: Any) -> ConnectionRow:
    return ConnectionRow(
        tenant=row["tenant_id"],
        version=row["version"],
        state=ConnectionState(row["state"]),
        realm_id=row["realm_id"],
        company_name=row["company_name"],
        access_token=row["access_token"],
        access_expires_at=row["access_expires_at"],
        refresh_token=row["refresh_token"],
        refresh_expires_at=row["refresh_expires_at"],
        hard_expires_at=row["hard_expires_at"],
        refreshed_at=row["refreshed_at"],
        code=row["code"],
        message=row["message"],
        intuit_tid=row["intuit_tid"],
        connected_by=row["connected_by"],
        connected_at=row["connected_at"],
        last_seen_at=row["last_seen_at"],
    )


async def get(connection: Connection, tenant: str) -> ConnectionRow | None:
    """A tenant's connection, or None where nobody ever connected."""
    row = await connection.fetchrow(QUERIES["get_connection"], tenant)
    return _row(row) if row else None


async def lock(connection: Connection, tenant: str) -> ConnectionRow | None:
    """The same, held until the transaction ends."""
    row = await connection.fetchrow(QUERIES["lock_connection"], tenant)
    return _row(row) if row else None


async def connect(
    connection: Connection, tenant: str, realm: str, tokens: SealedTokens, *, by: str, now: datetime
) -> ConnectionRow | None:
    """A person connected the tenant to a company; None where another tenant has that company."""
    try:
        async with connection.transaction():
            row = await connection.fetchrow(
                QUERIES["connect"],
                tenant,
                realm,
                tokens.access,
                tokens.access_expires_at,
                tokens.refresh,
                tokens.refresh_expires_at,
                tokens.hard_expires_at,
                now,
                by,
            )
    except asyncpg.UniqueViolationError:
        return None
    return _row(row)


async def keep_tokens(
    connection: Connection, tenant: str, tokens: SealedTokens, *, now: datetime
) -> ConnectionRow:
    """New tokens."""
    row = await connection.fetchrow(
        QUERIES["keep_tokens"],
        tenant,
        tokens.access,
        tokens.access_expires_at,
        tokens.refresh,
        tokens.refresh_expires_at,
        tokens.hard_expires_at,
        now,
    )
    return _row(row)


async def set_state(
    connection: Connection,
    tenant: str,
    state: ConnectionState,
    *,
    code: str | None = None,
    message: str | None = None,
    intuit_tid: str | None = None,
) -> ConnectionRow:
    """The connection stands differently; ``intuit_tid`` names the call that told so."""
    return _row(
        await connection.fetchrow(QUERIES["set_state"], tenant, state.value, code, message, intuit_tid)
    )


async def reseal(connection: Connection, tenant: str, *, access: bytes, refresh: bytes) -> None:
    """The same tokens, encrypted anew."""
    await connection.execute(QUERIES["reseal"], tenant, access, refresh)


async def to_keep(connection: Connection, *, idle_since: datetime, ends_before: datetime) -> list[str]:
    """Tenants whose tokens nobody renewed since a moment, or whose connection ends soon and nobody was told."""
    rows = await connection.fetch(QUERIES["to_keep"], idle_since, ends_before)
    return [row["tenant_id"] for row in rows]


async def connected_to(connection: Connection, realm: str) -> str | None:
    """The tenant that is connected to a company."""
    tenant: str | None = await connection.fetchval(QUERIES["connected_to"], realm)
    return tenant


async def drop_tokens(
    connection: Connection, tenant: str, state: ConnectionState, *, code: str | None, message: str | None
) -> ConnectionRow:
    """Disconnected: nothing that could sign a call is kept."""
    return _row(await connection.fetchrow(QUERIES["drop_tokens"], tenant, state.value, code, message))


async def set_company(
    connection: Connection, tenant: str, name: str, company: Company, *, now: datetime
) -> ConnectionRow:
    """What the company is called, and how it keeps its books."""
    found = (company.country, company.currency, company.several_currencies)
    return _row(await connection.fetchrow(QUERIES["set_company"], tenant, name, now, *found))


async def get_company(connection: Connection, tenant: str) -> Company:
    """How the company keeps its books; what was not read yet counts as a company in the US."""
    row = await connection.fetchrow(QUERIES["company"], tenant)
    if row is None:
        return Company()
    return Company(
        country=row["country"] or US,
        currency=row["currency"],
        several_currencies=row["several_currencies"],
        non_taxable=row["non_taxable"],
    )


async def connected_tenants(connection: Connection, *, now: datetime) -> list[str]:
    """Tenants whose QuickBooks may be read now."""
    return [row["tenant_id"] for row in await connection.fetch(QUERIES["connected_tenants"], now)]


async def add_authorisation(
    connection: Connection, state_hash: str, found: Authorisation, *, now: datetime
) -> None:
    """Remember what an authorisation must bring back."""
    await connection.execute(
        QUERIES["add_authorisation"],
        state_hash,
        found.tenant,
        found.cookie_hash,
        found.verifier,
        found.by,
        found.next,
        found.ends_links,
        now,
    )


async def take_authorisation(
    connection: Connection, state_hash: str, *, not_before: datetime
) -> Authorisation | None:
    """Use an authorisation, once."""
    row = await connection.fetchrow(QUERIES["take_authorisation"], state_hash, not_before)
    if row is None:
        return None
    return Authorisation(
        tenant=row["tenant_id"],
        cookie_hash=row["cookie_hash"],
        verifier=row["verifier"],
        by=row["by"],
        next=row["next"],
        ends_links=row["ends_links"],
    )


async def purge_authorisations(connection: Connection, *, before: datetime) -> None:
    """Forget those that never came back."""
    await connection.execute(QUERIES["purge_authorisations"], before)


async def get_cursor(connection: Connection, tenant: str, resource: str) -> datetime | None:
    """How far a resource was read."""
    since: datetime | None = await connection.fetchval(QUERIES["get_cursor"], tenant, resource)
    return since


async def put_cursor(connection: Connection, tenant: str, resource: str, since: datetime) -> None:
    """It was read up to here."""
    await connection.execute(QUERIES["put_cursor"], tenant, resource, since)


@dataclass(frozen=True, kw_only=True)
class KindPause:
    """A kind (``*`` for all) of which nothing is sent, and who wants it so."""

    kind: str
    by: str
    why: str


async def pauses(connection: Connection, tenant: str) -> dict[str, KindPause]:
    """What is paused, by kind."""
    rows = await connection.fetch(QUEUE["get_pauses"], tenant)
    return {row["kind"]: KindPause(kind=row["kind"], by=row["by"], why=row["why"]) for row in rows}


async def wake(connection: Connection, tenant: str) -> None:
    """Look at what waits at once."""
    await connection.execute(QUEUE["wake"], tenant)


async def doubts(connection: Connection, tenant: str) -> int:
    """How many syncs are in doubt."""
    count: int = await connection.fetchval(QUERIES["count_doubts"], tenant)
    return count


async def count_links(connection: Connection, tenant: str) -> int:
    """How many links a tenant has."""
    count: int = await connection.fetchval(QUERIES["count_links"], tenant)
    return count


async def bound_to(connection: Connection, realm: str) -> str | None:
    """The tenant that a company belongs to, whoever asks."""
    tenant: str | None = await connection.fetchval(QUERIES["bound_to"], realm)
    return tenant


async def keep_links(
    connection: Connection, tenant: str, realm: str, links: Sequence[LinkRow], *, now: datetime
) -> None:
    """Links that ended with the company they led to, as history."""
    columns = [
        [link.kind.value for link in links],
        [link.app_id for link in links],
        [link.quickbooks_id for link in links],
        [link.sync_id for link in links],
    ]
    await connection.execute(QUERIES["keep_links"], tenant, realm, *columns, now)


async def leave_realm(connection: Connection, tenant: str) -> None:
    """Nothing of the former company stands on the connection, and all is read from its start."""
    await connection.execute(QUERIES["leave_realm"], tenant)
    await connection.execute(QUERIES["erase_cursors"], tenant)


async def last_change(connection: Connection, tenant: str) -> datetime | None:
    """The newest change of a record that was read."""
    since: datetime | None = await connection.fetchval(QUERIES["last_change"], tenant)
    return since


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A call that QuickBooks refused, and what became of its sync."""

    at: datetime
    status: int
    intuit_tid: str | None
    sync_id: str | None
    kind: str | None
    name: str | None
    code: str | None
    message: str | None


async def last_refusals(connection: Connection, tenant: str, *, limit: int) -> list[Refusal]:
    """The last ones, newest first."""
    return [
        Refusal(
            at=row["settled_at"],
            status=row["status"],
            intuit_tid=row["intuit_tid"],
            sync_id=row["sync_id"],
            kind=row["kind"],
            name=row["name"],
            code=row["code"],
            message=row["message"],
        )
        for row in await connection.fetch(QUERIES["last_refusals"], tenant, limit)
    ]
