"""The Rules page: what goes without review, who approves, from when on, and the hold before sending."""

from datetime import date

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Direction
from qbsync_shared.web.session import read_form
from qbsync_wizard.api import Admin
from qbsync_wizard.domain.matching import Rules, choosable
from qbsync_wizard.service import configuring
from qbsync_wizard.web.site import Site

HOLDS = (0, 5, 10, 20, 60)
"""Seconds that an approval can be held; the bar of the page's Undo knows these."""


def add(routes: APIRouter, site: Site) -> None:
    """Add it."""

    @routes.get("/t/{tenant}/wizard/rules")
    async def rules(request: Request, tenant: TenantId, _: Admin, saved: str = "") -> Response:
        """What goes without review, who approves, from when on, and the hold."""
        return await _rules_page(site, request, tenant, saved=bool(saved))

    @routes.post("/t/{tenant}/wizard/rules")
    async def save(request: Request, tenant: TenantId, principal: Admin) -> Response:
        """Keep the rules."""
        form = await read_form(request)
        wanted, faults = _read_rules(form)
        if not faults:
            async with site.writing(tenant) as lane:
                await configuring.set_rules(lane, wanted, by=principal.name)
            site.jobs.wake()
            return RedirectResponse(f"/t/{tenant}/wizard/rules?saved=1", 303)
        return await _rules_page(site, request, tenant, wanted=wanted, faults=faults, form=form)


async def _rules_page(
    site: Site,
    request: Request,
    tenant_id: str,
    *,
    wanted: Rules | None = None,
    faults: dict[str, str] | None = None,
    form: FormData | None = None,
    saved: bool = False,
) -> Response:
    async with site.reading(tenant_id) as (connection, tenant):
        frame = await site.frame(connection, tenant, title="Rules")
    held = Rules.of(tenant) if wanted is None else wanted
    kinds = list(dict.fromkeys(kind for kind, _ in choosable()))
    return site.pages.render(
        request,
        "rules.html",
        status=422 if faults else 200,
        page=frame.page,
        frame=frame,
        rules=held,
        since=str(form.get("import_since", ""))
        if form
        else (held.import_since.isoformat() if held.import_since else ""),
        holds=[
            (str(one), f"{one} seconds" if one else "No hold") for one in sorted({*HOLDS, held.hold_seconds})
        ],
        kinds=[
            {
                "kind": kind,
                "ways": [
                    {
                        "value": f"{kind.value}:{way.value}",
                        "direction": way,
                        "on": (kind, way) in held.auto_approve,
                    }
                    for way in Direction
                    if (kind, way) in choosable()
                ],
            }
            for kind in kinds
        ],
        faults=faults or {},
        saved=saved,
    )


def _read_rules(form: FormData) -> tuple[Rules, dict[str, str]]:
    wanted = {f"{kind.value}:{way.value}": (kind, way) for kind, way in choosable()}
    faults: dict[str, str] = {}
    since: date | None = None
    text = str(form.get("import_since", "")).strip()
    if text:
        try:
            since = date.fromisoformat(text)
        except ValueError:
            faults["import_since"] = "This is not a date. Write it as 2026-01-31, or leave it empty."
    hold = str(form.get("hold_seconds", "0"))
    seconds = int(hold) if hold.isascii() and hold.isdigit() and len(hold) < 5 else 0
    rules = Rules(
        auto_approve=frozenset(wanted[str(one)] for one in form.getlist("auto") if str(one) in wanted),
        approve_role="admin" if form.get("approve_role") == "admin" else "approver",
        import_since=since,
        hold_seconds=min(seconds, 3600),
    )
    return rules, faults
