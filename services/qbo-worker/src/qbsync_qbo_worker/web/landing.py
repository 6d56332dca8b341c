"""Where Intuit sends people: from its list of apps (launch, reconnect), and after they disconnected there.

The three addresses are settings of the app at Intuit (docs/operator/online.md).
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from qbsync_qbo_worker.service.connecting import Connecting
from qbsync_shared.connector import tenants
from qbsync_shared.postgres import Database
from qbsync_shared.web import Page, Pages, Principal, Role, TenantView, require
from qbsync_shared.web.auth import EVERYBODY, principal_of

Viewer = Annotated[Principal, Depends(require(Role.VIEWER))]
Realm = Annotated[str, Query(alias="realmId", max_length=50)]


def landing_routes(database: Database, connecting: Connecting, pages: Pages) -> APIRouter:
    """The three addresses."""
    router = APIRouter(include_in_schema=False)

    async def tenant_of(person: Principal, realm: str) -> str | None:
        """The person's own tenant; for who may enter all, the one of the company that Intuit names."""
        if person.tenant != EVERYBODY:
            return person.tenant
        return await connecting.tenant_of(realm) if realm else None

    @router.get("/oauth/launch")
    async def launch(person: Viewer, realm: Realm = "") -> Response:
        """Opened from QuickBooks' list of apps."""
        tenant = await tenant_of(person, realm)
        home = pages.navigation.home(EVERYBODY)
        return RedirectResponse(f"/t/{tenant}/online" if tenant else home, 303)

    @router.get("/oauth/reconnect")
    async def reconnect(person: Viewer, realm: Realm = "") -> Response:
        """Intuit asks somebody to connect again."""
        tenant = await tenant_of(person, realm)
        if tenant is None or not person.may(Role.ADMIN):
            home = pages.navigation.home(EVERYBODY)
            return RedirectResponse(f"/t/{tenant}/online" if tenant else home, 303)
        return RedirectResponse(f"/connect/{tenant}", 303)

    @router.get("/oauth/disconnected")
    async def disconnected(request: Request, realm: Realm = "") -> Response:
        """Somebody disconnected inside QuickBooks. Intuit is asked whether that is so; the page names nobody."""
        if realm:
            await connecting.left_at_intuit(realm)
        person = principal_of(request)
        view = None
        if person is not None and person.tenant != EVERYBODY:
            async with database.tenant(person.tenant) as connection:
                known = await tenants.get(connection, person.tenant)
            view = TenantView(known.id, known.name, known.edition) if known else None
        page = Page(title="Disconnected from QuickBooks", tenant=view, current="connections")
        return pages.render(request, "disconnected.html", page=page)

    return router
