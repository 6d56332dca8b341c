"""What runs by itself: draining realms that have work, reading what changed, giving up on a silent app."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from qbsync_qbo_worker.postgres import calls, connections
from qbsync_qbo_worker.service.drain import Drain
from qbsync_qbo_worker.service.reading import Reader
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper
from qbsync_shared.postgres import Database, connect

log = structlog.get_logger()

REALMS = 16
"""Realms that one worker drains at once."""

SWEEP_SECONDS = 2.0
"""How often work is looked for although nobody told of any."""


class Loops:
    """The loops of one worker process."""

    def __init__(
        self,
        *,
        database: Database,
        drain: Drain,
        reader: Reader,
        links: LinkKeeper,
        clock: Clock,
        read_interval: float,
    ) -> None:
        self._database = database
        self._drain = drain
        self._reader = reader
        self._links = links
        self._clock = clock
        self._read_interval = read_interval
        self._work = asyncio.Event()
        self._read = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    def read_now(self) -> None:
        """Read without waiting for the interval."""
        self._read.set()

    async def listen(self) -> None:
        """Wake up when work is committed; the sweep covers what is missed while this is down."""
        schema = self._database.schema
        connection = await connect(self._database.url, schema=schema, purpose="work-listener")
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda *_: lost.set())
            await connection.add_listener(f"work_{schema}", lambda *_: self._work.set())
            await lost.wait()
        finally:
            await connection.close()
        raise ConnectionError("the connection that listens for work was lost")

    async def drain_realms(self) -> None:
        """Drain every realm that has work, several at once, each by one task."""
        try:
            while True:
                self._work.clear()
                async with self._database.everyone() as connection:
                    due = await calls.due_tenants(connection, now=self._clock.now(), limit=REALMS * 4)
                for tenant in due:
                    if tenant not in self._busy and len(self._busy) < REALMS:
                        self._busy[tenant] = asyncio.create_task(self._drain_one(tenant))
                await _wait(self._work, SWEEP_SECONDS)
        finally:
            for task in list(self._busy.values()):
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _drain_one(self, tenant: str) -> None:
        try:
            await self._drain.run(tenant)
        except Exception:
            log.exception("drain_failed", tenant=tenant)
            await asyncio.sleep(SWEEP_SECONDS)
        finally:
            del self._busy[tenant]
            self._work.set()

    async def read_changes(self) -> None:
        """Read each connected company in turn, then wait."""
        while True:
            self._read.clear()
            async with self._database.everyone() as connection:
                connected = await connections.connected_tenants(connection)
            for tenant in connected:
                await self._reader.run(tenant)
                async with self._database.tenant(tenant) as connection:
                    await self._links.give_up_on_app(connection, tenant)
            await _wait(self._read, self._read_interval)

    def all(self) -> list[Callable[[], Awaitable[None]]]:
        """The loops to run."""
        return [self.listen, self.drain_realms, self.read_changes]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
