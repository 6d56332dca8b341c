"""The buttons of the Desktop page. Each changes something, then leads back to the page."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from qbsync_qbwc_gateway.binding import NotNowError
from qbsync_qbwc_gateway.reconciling import Choice, Finding, NotOfferedError
from qbsync_qbwc_gateway.service import SENT_KINDS, NotForDesktopError
from qbsync_qbwc_gateway.web.pages import Site, paused_of
from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Kind
from qbsync_shared.web import Principal, Role, read_form, require
from qbsync_shared.web.problems import ProblemError, not_found

Admin = Annotated[Principal, Depends(require(Role.ADMIN))]


def routes(site: Site) -> APIRouter:
    """What the forms of the page do."""
    router = APIRouter(include_in_schema=False)
    router.include_router(_binding_actions(site))

    @router.post("/t/{tenant}/desktop/password")
    async def new_password(request: Request, tenant: TenantId, admin: Admin) -> Response:
        """Make the connector user, or give it another password; shown this once."""
        found = await site.tenant(tenant)
        try:
            access = await site.connectors.create(tenant, by=admin.name)
        except NotForDesktopError as reason:
            return await site.show(request, found, problem=str(reason), status=409)
        return await site.show(request, found, access=access)

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


def _binding_actions(site: Site) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.post("/t/{tenant}/desktop/ids")
    async def new_ids(tenant: TenantId, admin: Admin) -> Response:
        """Make new ids; the same company file stays bound."""
        await site.tenant(tenant)
        if not await site.binding.renew_ids(tenant, by=admin.name):
            raise _no_connector()
        return _back(tenant)

    @router.post("/t/{tenant}/desktop/renamed")
    async def renamed(tenant: TenantId, admin: Admin) -> Response:
        """The company file has another name now."""
        await site.tenant(tenant)
        if not await site.binding.take_new_name(tenant, by=admin.name):
            raise _no_connector()
        return _back(tenant)

    @router.post("/t/{tenant}/desktop/rebind")
    async def rebind(request: Request, tenant: TenantId, admin: Admin) -> Response:
        """Bind to another company, with the number of links that the person saw."""
        found = await site.tenant(tenant)
        form = await read_form(request)
        links = str(form.get("links"))
        if not form.get("other-books") or not links.isdecimal():
            problem = "Tick that it is another company. Nothing was changed."
            return await site.show(request, found, ask="rebind", problem=problem, status=422)
        try:
            await site.binding.rebind(tenant, links=int(links), by=admin.name)
        except NotNowError as reason:
            return await site.show(request, found, problem=str(reason), status=409)
        return _back(tenant)

    return router


def _no_connector() -> ProblemError:
    return not_found("connector", "Create the connector user first.")


def _back(tenant: str) -> Response:
    return RedirectResponse(f"/t/{tenant}/desktop", 303)
