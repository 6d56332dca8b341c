"""``/t/{tenant}/desktop``: how the connection to QuickBooks Desktop stands, and how it is set up."""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Query, Request, Response

from qbsync_qbwc_gateway.reconciling import CHOICES, Reconciling
from qbsync_qbwc_gateway.service import SENT_KINDS, Access, Connectors, Health
from qbsync_qbwc_gateway.web.strip import strip_of
from qbsync_shared.connector.tenants import Tenant
from qbsync_shared.ids import TenantId
from qbsync_shared.web import Page, Pages, Principal, Role, TenantView, require
from qbsync_shared.web.problems import unknown_tenant

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]


@dataclass(frozen=True)
class Site:
    """What the pages need."""

    pages: Pages
    connectors: Connectors
    reconciling: Reconciling

    async def tenant(self, tenant_id: str) -> Tenant:
        """The tenant. Raises the same 404 as for somebody else's."""
        found = await self.connectors.tenant(tenant_id)
        if found is None:
            raise unknown_tenant()
        return found

    async def show(
        self,
        request: Request,
        tenant: Tenant,
        *,
        access: Access | None = None,
        ask: str = "",
        problem: str = "",
        status: int = 200,
    ) -> Response:
        """The page; with ``access`` it shows the new password this once."""
        health = await self.connectors.health(tenant.id)
        zone = zone_of(tenant)
        asked = ask if health is not None and ask in ("bind", "password") else ""
        page = Page(
            title="QuickBooks Desktop",
            tenant=TenantView(tenant.id, tenant.name, tenant.edition),
            current="connections",
            waiting=await self.connectors.waiting(tenant.id),
            strip=strip_of(health, tenant, now=self.pages.now(), zone=zone),
            modal=bool(asked),
            zone=zone,
        )
        response = self.pages.render(
            request,
            "desktop.html",
            page=page,
            status=status,
            tenant=tenant,
            health=health,
            access=access,
            ask=asked,
            problem=problem,
            kinds=SENT_KINDS,
            paused=paused_of(health),
            restored=await self.reconciling.report(tenant.id),
            choices=CHOICES,
        )
        if access is not None:
            response.headers["cache-control"] = "no-store"
        return response


def paused_of(health: Health | None) -> frozenset[str]:
    """The kinds that are paused; ``*`` for all."""
    return frozenset(health.paused_kinds) if health else frozenset()


def zone_of(tenant: Tenant) -> tzinfo:
    """The company's time zone (setting ``time_zone``), UTC where none is set."""
    try:
        return ZoneInfo(str(tenant.settings.get("time_zone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def routes(site: Site) -> APIRouter:
    """The page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/desktop")
    async def show(
        request: Request, tenant: TenantId, _: Viewer, ask: Annotated[str, Query(max_length=20)] = ""
    ) -> Response:
        """How the connection stands."""
        return await site.show(request, await site.tenant(tenant), ask=ask)

    return router
