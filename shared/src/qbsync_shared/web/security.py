"""What every answer gets and every request must respect: a strict content policy, an id, a limit on the body, no leaked errors."""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import HTTPException
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qbsync_shared.web import problems

BODY_LIMIT = 4 * 1024 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_log = structlog.get_logger(__name__)

Answer = Callable[[Request, problems.ProblemError], Response]
"""Turns a problem into what this caller can read."""


def content_security_policy(form_targets: Iterable[str] = ()) -> str:
    """Only our own files, nothing inline, in nobody's frame. ``form_targets`` are origins that a form may lead to, also by redirect."""
    targets = " ".join(["'self'", *sorted(set(form_targets))])
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    )


def origin(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def security_headers(public_url: str, form_targets: Iterable[str] = ()) -> dict[str, str]:
    """The headers of every answer."""
    headers = {
        "content-security-policy": content_security_policy(form_targets),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    if public_url.startswith("https:"):
        headers["strict-transport-security"] = "max-age=31536000"
    return headers


class Security:
    """ASGI middleware, the outermost of ours.

    It gives the request an id (or keeps a well-formed ``X-Request-ID``), bounds the body (413), adds the headers, and answers an unexpected
    exception with a plain 500 after logging it. ``body_limits`` are bytes by path prefix; the longest prefix counts, else ``BODY_LIMIT``.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        headers: Mapping[str, str],
        answer: Answer,
        body_limits: Mapping[str, int] | None = None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._answer = answer
        self._limits = sorted((body_limits or {}).items(), key=lambda entry: -len(entry[0]))
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else self._new_id()
        request.state.request_id = request_id
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._complete(message, request_id)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                problem = await self._run(request, scope, receive, send_with_headers)
            except Exception as error:
                if started:
                    raise
                _log.exception(
                    "request_failed", method=scope["method"], path=scope["path"], error=type(error).__name__
                )
                problem = problems.internal(request_id)
            if problem is not None:
                await self._answer(request, problem)(scope, receive, send_with_headers)

    async def _run(
        self, request: Request, scope: Scope, receive: Receive, send: Send
    ) -> problems.ProblemError | None:
        limit = self._limit(scope["path"])
        declared = request.headers.get("content-length", "0")
        if not declared.isdecimal():
            return problems.ProblemError(400, "", "Bad Request", "Content-Length is not a number.")
        try:
            if int(declared) > limit:
                raise _too_large(limit)
            await self._app(scope, _bounded(receive, limit), send)
        except StarletteHTTPException as error:
            return problems.from_http(error)
        except problems.ProblemError as error:
            return error
        return None

    def _limit(self, path: str) -> int:
        return next((limit for prefix, limit in self._limits if path.startswith(prefix)), BODY_LIMIT)

    def _complete(self, message: Message, request_id: str) -> None:
        headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
        present = {name for name, _ in headers}
        headers += [entry for entry in self._headers if entry[0] not in present]
        headers.append((b"x-request-id", request_id.encode()))
        message["headers"] = headers


def _too_large(limit: int) -> HTTPException:
    # FastAPI's own class: its body parser lets only that one pass
    return HTTPException(413, f"The body may have at most {limit:,} bytes.")


def _bounded(receive: Receive, limit: int) -> Callable[[], Awaitable[Any]]:
    size = 0

    async def bounded() -> Message:
        nonlocal size
        message = await receive()
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            if size > limit:
                raise _too_large(limit)
        return message

    return bounded
