"""``/t/{tenant}/desktop``: how the connection to QuickBooks Desktop stands, and how it is set up."""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from qbsync_qbwc_gateway.binding import Binding
from qbsync_qbwc_gateway.reconciling import CHOICES, Reconciling
from qbsync_qbwc_gateway.service import SENT_KINDS, Access, Connectors, Health
from qbsync_qbwc_gateway.session.login import zone_named
from qbsync_qbwc_gateway.web.strip import strip_of
from qbsync_shared.connector.tenants import Tenant
from qbsync_shared.ids import TenantId
from qbsync_shared.web import Page, Pages, Principal, Role, TenantView, require
from qbsync_shared.web.problems import unknown_tenant

ASKS = ("password", "ids", "renamed", "rebind")
"""What the page can ask before it is done."""

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]


@dataclass(frozen=True)
class Site:
    """What the pages need."""

    pages: Pages
    connectors: Connectors
    reconciling: Reconciling
    binding: Binding

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
        asked = ask if health is not None and ask in ASKS else ""
        page = await self.page("QuickBooks Desktop", tenant, health, modal=bool(asked))
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
            books=await self.binding.books(tenant.id) if asked == "rebind" else None,
        )
        if access is not None:
            response.headers["cache-control"] = "no-store"
        return response

    async def page(self, title: str, tenant: Tenant, health: Health | None, *, modal: bool = False) -> Page:
        """The frame of a page of this connection."""
        zone = zone_of(tenant)
        return Page(
            title=title,
            tenant=TenantView(tenant.id, tenant.name, tenant.edition),
            current="connections",
            waiting=await self.connectors.waiting(tenant.id),
            strip=strip_of(health, tenant, now=self.pages.now(), zone=zone),
            modal=modal,
            zone=zone,
        )


def paused_of(health: Health | None) -> frozenset[str]:
    """The kinds that are paused; ``*`` for all."""
    return frozenset(health.paused_kinds) if health else frozenset()


def zone_of(tenant: Tenant) -> tzinfo:
    """The company's time zone (setting ``time_zone``), UTC where none is set."""
    return zone_named(tenant.settings.get("time_zone"))


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
