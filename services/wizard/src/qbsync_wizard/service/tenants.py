"""Tenants: made, configured, deleted."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from qbsync_shared.kinds import Edition, Plan
from qbsync_shared.messages import CompanyChanged, Mapping, TenantConfigured, TenantDeleted
from qbsync_shared.messaging import publish
from qbsync_shared.messaging.outbox import erase_tenant
from qbsync_shared.postgres import Connection
from qbsync_wizard.domain.tenants import Tenant
from qbsync_wizard.errors import RefusedError
from qbsync_wizard.postgres import repository as store
from qbsync_wizard.service.context import Context, enter, look

ERASED = (
    "match",
    "review_item",
    "tally",
    "always_skip",
    "resync_request",
    "import_hand_over",
    "connection",
    "sync",
    "approval",
    "link",
    "match_key",
    "quickbooks_entity",
    "app_entity",
    "list_entry",
    "app_word",
    "item_choice",
)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What an operator says of a tenant."""

    name: str
    plan: Plan
    edition: Edition
    paused: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    mappings: tuple[Mapping, ...] = ()


async def configure(
    connection: Connection,
    context: Context,
    tenant_id: str,
    wanted: Configuration,
    *,
    desktop_plans: Collection[Plan],
) -> tuple[Tenant, bool]:
    """Make a tenant or change its settings; returns it and whether it is new. Nothing is published where nothing changed.

    Raises:
        RefusedError: the plan does not include Desktop, the id was used before, or the edition cannot change.
    """
    if wanted.edition is Edition.DESKTOP and wanted.plan not in desktop_plans:
        names = " and ".join(sorted(plan.value for plan in desktop_plans))
        detail = f"QuickBooks Desktop is part of {names}. Choose one of these plans, or QuickBooks Online."
        raise RefusedError(
            "plan-excludes-desktop", "The plan does not include QuickBooks Desktop", detail, status=422
        )
    values = (
        tenant_id,
        wanted.name,
        wanted.plan.value,
        wanted.edition.value,
        wanted.paused,
        wanted.settings,
        [mapping.model_dump(mode="json", exclude_none=True) for mapping in wanted.mappings],
    )
    is_new = await connection.fetchval(store.QUERIES["insert_tenant"], *values) is not None
    present = await store.lock_tenant(connection, tenant_id)
    assert present is not None
    if not is_new:
        await _check_change(connection, present, wanted)
        if _same(present, wanted, values[-1]):
            return present, False
        await connection.fetchval(store.QUERIES["update_tenant"], *values)
    stored = await look(connection, tenant_id)
    await publish_configuration(connection, context, stored)
    return stored, is_new


async def _check_change(connection: Connection, present: Tenant, wanted: Configuration) -> None:
    if present.deleted:
        raise RefusedError(
            "tenant-deleted", "This tenant was deleted", "Ids are never used again. Choose another id."
        )
    if present.edition is wanted.edition:
        return
    if await connection.fetchval(store.QUERIES["has_open_syncs"], present.id):
        detail = "Wait until nothing is pending, or cancel what is."
        raise RefusedError("edition-in-use", "The edition cannot change while syncs are pending", detail)
    if await connection.fetchval(store.QUERIES["has_links"], present.id):
        detail = "Its records are linked to the QuickBooks company of the present edition."
        raise RefusedError("edition-in-use", "The edition cannot change while records are linked", detail)


def _same(present: Tenant, wanted: Configuration, mappings: list[dict[str, Any]]) -> bool:
    return (
        present.name,
        present.plan,
        present.edition,
        present.paused,
        present.settings,
        list(present.mappings),
    ) == (wanted.name, wanted.plan, wanted.edition, wanted.paused, wanted.settings, mappings)


async def publish_configuration(connection: Connection, context: Context, tenant: Tenant) -> None:
    """Tell all services what the tenant is like."""
    message = TenantConfigured(
        **context.stamp(tenant.id),
        version=tenant.version,
        name=tenant.name,
        plan=tenant.plan,
        edition=tenant.edition,
        paused=tenant.paused,
        settings=tenant.settings,
        mappings=tuple(Mapping.model_validate(mapping) for mapping in tenant.mappings),
    )
    await publish(connection, message)


async def delete(connection: Connection, context: Context, tenant_id: str) -> None:
    """Erase a tenant. Its id stays taken; QuickBooks is not touched.

    Raises:
        UnknownTenantError: there is none.
    """
    await enter(connection, context, tenant_id)
    for table in ERASED:
        await connection.execute(f"delete from {table} where tenant_id = $1", tenant_id)  # noqa: S608 - fixed names
    await erase_tenant(connection, tenant_id)
    version: int = await connection.fetchval(store.QUERIES["bury_tenant"], tenant_id)
    await publish(connection, TenantDeleted(**context.stamp(tenant_id), version=version))


async def listed(connection: Connection, *, after: str | None, limit: int) -> tuple[list[Tenant], int]:
    """Tenants by id, and how many there are; for operators."""
    rows = await connection.fetch(store.QUERIES["list_tenants"], after, limit)
    total: int = await connection.fetchval(store.QUERIES["count_tenants"])
    return [store.tenant(row) for row in rows], total


async def company_changed(connection: Connection, message: CompanyChanged) -> bool:
    """Keep what QuickBooks told of the company; False where something later is known."""
    facts = {"id": message.company_id, "name": message.name, **message.facts}
    row = await connection.fetchval(store.QUERIES["put_company"], message.tenant, message.version, facts)
    return row is not None
