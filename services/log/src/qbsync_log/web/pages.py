"""All pages of the log."""

from collections.abc import Sequence

from fastapi import APIRouter, Request

from qbsync_log.web import actions, codes, linking, ops, report, timeline, unsynced
from qbsync_log.web.site import Site
from qbsync_shared.web import Page
from qbsync_shared.web.live import live_routes


def routers(site: Site) -> Sequence[APIRouter]:
    """Pages, buttons and live hints."""

    async def page_of(_request: Request, tenant: str) -> Page:
        async with site.database.tenant(tenant) as connection:
            frame = await site.frame(connection, tenant, title="Sync Report", current="report")
        return frame.page

    return [
        unsynced.routes(site),
        report.routes(site),
        timeline.routes(site),
        codes.routes(site),
        actions.routes(site),
        linking.routes(site),
        ops.routes(site),
        live_routes("/t/{tenant}/log", pages=site.pages, hints=site.hints, page_of=page_of),
    ]
