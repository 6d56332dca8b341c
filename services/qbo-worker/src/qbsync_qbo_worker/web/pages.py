"""``/t/{tenant}/online``: how the connection to QuickBooks Online stands, and what an admin can do about it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse
from starlette.requests import Request
from starlette.responses import Response

from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.postgres.connections import ConnectionRow
from qbsync_qbo_worker.service.connecting import Connecting
from qbsync_shared.connector import listing, tenants
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Database
from qbsync_shared.web import Fact, Link, Page, Pages, Principal, Role, Strip, TenantView, problems, require

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]


def page_routes(*, database: Database, connecting: Connecting, pages: Pages) -> APIRouter:
    """The page and its two forms."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/online")
    async def show(request: Request, tenant: str, _: Viewer, ask: str = "") -> Response:
        async with database.tenant(tenant) as connection:
            known = await tenants.get(connection, tenant)
            if known is None:
                raise problems.unknown_tenant()
            row = await store.get(connection, tenant)
            open_work = await listing.count_unfinished(connection, tenant)
            waiting = await tenants.waiting_items(connection, tenant)
        asked = ask == "disconnect" and row is not None
        page = Page(
            title="QuickBooks Online",
            tenant=TenantView(known.id, known.name, known.edition),
            current="connections",
            waiting=waiting,
            strip=strip_of(row, f"/connect/{tenant}"),
            modal=asked,
        )
        return pages.render(request, "online.html", page=page, row=row, open_work=open_work, ask=asked)

    @router.post("/t/{tenant}/online/disconnect")
    async def disconnect(tenant: str, admin: Admin) -> Response:
        await connecting.disconnect(tenant, by=admin.name)
        return RedirectResponse(f"/t/{tenant}/online", 303)

    @router.post("/t/{tenant}/online/{action}")
    async def pause(tenant: str, action: str, admin: Admin) -> Response:
        if action not in ("pause", "resume"):
            raise problems.not_found()
        await connecting.set_paused(tenant, paused=action == "pause", by=admin.name)
        return RedirectResponse(f"/t/{tenant}/online", 303)

    return router


def strip_of(row: ConnectionRow | None, connect_path: str) -> Strip:
    """The connection strip: facts when it is well, one sentence and a link when it is not."""
    again = Link(connect_path, "Connect")
    if row is None or row.state is ConnectionState.NONE:
        advice = "Connect QuickBooks Online, so that what you approve can go."
        return Strip(tone="warn", state="Not connected", advice=advice, link=again)
    if row.state is ConnectionState.CONNECTED:
        company = row.company_name or "QuickBooks company"
        return Strip(tone="ok", state="Connected", facts=(Fact("Company", company),))
    if row.state is ConnectionState.PAUSED:
        return Strip(tone="warn", state="Paused", advice=row.message or "Sending is paused.")
    advice = row.message or "Connect again. Everything approved waits meanwhile."
    return Strip(tone="bad", state="Not connected", advice=advice, link=again)
