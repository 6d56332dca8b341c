"""The pages of the wizard: waiting, cleared, kept, always skipped, and the parts that htmx fetches."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from qbsync_shared.ids import TenantId
from qbsync_shared.kinds import Kind
from qbsync_shared.web import Page
from qbsync_shared.web.live import live_routes
from qbsync_shared.web.paging import Cursor, Keyset
from qbsync_shared.web.problems import not_found
from qbsync_wizard.api import Viewer
from qbsync_wizard.domain.records import Standing
from qbsync_wizard.postgres import approvals, items
from qbsync_wizard.postgres.items import Filter
from qbsync_wizard.postgres.repository import QUERIES
from qbsync_wizard.web import actions, mappings, matching, rules
from qbsync_wizard.web.review import RECENTLY, Wanted, details_of, make_view
from qbsync_wizard.web.rows import address
from qbsync_wizard.web.site import Site

PER_PAGE = 50
_DECIDED = Keyset(datetime, str)
_SKIPPED = Keyset(datetime, str, str)

LISTS = {
    "cleared": (
        Standing.CLEARED,
        "Cleared",
        "Cleared rows come back when they change again, or when you restore them.",
    ),
    "kept": (Standing.KEPT, "Kept", "Kept rows come back by themselves."),
}


def router(site: Site) -> APIRouter:
    """All pages below ``/t/{tenant}/wizard``."""
    routes = APIRouter(include_in_schema=False)
    _add_review(routes, site)
    _add_lists(routes, site)
    _add_parts(routes, site)
    _add_live(routes, site)
    actions.add(routes, site)
    mappings.add(routes, site)
    rules.add(routes, site)
    matching.add(routes, site)
    return routes


class Address(BaseModel):
    """The parameters of the review page's address."""

    q: Annotated[str, Field(max_length=200)] = ""
    kind: Kind | None = None
    imports_after: Annotated[str, Field(max_length=1000)] = ""
    exports_after: Annotated[str, Field(max_length=1000)] = ""
    changed: Annotated[str, Field(max_length=8000)] = ""
    open: Annotated[str, Field(max_length=64)] = ""
    done: Annotated[str, Field(max_length=64)] = ""

    @property
    def wanted(self) -> Wanted:
        """The view that it names."""
        return Wanted(
            filter=Filter(kind=self.kind, q=self.q),
            imports_after=self.imports_after,
            exports_after=self.exports_after,
            opened=self.open,
            changed=frozenset(one for one in self.changed.split(",") if one),
        )


def _add_review(routes: APIRouter, site: Site) -> None:
    @routes.get("/t/{tenant}/wizard")
    async def show(
        request: Request,
        tenant: TenantId,
        _: Viewer,
        asked: Annotated[Address, Query()],
    ) -> Response:
        """What waits."""
        async with site.reading(tenant) as (connection, found):
            view = await make_view(site, connection, found, asked.wanted)
        return site.pages.render(request, "wizard.html", page=view.frame.page, view=view, done=asked.done)


def _add_lists(routes: APIRouter, site: Site) -> None:
    async def decided(request: Request, tenant: str, name: str, cursor: str | None) -> Response:
        standing, title, words = LISTS[name]
        values = _DECIDED.after(cursor)
        async with site.reading(tenant) as (connection, found):
            frame = await site.frame(connection, found)
            rows = await items.decided(
                connection,
                tenant,
                standing,
                after=(values[0], values[1]) if values else None,
                limit=PER_PAGE + 1,
            )
        page = _DECIDED.page(
            rows,
            PER_PAGE,
            frame.counts[standing],
            lambda row: (row.decided_at or row.updated_at, row.item_id),
        )
        return site.pages.render(
            request,
            "decided.html",
            page=frame.page,
            frame=frame,
            title=title,
            words=words,
            name=name,
            listing=page,
            following=address(f"{frame.base}/{name}", cursor=page.next_cursor) if page.next_cursor else None,
            first=f"{frame.base}/{name}" if cursor else None,
        )

    @routes.get("/t/{tenant}/wizard/cleared")
    async def cleared(request: Request, tenant: TenantId, _: Viewer, cursor: Cursor = None) -> Response:
        """What was cleared, with Restore."""
        return await decided(request, tenant, "cleared", cursor)

    @routes.get("/t/{tenant}/wizard/kept")
    async def kept(request: Request, tenant: TenantId, _: Viewer, cursor: Cursor = None) -> Response:
        """What was kept back, with Show now."""
        return await decided(request, tenant, "kept", cursor)

    @routes.get("/t/{tenant}/wizard/skipped")
    async def skipped(request: Request, tenant: TenantId, _: Viewer, cursor: Cursor = None) -> Response:
        """What is never asked about."""
        values = _SKIPPED.after(cursor) or (None, None, None)
        async with site.reading(tenant) as (connection, found):
            frame = await site.frame(connection, found)
            rows = await connection.fetch(QUERIES["list_skips"], tenant, *values, PER_PAGE + 1)
        page = _SKIPPED.page(rows, PER_PAGE, frame.skipped, lambda row: (row["at"], row["kind"], row["ref"]))
        return site.pages.render(
            request,
            "skipped.html",
            page=frame.page,
            frame=frame,
            listing=page,
            following=address(f"{frame.base}/skipped", cursor=page.next_cursor) if page.next_cursor else None,
            first=f"{frame.base}/skipped" if cursor else None,
        )


def _add_parts(routes: APIRouter, site: Site) -> None:
    @routes.get("/t/{tenant}/wizard/items/{item_id}")
    async def details(request: Request, tenant: TenantId, item_id: str, _: Viewer) -> Response:
        """What a row opens to."""
        async with site.reading(tenant) as (connection, found):
            row = (await items.get_many(connection, tenant, [item_id])).get(item_id)
            if row is None:
                raise not_found("change", "Reload the page: it was dealt with meanwhile.")
            frame = await site.frame(connection, found)
            shown = await details_of(site, connection, found, row)
        return site.pages.fragment(
            request, "detail.html", page=frame.page, stored=row, item=row.item, details=shown, frame=frame
        )

    @routes.get("/t/{tenant}/wizard/news")
    async def news(
        request: Request, tenant: TenantId, _: Viewer, as_of: Annotated[int, Query(ge=0, lt=1 << 62)]
    ) -> Response:
        """How many rows came or changed since the page was opened; the table itself is never swapped."""
        async with site.reading(tenant) as (connection, found):
            count = await items.count_new(connection, tenant, as_of)
            frame = await site.frame(connection, found)
        return site.pages.fragment(
            request, "news.html", page=frame.page, base=frame.base, count=count, as_of=as_of
        )

    @routes.get("/t/{tenant}/wizard/progress")
    async def progress(request: Request, tenant: TenantId, viewer: Viewer) -> Response:
        """How far the last approvals are."""
        async with site.reading(tenant) as (connection, found):
            frame = await site.frame(connection, found)
            since = site.pages.now() - RECENTLY
            latest = await approvals.recent(connection, tenant, since=since, limit=2)
        return site.pages.fragment(
            request,
            "progress_parts.html",
            page=frame.page,
            base=frame.base,
            latest=latest,
            may_undo=viewer.may(frame.approver),
        )


def _add_live(routes: APIRouter, site: Site) -> None:
    async def page_of(_: Request, tenant: str) -> Page:
        async with site.reading(tenant) as (connection, found):
            return (await site.frame(connection, found)).page

    routes.include_router(
        live_routes("/t/{tenant}/wizard", pages=site.pages, hints=site.hints, page_of=page_of)
    )
