"""``/t/{tenant}/online``: how the connection to QuickBooks Online stands, and what an admin can do about it."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Query, Request, Response

from qbsync_qbo_worker.mapping import MAPPERS
from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.postgres.connections import ConnectionRow, KindPause, Refusal
from qbsync_qbo_worker.service.connecting import Connecting
from qbsync_qbo_worker.service.pausing import Pausing
from qbsync_qbo_worker.service.quota import ReadMeter
from qbsync_qbo_worker.service.rates import Rates
from qbsync_qbo_worker.service.rebinding import Consequences
from qbsync_qbo_worker.web.strip import strip_of
from qbsync_shared.catalogue import Guidance, explain
from qbsync_shared.connector import listing, tenants
from qbsync_shared.connector.tenants import Tenant
from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Database
from qbsync_shared.web import Page, Pages, Principal, Role, TenantView, require
from qbsync_shared.web.auth import principal_of
from qbsync_shared.web.problems import unknown_tenant

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
SENT_KINDS = tuple(MAPPERS)
REFUSALS = 5
BOTH = ("disconnect", "another")
QUESTIONS: dict[str, tuple[str, ...]] = {"none": (), "revoked": ("another",)}
"""What may be asked in each state; both questions in every other."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a tenant stands: its connection, what is paused, what is left to do, what waits for approval."""

    tenant: Tenant
    row: ConnectionRow | None
    pauses: dict[str, KindPause]
    unfinished: int
    doubts: int
    waiting: int
    refusals: list[Refusal]
    last_change: datetime | None
    ends: Consequences | None

    @property
    def state(self) -> str:
        """The connection's state as a word."""
        return self.row.state.value if self.row else ConnectionState.NONE.value

    @property
    def paused(self) -> bool:
        """Whether nothing at all is sent."""
        return self.state == ConnectionState.PAUSED.value or "*" in self.pauses


@dataclass(frozen=True)
class Site:
    """What the pages need."""

    pages: Pages
    database: Database
    connecting: Connecting
    pausing: Pausing
    rates: Rates
    meter: ReadMeter
    read_interval: float

    async def standing(self, tenant_id: str, ask: str = "") -> Standing:
        """How the tenant stands; what another company would end only where it is asked. Raises the same 404 as for
        somebody else's."""
        async with self.database.tenant(tenant_id) as connection:
            known = await tenants.get(connection, tenant_id)
            if known is None:
                raise unknown_tenant()
            return Standing(
                tenant=known,
                row=await store.get(connection, tenant_id),
                pauses=await store.pauses(connection, tenant_id),
                unfinished=await listing.count_unfinished(connection, tenant_id),
                doubts=await store.doubts(connection, tenant_id),
                waiting=await tenants.waiting_items(connection, tenant_id),
                refusals=await store.last_refusals(connection, tenant_id, limit=REFUSALS),
                last_change=await store.last_change(connection, tenant_id),
                ends=await self.connecting.rebinding.consequences(connection, tenant_id)
                if ask == "another"
                else None,
            )

    async def show(
        self, request: Request, tenant_id: str, ask: str = "", *, problem: str = "", status: int = 200
    ) -> Response:
        """The page, with a question before something that cannot be taken back by a click."""
        standing = await self.standing(tenant_id, ask)
        known, zone = standing.tenant, zone_of(standing.tenant)
        person = principal_of(request)
        may_ask = ask in QUESTIONS.get(standing.state, BOTH) and person is not None and person.may(Role.ADMIN)
        strip = strip_of(
            standing.row,
            connect=f"/connect/{known.id}",
            now=self.pages.now(),
            zone=zone,
            paused=standing.paused,
        )
        page = Page(
            title="QuickBooks Online",
            tenant=TenantView(known.id, known.name, known.edition),
            current="connections",
            waiting=standing.waiting,
            strip=strip,
            modal=may_ask,
            zone=zone,
        )
        return self.pages.render(
            request,
            "online.html",
            page=page,
            status=status,
            standing=standing,
            row=standing.row,
            guidance=guidance_of(standing),
            pace=await self.rates.pace(tenant_id),
            readings=await self.meter.use(tenant_id),
            read_interval=self.read_interval,
            ask=ask if may_ask else "",
            problem=problem,
            kinds=SENT_KINDS,
        )


def guidance_of(standing: Standing) -> Guidance | None:
    """What to do about the present state, from the catalogue."""
    row = standing.row
    if row is None or row.state is ConnectionState.NONE or row.code is None:
        return None
    return explain(row.code, Edition.ONLINE, text=row.message or "")


def zone_of(tenant: Tenant) -> tzinfo:
    """The company's time zone (setting ``time_zone``), UTC where none is set."""
    try:
        return ZoneInfo(str(tenant.settings.get("time_zone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def page_routes(site: Site) -> APIRouter:
    """The page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/online")
    async def show(
        request: Request, tenant: TenantId, _: Viewer, ask: Annotated[str, Query(max_length=20)] = ""
    ) -> Response:
        """How the connection stands."""
        return await site.show(request, tenant, ask)

    return router
