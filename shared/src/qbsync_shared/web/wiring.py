"""Puts the web base into an app."""

from collections.abc import Mapping

from fastapi import FastAPI

from qbsync_shared.web import problems
from qbsync_shared.web.auth import Tokens, needed_roles
from qbsync_shared.web.error_pages import ErrorPages
from qbsync_shared.web.layout import Pages, WebSettings
from qbsync_shared.web.security import Security, origin, security_headers
from qbsync_shared.web.session import Sessions, session_routes
from qbsync_shared.web.sse import Streams
from qbsync_shared.web.static import PREFIX, StaticFiles


def install(
    app: FastAPI,
    *,
    settings: WebSettings,
    pages: Pages | None = None,
    tokens: Tokens | None = None,
    form_targets: tuple[str, ...] = (),
    body_limits: Mapping[str, int] | None = None,
) -> Pages:
    """Give the app sessions, protection, error answers, ``/session`` and ``/static``; call it before the app starts.

    Without ``pages`` the shared templates alone are used (error pages). ``form_targets`` are further origins that a form may be redirected to,
    such as the address where QuickBooks Online asks for consent. ``body_limits`` are bytes by path prefix.
    ``app.state.streams`` (:class:`~qbsync_shared.web.sse.Streams`) ends the event streams when the process is told to stop.
    """
    pages = pages or Pages(app.title, settings)
    tokens = tokens or Tokens(settings, pages.clock)
    errors = ErrorPages(pages)
    errors.handle(app)
    app.include_router(session_routes(pages, tokens))
    app.mount(PREFIX, StaticFiles(), name="static")
    app.state.streams = Streams()
    targets = {origin(url) for url in pages.navigation.hosts} | set(form_targets)
    # the last one added is the outermost
    app.add_middleware(Sessions, tokens=tokens)
    app.add_middleware(
        Security,
        headers=security_headers(settings.public_url, targets),
        answer=errors.answer,
        body_limits=body_limits,
    )

    def protected() -> set[tuple[str, str]]:
        return {route for route, role in needed_roles(app).items() if role is not None}

    problems.document_in_openapi(app, protected)
    return pages
