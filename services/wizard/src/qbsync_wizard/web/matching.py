"""Match existing records: what both sides hold already, with how sure it is; linked only when somebody says so."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from qbsync_shared.ids import TenantId
from qbsync_shared.web.session import read_form
from qbsync_wizard.api import Admin, Approver, Viewer
from qbsync_wizard.postgres import matches
from qbsync_wizard.service import matching
from qbsync_wizard.web.site import Site

PER_PAGE = 100
EVERY = 100_000
STEPS = (99, 95, 90, 85, 80, 75, 70, 60, 50)
"""The confidences that an admin can pick."""


def add(routes: APIRouter, site: Site) -> None:
    """Add the page and what its buttons do."""
    _add_page(routes, site)
    _add_buttons(routes, site)


def _add_page(routes: APIRouter, site: Site) -> None:
    @routes.get("/t/{tenant}/wizard/matches")
    async def show(
        request: Request,
        tenant: TenantId,
        _: Viewer,
        after: Annotated[str, Query(max_length=100, pattern=r"^(\d{1,3}:[^\x00]*)?$")] = "",
        done: Annotated[int | None, Query(ge=0)] = None,
        left: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        """Records that are probably the same, the surest first."""
        confidence, _sep, item_id = after.partition(":")
        place = (int(confidence), item_id) if after else None
        async with site.reading(tenant) as (connection, found):
            frame = await site.frame(connection, found)
            counts = await matches.count(connection, tenant)
            rows = await matches.listed(
                connection, tenant, least=matching.LEAST, limit=PER_PAGE + 1, after=place
            )
        more, rows = len(rows) > PER_PAGE, rows[:PER_PAGE]
        steps = [(step, counts.from_(step)) for step in STEPS]
        told = {count: step for step, count in reversed(steps) if count}  # the highest step of each count
        return site.pages.render(
            request,
            "matches.html",
            page=frame.page,
            frame=frame,
            rows=rows,
            total=counts.from_(matching.LEAST),
            unclear=counts.unclear,
            options=[
                (str(step), f"{step} % or more: {count:,}")
                for step, count in sorted(((step, count) for count, step in told.items()), reverse=True)
            ],
            following=f"{frame.base}/matches?{urlencode({'after': f'{rows[-1].confidence}:{rows[-1].item_id}'})}"
            if more
            else None,
            first=f"{frame.base}/matches" if after else None,
            as_of=found.change_no,
            done=done,
            left=left,
        )


def _add_buttons(routes: APIRouter, site: Site) -> None:
    @routes.post("/t/{tenant}/wizard/matches")
    async def link(request: Request, tenant: TenantId, principal: Approver) -> Response:
        """Link one row as it was seen."""
        form = await read_form(request)
        wanted, as_of = str(form.get("row", "")), _number(form.get("as_of"))
        async with site.writing(tenant) as lane:
            found = await matches.listed(
                lane.connection, tenant, least=matching.LEAST, as_of=as_of, limit=EVERY
            )
            chosen = [one for one in found if f"{one.item_id}:{one.revision}" == wanted]
            result = await matching.link(lane, chosen, by=principal.name)
        return _done(tenant, result.approved)

    @routes.post("/t/{tenant}/wizard/matches/all")
    async def link_all(request: Request, tenant: TenantId, principal: Admin) -> Response:
        """Link all from a confidence on, as they were seen."""
        form = await read_form(request)
        least, as_of = max(_number(form.get("least")), matching.LEAST), _number(form.get("as_of"))
        async with site.writing(tenant) as lane:
            result = await matching.link_from(lane, least, as_of=as_of, by=principal.name)
            counts = await matches.count(lane.connection, tenant)
        return _done(tenant, result.approved, counts.from_(least))


def _done(tenant: str, linked: int, left: int = 0) -> Response:
    query = urlencode({"done": linked, "left": left})
    return RedirectResponse(f"/t/{tenant}/wizard/matches?{query}", 303)


def _number(value: Any) -> int:
    text = str(value or "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0
