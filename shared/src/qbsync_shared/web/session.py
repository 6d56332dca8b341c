"""The visitor's session: the middleware that recognises callers and refuses forged requests, and the routes to come and go."""

import re
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Form
from starlette.datastructures import FormData, Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qbsync_shared.web import csrf, problems
from qbsync_shared.web.auth import COOKIE, Principal, Refusal, Tokens
from qbsync_shared.web.layout import THEME_COOKIE, THEMES, Link, Page, Pages, is_fragment

_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
MOST_FIELDS = 20_000
_YEAR = 365 * 24 * 3600


def is_local_path(path: str) -> bool:
    """Whether a path stays on this host: one leading slash, no backslash, no white space or control character."""
    return _LOCAL_PATH.fullmatch(path) is not None


async def read_form(request: Request) -> FormData:
    """The fields of a form, up to 20,000: Starlette's own limit of 1,000 is less than a long review has rows."""
    return await request.form(max_fields=MOST_FIELDS)


class Sessions:
    """ASGI middleware: puts ``principal``, ``refusal`` and ``csrf`` into ``request.state``.

    A bearer token counts before the cookie. A request that changes something and comes with the cookie must carry the token of our own
    pages; else it ends here with 403, whatever its route.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope, receive)
            token, from_cookie = _token_of(request)
            found = await self._tokens.read(token) if token else None
            if isinstance(found, Refusal):
                request.state.refusal = found
            elif found is not None and token is not None:
                request.state.principal = found
                if from_cookie:
                    receive = await self._admit(request, found, token)
        await self._app(scope, receive, send)

    async def _admit(self, request: Request, principal: Principal, token: str) -> Receive:
        expected = csrf.make_token(self._tokens.secret or token, principal.sub, principal.tenant)
        request.state.csrf = expected
        if request.method in csrf.SAFE_METHODS:
            return request.receive
        given = request.headers.get(csrf.HEADER)
        if given is None and _is_form(request.headers):
            body = await request.body()
            given = await _form_field(request.scope, request.headers, body)
            receive = _replay(body, request.receive)
        else:
            receive = request.receive
        if not csrf.matches(expected, given):
            raise problems.forged()
        return receive


def _token_of(request: Request) -> tuple[str | None, bool]:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip(), False
    return request.cookies.get(COOKIE), True


def _is_form(headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind in {"application/x-www-form-urlencoded", "multipart/form-data"}


async def _form_field(scope: Scope, headers: Headers, body: bytes) -> str | None:
    if headers["content-type"].lower().startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode("latin-1"), max_num_fields=None).get(csrf.FIELD, [None])[-1]
    async with Request(scope, _replay(body)).form(max_fields=MOST_FIELDS) as form:
        value = form.get(csrf.FIELD)
        return value if isinstance(value, str) else None


def _replay(body: bytes, then: Receive | None = None) -> Receive:
    given = False

    async def receive() -> Message:
        nonlocal given
        if given and then is not None:
            return await then()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def session_routes(pages: Pages, tokens: Tokens) -> APIRouter:
    """``GET /session`` (hand-over of a token), ``POST /session/end``, ``POST /session/theme``."""
    router = APIRouter(include_in_schema=False)
    secure = pages.settings.public_url.startswith("https:")

    @router.get("/session")
    async def begin(request: Request, token: str = "", next: str = "") -> Response:  # noqa: A002  # the name in the address
        if not token:
            return _signed_out(request, pages)
        found = await tokens.read(token)
        if isinstance(found, Refusal):
            raise problems.unauthenticated(expired=found.expired)
        target = next if is_local_path(next) else pages.navigation.home(found.tenant)
        response = RedirectResponse(target, 303, {"cache-control": "no-store"})
        # no Max-Age: an expired token is still sent, so that the page can say that the session has ended
        response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=secure, path="/")
        return response

    @router.post("/session/end")
    async def end() -> Response:
        response = RedirectResponse("/session", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=secure, path="/")
        return response

    @router.post("/session/theme")
    async def theme(request: Request, theme: Annotated[str, Form()]) -> Response:
        if theme not in THEMES:
            raise problems.unprocessable("These colours do not exist", "Choose auto, light or dark.")
        if "x-csrf-token" in request.headers or is_fragment(request):
            response = Response(status_code=204)
        else:
            response = RedirectResponse(_came_from(request), 303)
        response.set_cookie(THEME_COOKIE, theme, max_age=_YEAR, samesite="lax", secure=secure, path="/")
        return response

    return router


def _signed_out(request: Request, pages: Pages) -> Response:
    link = Link(pages.sign_in_url, "Sign in") if pages.sign_in_url else None
    return pages.render(request, "signed_out.html", page=Page(title="Signed out"), link=link)


def _came_from(request: Request) -> str:
    """The path of the page before, from the Referer, which the browser sends for our own pages only (Referrer-Policy)."""
    host = request.headers.get("host", "")
    _, found, path = request.headers.get("referer", "").partition(f"//{host}")
    return path if found and is_local_path(path) else "/"
