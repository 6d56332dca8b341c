"""The buttons of the Online page. Each changes something, then leads back to the page."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from qbsync_qbo_worker.http import to_intuit
from qbsync_qbo_worker.service.connecting import Refused
from qbsync_qbo_worker.web.pages import SENT_KINDS, Site
from qbsync_shared.ids import TenantId
from qbsync_shared.web import Principal, Role, read_form, require

Admin = Annotated[Principal, Depends(require(Role.ADMIN))]


def action_routes(site: Site) -> APIRouter:
    """What the forms of the page do."""
    router = APIRouter(include_in_schema=False)

    @router.post("/t/{tenant}/online/disconnect")
    async def disconnect(tenant: TenantId, admin: Admin) -> Response:
        """Revoke and forget the tokens."""
        await site.standing(tenant)
        await site.connecting.disconnect(tenant, by=admin.name)
        return RedirectResponse(f"/t/{tenant}/online", 303)

    @router.post("/t/{tenant}/online/sending")
    async def sending(request: Request, tenant: TenantId, admin: Admin) -> Response:
        """Pause and resume, all or by kind: what is switched on is sent."""
        standing = await site.standing(tenant)
        form = await read_form(request)
        wanted = {str(value) for value in form.getlist("on")}
        if ("*" in wanted) == standing.paused:
            await site.pausing.set_paused(tenant, paused="*" not in wanted, by=admin.name)
        for kind in SENT_KINDS:
            on = kind.value in wanted
            if on == (kind.value in standing.pauses):
                await site.pausing.set_paused(tenant, kind, paused=not on, by=admin.name)
        return RedirectResponse(f"/t/{tenant}/online", 303)

    @router.post("/t/{tenant}/online/another")
    async def another(request: Request, tenant: TenantId, admin: Admin) -> Response:
        """Disconnect and go to Intuit for another company, with the number of links that the person saw."""
        await site.standing(tenant)
        form = await read_form(request)
        links = str(form.get("links"))
        if not form.get("other-books") or not links.isdecimal():
            problem = "Tick that it is another company. Nothing was changed."
            return await site.show(request, tenant, ask="another", problem=problem, status=422)
        begun = await site.connecting.begin_elsewhere(
            tenant, links=int(links), by=admin.name, next_path=f"/t/{tenant}/online"
        )
        if isinstance(begun, Refused):
            return await site.show(request, tenant, problem=begun.advice, status=409)
        return to_intuit(begun, secure=site.pages.settings.public_url.startswith("https:"))

    return router
