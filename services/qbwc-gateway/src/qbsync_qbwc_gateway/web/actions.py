"""The buttons of the Desktop page. Each changes something, then leads back to the page."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from qbsync_qbwc_gateway.reconciling import Choice, Finding, NotOfferedError
from qbsync_qbwc_gateway.service import SENT_KINDS, NotForDesktopError
from qbsync_qbwc_gateway.web.pages import Site, paused_of
from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Kind
from qbsync_shared.web import Principal, Role, read_form, require
from qbsync_shared.web.problems import not_found

Admin = Annotated[Principal, Depends(require(Role.ADMIN))]


def routes(site: Site) -> APIRouter:
    """What the forms of the page do."""
    router = APIRouter(include_in_schema=False)

    @router.post("/t/{tenant}/desktop/password")
    async def new_password(request: Request, tenant: TenantId, admin: Admin) -> Response:
        """Make the connector user, or give it another password; shown this once."""
        found = await site.tenant(tenant)
        try:
            access = await site.connectors.create(tenant, by=admin.name)
        except NotForDesktopError as reason:
            return await site.show(request, found, problem=str(reason), status=409)
        return await site.show(request, found, access=access)

    @router.post("/t/{tenant}/desktop/bind")
    async def bind(tenant: TenantId, admin: Admin) -> Response:
        """Take the file that is open at the next run."""
        await site.tenant(tenant)
        if not await site.connectors.unbind(tenant, by=admin.name):
            raise not_found("connector", "Create the connector user first.")
        return _back(tenant)

    @router.post("/t/{tenant}/desktop/reconcile")
    async def reconcile(request: Request, tenant: TenantId, admin: Admin) -> Response:
        """Decide about a group of records that a restored backup lacks or holds in an older form."""
        found = await site.tenant(tenant)
        form = await read_form(request)
        try:
            await site.reconciling.decide(
                tenant,
                finding=Finding(str(form.get("finding"))),
                kind=Kind(str(form.get("kind"))),
                choice=Choice(str(form.get("choice"))),
                by=admin.name,
            )
        except (ValueError, NotOfferedError):
            return await site.show(request, found, problem="Choose what becomes of the records.", status=422)
        return _back(tenant)

    @router.post("/t/{tenant}/desktop/sending")
    async def sending(request: Request, tenant: TenantId, admin: Admin) -> Response:
        """Pause and resume, all or by kind: what is switched on is sent."""
        await site.tenant(tenant)
        form = await read_form(request)
        wanted = {str(value) for value in form.getlist("on")}
        paused = paused_of(await site.connectors.health(tenant))
        for kind in ("*", *(kind.value for kind in SENT_KINDS)):
            on = kind in wanted
            if on == (kind in paused):
                await site.connectors.set_paused(tenant, kind=kind, paused=not on, by=admin.name)
        return _back(tenant)

    return router


def _back(tenant: str) -> Response:
    return RedirectResponse(f"/t/{tenant}/desktop", 303)
