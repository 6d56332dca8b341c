"""The JSON API: connecting, the connection's health, the queue and the links (contract, section 7)."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from qbsync_qbo_worker.postgres import connections as store
from qbsync_qbo_worker.service.connecting import Begun, Connecting, Refused
from qbsync_shared.connector import listing, tenants
from qbsync_shared.ids import TenantId
from qbsync_shared.messages import ConnectionState
from qbsync_shared.postgres import Database
from qbsync_shared.web import Page, Pages, Principal, Role, TenantView, problems, require
from qbsync_shared.web.paging import Cursor, Keyset, Limit, Listing

COOKIE = "qbsync_connect"
Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]


class Connection(BaseModel):
    """How a tenant's connection stands."""

    state: ConnectionState
    company: str | None = None
    realm_id: str | None = None
    connected_at: str | None = None
    connected_by: str | None = None
    access_expires_at: str | None = None
    refresh_expires_at: str | None = None
    hard_expires_at: str | None = None
    refreshed_at: str | None = None
    code: str | None = None
    message: str | None = None


def api_routes(
    *, database: Database, connecting: Connecting, on_connected: Callable[[], None], pages: Pages
) -> APIRouter:
    """The routes."""
    router = APIRouter()
    router.include_router(_oauth_routes(database, connecting, on_connected, pages))
    work_keys, link_keys = Keyset(int), Keyset(str, str)

    @router.get("/api/v1/tenants/{tenant}/connection")
    async def connection_of(tenant: TenantId, _: Viewer) -> Connection:
        async with database.tenant(tenant) as connection:
            await _known(connection, tenant)
            row = await store.get(connection, tenant)
        return describe(row)

    @router.delete("/api/v1/tenants/{tenant}/connection", status_code=204)
    async def disconnect(tenant: TenantId, admin: Admin) -> Response:
        if not await connecting.disconnect(tenant, by=admin.name):
            raise problems.not_found("connection")
        return Response(status_code=204)

    @router.get("/api/v1/tenants/{tenant}/work")
    async def work(
        tenant: TenantId, _: Viewer, cursor: Cursor = None, limit: Limit = 200
    ) -> Listing[dict[str, Any]]:
        after = work_keys.after(cursor) or (0,)
        async with database.tenant(tenant) as connection:
            await _known(connection, tenant)
            items, last, total = await listing.work(connection, tenant, after=after[0], limit=limit)
        return Listing(items=items, next_cursor=work_keys.encode([last]) if last else None, total=total)

    @router.get("/api/v1/tenants/{tenant}/links")
    async def links(
        tenant: TenantId, _: Viewer, cursor: Cursor = None, limit: Limit = 200
    ) -> Listing[dict[str, Any]]:
        kind, app_id = link_keys.after(cursor) or ("", "")
        async with database.tenant(tenant) as connection:
            await _known(connection, tenant)
            items, last, total = await listing.links(connection, tenant, after=(kind, app_id), limit=limit)
        return Listing(items=items, next_cursor=link_keys.encode(last) if last else None, total=total)

    return router


def _oauth_routes(
    database: Database, connecting: Connecting, on_connected: Callable[[], None], pages: Pages
) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    async def refuse(request: Request, refused: Refused) -> Response:
        view = None
        if refused.tenant:
            async with database.tenant(refused.tenant) as connection:
                known = await tenants.get(connection, refused.tenant)
            view = TenantView(known.id, known.name, known.edition) if known else None
        page = Page(title=refused.title, tenant=view, current="connections")
        return pages.render(request, "refused.html", page=page, status=409, refused=refused)

    @router.get("/connect/{tenant}")
    async def connect(request: Request, tenant: TenantId, admin: Admin) -> Response:
        begun = await connecting.begin(tenant, by=admin.name, next_path=f"/t/{tenant}/online")
        if isinstance(begun, Refused):
            return await refuse(request, begun)
        return to_intuit(begun, secure=pages.settings.public_url.startswith("https:"))

    @router.get("/oauth/callback")
    async def callback(
        request: Request,
        state: str = "",
        code: str = "",
        realmId: str = "",  # noqa: N803 - Intuit's name
    ) -> Response:
        done = await connecting.complete(
            state=state, cookie=request.cookies.get(COOKIE, ""), code=code, realm=realmId
        )
        if isinstance(done, Refused):
            return await refuse(request, done)
        on_connected()
        answer = RedirectResponse(done[1], 303)
        answer.delete_cookie(COOKIE, path="/oauth")
        return answer

    return router


def to_intuit(begun: Begun, *, secure: bool) -> Response:
    """To Intuit's page, with the cookie that must come back."""
    answer = RedirectResponse(begun.url, 303)
    answer.set_cookie(
        COOKIE, begun.cookie, max_age=900, path="/oauth", httponly=True, samesite="lax", secure=secure
    )
    return answer


def describe(row: store.ConnectionRow | None) -> Connection:
    """A connection as the API tells it; no token leaves the service."""
    if row is None:
        return Connection(state=ConnectionState.NONE)
    return Connection(
        state=row.state,
        company=row.company_name,
        realm_id=row.realm_id,
        connected_at=_iso(row.connected_at),
        connected_by=row.connected_by,
        access_expires_at=_iso(row.access_expires_at),
        refresh_expires_at=_iso(row.refresh_expires_at),
        hard_expires_at=_iso(row.hard_expires_at),
        refreshed_at=_iso(row.refreshed_at),
        code=row.code,
        message=row.message,
    )


async def _known(connection: Any, tenant: str) -> tenants.Tenant:
    found = await tenants.get(connection, tenant)
    if found is None:
        raise problems.unknown_tenant()
    return found


def _iso(value: Any) -> str | None:
    return value.isoformat() if value is not None else None
