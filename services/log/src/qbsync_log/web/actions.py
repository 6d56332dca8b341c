"""What the buttons of the pages do. Each answers with a redirect, so that a reload sends nothing twice."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from qbsync_log.http import SyncIdPath, known_tenant, matching_ids
from qbsync_log.schemas import Matching
from qbsync_log.service.commands import Asked
from qbsync_log.web.linking import carry_out, reason
from qbsync_log.web.site import Site
from qbsync_log.web.unsynced import clear_id_page
from qbsync_shared.postgres import Connection
from qbsync_shared.web import Principal, Role, require
from qbsync_shared.web.session import read_form

Approver = Annotated[Principal, Depends(require(Role.APPROVER))]
Admin = Annotated[Principal, Depends(require(Role.ADMIN))]
LINK = "link:"


def routes(site: Site) -> APIRouter:
    """Resync, Clear ID and Cancel."""
    router = APIRouter(include_in_schema=False)

    @router.post("/t/{tenant}/unsynced/resync")
    async def resync(request: Request, tenant: str, approver: Approver) -> Response:
        form = await read_form(request)
        async with site.database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            ids, remaining = await _chosen(connection, tenant, form)
            result = await site.commands.resync(connection, tenant, ids, by=approver.name)
        return _back(f"/t/{tenant}/unsynced", result, did="resync", remaining=remaining)

    @router.post("/t/{tenant}/unsynced/{sync_id}/clear-id")
    async def clear_id(request: Request, tenant: str, sync_id: SyncIdPath, admin: Admin) -> Response:
        form = await read_form(request)
        why, errors = reason(form), _missing(form)
        if errors:
            return await clear_id_page(site, request, tenant, sync_id, admin, errors=errors, given=form)
        action = str(form["action"])
        if action.startswith(LINK):
            to = action.removeprefix(LINK)[:200]
            return await carry_out(site, request, tenant, sync_id, admin, to=to, why=why)
        async with site.database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            again = action == "resync"
            result = await site.commands.clear_id(
                connection, tenant, [sync_id], by=admin.name, why=why, resync=again, sure=True
            )
        return _back(f"/t/{tenant}/unsynced", result, did="clear-id")

    @router.post("/t/{tenant}/log/cancel")
    async def cancel(request: Request, tenant: str, approver: Approver) -> Response:
        form = await read_form(request)
        async with site.database.tenant(tenant) as connection:
            await known_tenant(connection, tenant)
            ids = [str(value)[:64] for value in form.getlist("cancel")]
            result = await site.commands.cancel(connection, tenant, ids, by=approver.name)
        return _back(f"/t/{tenant}/log", result, did="cancel")

    return router


def _missing(form: FormData) -> dict[str, str]:
    """What the form of Clear ID lacks, by field."""
    errors = {}
    action = str(form.get("action", ""))
    links = action.startswith(LINK)
    if not links and action not in {"resync", "clear"}:
        errors["action"] = "Choose what should happen."
    if not reason(form):
        errors["why"] = "Say why: it stands in the history of this record."
    if not links and form.get("sure") != "1":
        errors["sure"] = "Tick that you looked in QuickBooks, or go back."
    return errors


async def _chosen(connection: Connection, tenant: str, form: FormData) -> tuple[list[str], int]:
    """One row, one cause, everything that needs somebody, or the checked rows."""
    if form.get("resync"):
        return [str(form["resync"])[:64]], 0
    if form.get("resync_cause"):
        return await matching_ids(connection, tenant, Matching(cause=str(form["resync_cause"])[:500]))
    if form.get("resync_all"):
        return await matching_ids(connection, tenant, Matching())
    return [str(value)[:64] for value in form.getlist("sync")], 0


def _back(path: str, result: Asked, *, did: str, remaining: int = 0) -> Response:
    query = {"did": did, "asked": str(len(result.asked))}
    if result.already:
        query["already"] = str(len(result.already))
    if result.refused:
        query["refused"] = str(len(result.refused))
        query["reason"] = next(iter(result.refused.values())).code
    if remaining:
        query["remaining"] = str(remaining)
    return RedirectResponse(f"{path}?{urlencode(query)}", 303)
