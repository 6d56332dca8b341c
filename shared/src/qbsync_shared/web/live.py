"""What keeps an open page true without touching what the visitor does: the counts in its navigation and its connection strip."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from qbsync_shared.web.auth import Principal, Role, require
from qbsync_shared.web.layout import Page, Pages
from qbsync_shared.web.sse import Hints, Streams

PageOf = Callable[[Request, str], Awaitable[Page]]
"""Makes the frame of a tenant's pages: counts, strip, zone."""


def live_routes(path: str, *, pages: Pages, hints: Hints, page_of: PageOf) -> APIRouter:
    """``{path}/events`` and ``{path}/nav`` for pages with ``Page.live`` set to that path, such as ``/t/{tenant}/wizard``.

    A hint named ``counts`` makes the page fetch its navigation and strip again; without events it does so every minute.
    ``page_of`` raises ``problems.unknown_tenant()`` for a tenant that it does not know.
    """
    router = APIRouter(include_in_schema=False)

    @router.get(f"{path}/events")
    async def events(
        request: Request, tenant: str, _: Annotated[Principal, Depends(require(Role.VIEWER))]
    ) -> StreamingResponse:
        streams: Streams = request.app.state.streams
        return streams.respond(hints, tenant)

    @router.get(f"{path}/nav")
    async def nav(
        request: Request, tenant: str, _: Annotated[Principal, Depends(require(Role.VIEWER))]
    ) -> Response:
        return pages.fragment(request, "live.html", page=await page_of(request, tenant))

    return router
