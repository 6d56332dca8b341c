"""Link to a record that QuickBooks holds already: what it holds, side by side, and the button."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from qbsync_log.domain.linking import may_link
from qbsync_log.domain.permissions import Refusal
from qbsync_log.domain.unsynced import guidance, problem
from qbsync_log.http import SyncIdPath, known_tenant
from qbsync_log.postgres import reading
from qbsync_log.service.looking import Look
from qbsync_log.web.showing import shown
from qbsync_log.web.site import Frame, Site
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.problems import ProblemError, not_found
from qbsync_shared.web.session import read_form

Approver = Annotated[Principal, Depends(require(Role.APPROVER))]


def routes(site: Site) -> APIRouter:
    """The dialog, what it asks again, and what its button does."""
    router = APIRouter(include_in_schema=False)

    @router.get("/t/{tenant}/unsynced/{sync_id}/link")
    async def ask(request: Request, tenant: str, sync_id: SyncIdPath, approver: Approver) -> Response:
        return await link_page(site, request, tenant, sync_id, approver)

    @router.post("/t/{tenant}/unsynced/{sync_id}/look-up")
    async def look_again(request: Request, tenant: str, sync_id: SyncIdPath, approver: Approver) -> Response:
        form = await read_form(request)
        if await site.looking.look(tenant, sync_id, by=approver.name, again=True) is None:
            raise not_found("sync")
        back = "clear-id" if form.get("back") == "clear-id" else "link"
        return RedirectResponse(f"/t/{tenant}/unsynced/{sync_id}/{back}", 303)

    @router.post("/t/{tenant}/unsynced/{sync_id}/link")
    async def link(request: Request, tenant: str, sync_id: SyncIdPath, approver: Approver) -> Response:
        form = await read_form(request)
        chosen = str(form.get("to", ""))[:200]
        if not chosen:
            errors = {"to": "Choose the record to link to, or go back."}
            return await link_page(site, request, tenant, sync_id, approver, errors=errors, given=form)
        return await carry_out(site, request, tenant, sync_id, approver, to=chosen, why=reason(form))

    return router


def reason(form: Any) -> str:
    """What was written under Reason."""
    return str(form.get("why", "")).strip()[:1_000]


async def carry_out(
    site: Site, request: Request, tenant: str, sync_id: str, who: Principal, *, to: str, why: str
) -> Response:
    """Ask for the link, wait a moment for the answer, and say it."""
    async with site.database.tenant(tenant) as connection:
        await known_tenant(connection, tenant)
        result = await site.commands.link(connection, tenant, sync_id, to, by=who.name, why=why)
    refusal = next(iter(result.refused.values()), None)
    if refusal is not None:
        raise refused(refusal)
    state, answer = "open", ""
    if result.command_id is not None:
        state, answer = await site.looking.outcome(tenant, result.command_id)
    if state == "refused":
        return await link_page(site, request, tenant, sync_id, who, errors={"to": answer})
    told = "1" if state == "answered" else "0"
    return RedirectResponse(f"/t/{tenant}/unsynced?{urlencode({'linked': told})}", 303)


async def link_page(
    site: Site,
    request: Request,
    tenant: str,
    sync_id: str,
    who: Principal,
    *,
    errors: dict[str, str] | None = None,
    given: Any = None,
) -> Response:
    """What QuickBooks holds under that name or number, beside the record of the app."""
    look = await site.looking.look(tenant, sync_id, by=who.name)
    async with site.database.tenant(tenant) as connection:
        frame = await site.frame(connection, tenant, title="Link", current="unsynced", modal=True)
        row = await reading.sync(connection, tenant, sync_id)
    if row is None or look is None:
        raise not_found("sync")
    refusal = may_link(look.record, latest=bool(row["latest"]))
    if refusal is not None:
        raise refused(refusal)
    why = problem(look.record)
    assert why is not None
    return site.pages.render(
        request,
        "link.html",
        page=frame.page,
        status=422 if errors else 200,
        row=shown(row, now=frame.now),
        why=guidance(look.record, why),
        said=why.message,
        look=look,
        code_href=site.code_href(why.code, edition=look.record.edition),
        app_href=site.app_href(tenant, look.record.kind, look.record.known_app_id),
        errors=errors or {},
        given=given or {},
        **about(look, frame, clearing=False),
    )


def about(look: Look, frame: Frame, *, clearing: bool) -> dict[str, Any]:
    """What the part that shows the records needs to say where it knows them from."""
    found = look.candidates
    return {
        "candidates": found,
        "linkable": [one for one in found if not one.refusal],
        "desktop": look.record.edition.value == "desktop",
        "dialog_at": f"/t/{frame.tenant.id}/unsynced/{look.record.sync_id}/{'clear-id' if clearing else 'link'}",
    }


def refused(refusal: Refusal) -> ProblemError:
    """The page that says why it cannot be linked."""
    return ProblemError(409, refusal.code, "It cannot be linked now", refusal.reason)
