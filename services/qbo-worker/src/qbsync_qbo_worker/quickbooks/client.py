"""The only module that talks HTTP to QuickBooks Online."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import simplejson

from qbsync_qbo_worker.quickbooks.answers import Answer, Json, read_answer

ANSWER_SECONDS = 125.0
"""Intuit gives up on a call after 120 s; waiting longer cannot help."""

BATCH_PATH = "batch"
CONNECTIONS = 600
"""To all companies together; each has at most 10 calls in flight, and few have that many for long."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it is stored before it goes out: the same path, requestid and body again, or none.

    ``body`` is exact bytes. ``requestid`` is unique per company, at most 50 characters (36 for a batch).
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    requestid: str | None = None

    @property
    def operation(self) -> str:
        """What it does, for counting: ``query``, ``read``, ``write`` (create or update), ``void``, ``delete``, ``batch``."""
        if self.method == "GET":
            return "query" if self.path == "query" else "read"
        if self.is_batch:
            return "batch"
        return dict(self.query).get("operation", "write")

    @property
    def metered(self) -> int:
        """What Intuit counts against the month's quota (CorePlus): readings; writes are free (qbo-api, limits)."""
        return 0 if self.requestid else 1

    @property
    def is_batch(self) -> bool:
        """Whether it carries several writes."""
        return self.path == BATCH_PATH


def encode(payload: Json) -> bytes:
    """JSON with Decimals written as exact numbers."""
    text: str = simplejson.dumps(payload, use_decimal=True, separators=(",", ":"), sort_keys=True)
    return text.encode()


def write_call(
    resource: str, payload: Json, *, requestid: str, operation: str | None = None, include: str | None = None
) -> Call:
    """A create, update, void or delete of one entity."""
    query = [("operation", operation)] if operation else []
    if include:
        query.append(("include", include))
    return Call(
        method="POST",
        path=resource.lower(),
        query=tuple((key, value) for key, value in query if value),
        body=encode(payload),
        requestid=requestid,
    )


@dataclass(frozen=True, kw_only=True)
class BatchMember:
    """One write of a batch: ``operation`` is create, update or delete; ``body`` the exact bytes it would have alone."""

    bid: str
    operation: str
    resource: str
    body: bytes


def batch_call(members: Sequence[BatchMember], *, requestid: str) -> Call:
    """Several writes in one call, at most 30; they are independent of one another."""
    items = (
        b'{"bId":"%b","operation":"%b","%b":%b}'
        % (one.bid.encode(), one.operation.encode(), one.resource.encode(), one.body)
        for one in members
    )
    body = b'{"BatchItemRequest":[' + b",".join(items) + b"]}"
    return Call(method="POST", path=BATCH_PATH, body=body, requestid=requestid)


def read_call(resource: str, quickbooks_id: str) -> Call:
    """Read one entity."""
    return Call(method="GET", path=f"{resource.lower()}/{quote(quickbooks_id, safe='')}")


def query_call(statement: str) -> Call:
    """A query in QuickBooks' language; at most 1,000 rows come back."""
    return Call(method="GET", path="query", query=(("query", statement),))


def literal(text: str) -> str:
    """A text in a query: quoted, quotes and backslashes escaped."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class QuickBooksClient:
    """Sends calls of any company over one pool of connections."""

    def __init__(
        self,
        base_url: str,
        *,
        minorversion: str,
        answer_seconds: float = ANSWER_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._minorversion = minorversion
        self.is_sandbox = "sandbox" in urlsplit(base_url).netloc
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(connect=5.0, read=answer_seconds, write=30.0, pool=30.0),
            transport=transport,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS // 4),
            follow_redirects=False,
        )

    async def send(self, realm: str, token: str, call: Call) -> Answer:
        """Make a call.

        Raises:
            httpx.HTTPError: no whole answer came; whether QuickBooks applied the call is unknown, unless the
                connection was never made (``httpx.ConnectError``, ``httpx.ConnectTimeout``, ``httpx.PoolTimeout``).
        """
        params: list[tuple[str, str | int | float | bool | None]] = [
            *call.query,
            ("minorversion", self._minorversion),
        ]
        if call.requestid:
            params.append(("requestid", call.requestid))
        headers: dict[str, Any] = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if call.body:
            headers["Content-Type"] = "application/json"
        response = await self._http.request(
            call.method,
            f"/v3/company/{quote(realm, safe='')}/{call.path}",
            params=httpx.QueryParams(params),
            content=call.body or None,
            headers=headers,
        )
        return read_answer(response.status_code, response.content, response.headers)

    async def aclose(self) -> None:
        """Close the pool."""
        await self._http.aclose()
