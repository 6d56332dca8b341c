"""Hints from the server to open pages: "counts changed", never the content. The page then fetches what it shows.

A stream is per tenant. Hints travel between processes by PostgreSQL ``NOTIFY``: the transaction that changes something calls :func:`notify`, each
process listens once (:meth:`Hints.listen`) and wakes its own streams.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog
from starlette.responses import StreamingResponse

HEARTBEAT = 20.0
CHANNEL = "qbsync_hints"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Hint:
    """A name such as ``counts``, ``review``, ``syncs`` or ``connection``; ``number`` grows."""

    name: str
    number: int

    def encode(self) -> bytes:
        """As the browser reads it; the data only make browsers deliver the event."""
        return f"id: {self.number}\nevent: {self.name}\ndata: {self.number}\n\n".encode()


class Subscription:
    """What one open page has not heard yet: each name once, however often it came."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}
        self._some = asyncio.Event()

    def put(self, name: str, number: int) -> None:
        """Remember a hint."""
        self._waiting[name] = number
        self._some.set()

    def __aiter__(self) -> AsyncIterator[Hint]:
        return self

    async def __anext__(self) -> Hint:
        await self._some.wait()
        name = next(iter(self._waiting))
        number = self._waiting.pop(name)
        if not self._waiting:
            self._some.clear()
        return Hint(name, number)


class Hints:
    """The open pages of this process, by tenant."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._pages: dict[str, set[Subscription]] = {}
        self._number = 0

    @contextlib.contextmanager
    def subscribe(self, tenant: str, *, missed: Iterable[str] = ()) -> Iterator[Subscription]:
        """``with hints.subscribe(tenant) as source:`` an async iterator of hints; ``missed`` are given at once."""
        page = Subscription()
        for name in missed:
            page.put(name, self._number)
        self._pages.setdefault(tenant, set()).add(page)
        try:
            yield page
        finally:
            self._pages[tenant].discard(page)
            if not self._pages[tenant]:
                del self._pages[tenant]

    def tell(self, tenant: str, name: str) -> None:
        """Wake the open pages of a tenant in this process."""
        self._number += 1
        for page in self._pages.get(tenant, ()):
            page.put(name, self._number)

    async def listen(self, url: str) -> None:
        """Pass on what other transactions notify; runs until cancelled. Raises when the connection is lost: run it as a loop of the service.

        Whatever was said before it listened is unknown, so all open pages are told to look.
        """
        connection = await asyncpg.connect(url)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(f"{CHANNEL}_{self._schema}", self._heard)
            for tenant in list(self._pages):
                self.tell(tenant, "counts")
            await lost.wait()
            raise ConnectionError("PostgreSQL closed the connection that listens for hints")
        finally:
            await connection.close()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        try:
            tenant, name = json.loads(str(payload))
        except ValueError:
            _log.warning("hint_unreadable")
            return
        self.tell(tenant, name)


async def notify(connection: Any, schema: str, tenant: str, name: str) -> None:
    """Give a hint when this transaction commits; the same hint twice in one transaction goes out once."""
    await connection.execute("select pg_notify($1, $2)", f"{CHANNEL}_{schema}", json.dumps([tenant, name]))


class Streams:
    """The open streams of a process. A server waits for open answers before it stops, so somebody must end these: :meth:`close`."""

    def __init__(self) -> None:
        self._closing: set[Callable[[], None]] = set()
        self.closed = False

    def close(self) -> None:
        """End all streams, now and from now on; safe from a signal handler."""
        self.closed = True
        for end in list(self._closing):
            end()

    @contextlib.contextmanager
    def _closing_event(self) -> Iterator[asyncio.Event]:
        event, loop = asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon_threadsafe(event.set)

        self._closing.add(end)
        try:
            if self.closed:
                event.set()
            yield event
        finally:
            self._closing.discard(end)

    async def _body(self, source: AsyncIterator[Hint], heartbeat: float) -> AsyncGenerator[bytes, None]:
        yield b"retry: 3000\n\n"
        with self._closing_event() as closing:
            end = asyncio.ensure_future(closing.wait())
            coming = asyncio.ensure_future(anext(source))
            try:
                while True:
                    await asyncio.wait({end, coming}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
                    if end.done():
                        return
                    if not coming.done():
                        yield b": still here\n\n"
                        continue
                    try:
                        hint = coming.result()
                    except StopAsyncIteration:
                        return
                    yield hint.encode()
                    coming = asyncio.ensure_future(anext(source))
            finally:
                end.cancel()
                coming.cancel()

    def respond(
        self,
        hints: Hints,
        tenant: str,
        *,
        heartbeat: float = HEARTBEAT,
        all_names: Iterable[str] = ("counts",),
    ) -> StreamingResponse:
        """The answer of an event stream.

        Nobody knows what was said between the making of a page and its stream, or while a stream was broken: each one begins with ``all_names``.
        """

        async def body() -> AsyncIterator[bytes]:
            with hints.subscribe(tenant, missed=all_names) as source:
                async with contextlib.aclosing(self._body(source, heartbeat)) as chunks:
                    async for chunk in chunks:
                        yield chunk

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(body(), media_type="text/event-stream", headers=headers)
