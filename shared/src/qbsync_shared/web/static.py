"""Styles, icons and scripts, served under an address that names their content, so that browsers may keep them."""

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PREFIX = "/static"
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"


@dataclass(frozen=True)
class Asset:
    """One file: its bytes, the same packed with gzip, its media type and the start of its SHA-256."""

    body: bytes
    packed: bytes
    media_type: str
    digest: str


def _walk(folder: Traversable, path: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = f"{path}{entry.name}"
        if entry.is_dir():
            yield from _walk(entry, f"{name}/")
        else:
            yield name, entry.read_bytes()


def _media_type(name: str) -> str:
    kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0] or "text/plain"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@cache
def assets() -> dict[str, Asset]:
    """All files by their path under ``static/``; read once, some 100 KB."""
    found = {}
    for name, body in _walk(files(__package__) / "static"):
        digest = hashlib.sha256(body).hexdigest()[:12]
        found[name] = Asset(body, gzip.compress(body, mtime=0), _media_type(name), digest)
    return found


def static_url(name: str) -> str:
    """The address of a file, such as ``/static/3f2a90bc11de/app.css``. Raises ``KeyError`` for an unknown file."""
    return f"{PREFIX}/{assets()[name].digest}/{name}"


class StaticFiles:
    """An ASGI app that serves :func:`assets`.

    With the right digest the answer may be kept for a year; with another one (a page from before an update) the current
    file comes, to be asked for again.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix(PREFIX)
        digest, _, name = path.lstrip("/").partition("/")
        response = self._answer(scope["method"], digest, assets().get(name), Headers(scope=scope))
        await response(scope, receive, send)

    def _answer(self, method: str, digest: str, asset: Asset | None, headers: Headers) -> Response:
        if method not in {"GET", "HEAD"}:
            return Response(status_code=405, headers={"allow": "GET, HEAD"})
        if asset is None:
            return Response("No such file.", 404, media_type="text/plain")
        tag = f'"{asset.digest}"'
        kept = {
            "cache-control": _FOREVER if digest == asset.digest else _ASK_AGAIN,
            "etag": tag,
            "vary": "accept-encoding",
        }
        if tag in headers.get("if-none-match", ""):
            return Response(status_code=304, headers=kept)
        packed = "gzip" in headers.get("accept-encoding", "")
        if packed:
            kept["content-encoding"] = "gzip"
        return Response(
            asset.packed if packed else asset.body, headers={**kept, "content-type": asset.media_type}
        )
