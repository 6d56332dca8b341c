"""The connector service's projection of the wizard's tenants, and which company each is bound to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from qbsync_shared.connector.repository import QUERIES
from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import BadgeChanged, TenantConfigured, TenantDeleted
from qbsync_shared.postgres import Connection


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """What the wizard says of a tenant."""

    id: str
    version: int
    name: str
    plan: Plan
    edition: Edition
    paused: bool
    settings: dict[str, Any]
    mappings: list[dict[str, Any]]


async def configured(connection: Connection, message: TenantConfigured) -> None:
    """Take over a tenant's settings; only a higher version counts."""
    await connection.execute(
        QUERIES["put_tenant"],
        message.tenant,
        message.version,
        message.name,
        message.plan.value,
        message.edition.value,
        message.paused,
        message.settings,
        [mapping.model_dump(mode="json") for mapping in message.mappings],
    )


async def deleted(connection: Connection, message: TenantDeleted) -> None:
    """Erase everything of a tenant from the queue's tables."""
    for name in (
        "erase_tenant",
        "erase_links",
        "erase_seen",
        "erase_binding",
        "erase_badge",
        "erase_pauses",
        "erase_look_ups",
        "erase_lane",
        "erase_row",
    ):
        await connection.execute(QUERIES[name], message.tenant)


async def get(connection: Connection, tenant_id: str) -> Tenant | None:
    """One tenant, or None where the wizard has not told of it."""
    row = await connection.fetchrow(QUERIES["get_tenant"], tenant_id)
    if row is None:
        return None
    return Tenant(
        id=row["tenant_id"],
        version=row["version"],
        name=row["name"],
        plan=Plan(row["plan"]),
        edition=Edition(row["edition"]),
        paused=row["paused"],
        settings=row["settings"],
        mappings=row["mappings"],
    )


async def badge_changed(connection: Connection, message: BadgeChanged) -> None:
    """Keep the count for the navigation; only a higher version counts."""
    await connection.execute(QUERIES["put_badge"], message.tenant, message.version, message.waiting)


async def waiting_items(connection: Connection, tenant_id: str) -> int:
    """How many review items wait in the Sync Wizard, as far as was told."""
    count: int | None = await connection.fetchval(QUERIES["get_badge"], tenant_id)
    return count or 0


async def company_of(connection: Connection, tenant_id: str) -> str | None:
    """The company (FileID or realmId) that the tenant is bound to."""
    company: str | None = await connection.fetchval(QUERIES["get_binding"], tenant_id)
    return company


async def bind(connection: Connection, tenant_id: str, company_id: str) -> bool:
    """Bind a tenant to its company; False where another tenant has that company, or this one has another."""
    try:
        async with connection.transaction():
            await connection.execute(QUERIES["put_binding"], tenant_id, company_id)
    except asyncpg.UniqueViolationError:
        return False
    return await company_of(connection, tenant_id) == company_id


async def rebind(connection: Connection, tenant_id: str, company_id: str) -> bool:
    """Bind a tenant to another company on purpose; False where another tenant has that company."""
    try:
        async with connection.transaction():
            await connection.execute(QUERIES["rebind"], tenant_id, company_id)
    except asyncpg.UniqueViolationError:
        return False
    return True


def import_since(tenant: Tenant | None, connected_at: datetime | None) -> datetime | None:
    """From when on changes in QuickBooks are reviewed: the date an admin set, else the day of connection (contract, section 2)."""
    chosen = tenant.settings.get("import_since") if tenant else None
    if chosen:
        return datetime.fromisoformat(f"{chosen}T00:00:00+00:00")
    return connected_at.replace(hour=0, minute=0, second=0, microsecond=0) if connected_at else None
