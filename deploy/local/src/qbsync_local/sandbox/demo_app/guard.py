"""The app has no login, so it takes requests only from this machine, and forms only from its own pages."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def _headers(form_targets: tuple[str, ...]) -> list[tuple[bytes, bytes]]:
    targets = " ".join(["'self'", *form_targets])
    policy = f"default-src 'none'; style-src 'self'; img-src 'self'; form-action {targets}; base-uri 'none'; frame-ancestors 'none'"
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    ]


class Guard:
    """ASGI middleware: the Host must be this machine, and a form must come from one of our pages.

    `form_targets` are the origins that a form may be redirected to: qbsync's services.
    """

    def __init__(self, app: ASGIApp, *, form_targets: tuple[str, ...] = ()) -> None:
        self._app = app
        self._headers = _headers(form_targets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope["method"], Headers(scope=scope))
        if refusal:
            await PlainTextResponse(refusal, 403)(scope, receive, send)
            return

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._headers]
            await send(message)

        await self._app(scope, receive, complete)


def _refusal(method: str, headers: Headers) -> str:
    """Why a request is refused; empty if it is not."""
    host = headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in LOCAL_HOSTS:
        return "The demo app is used on the machine that it runs on: open http://127.0.0.1 with its port."
    if method in {"GET", "HEAD"}:
        return ""
    origin = headers.get("origin")
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"} or (
        origin is not None and urlsplit(origin).netloc != host
    ):
        return "This form did not come from the demo app. Nothing was changed."
    return ""
