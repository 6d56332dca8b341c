"""What runs by itself: draining realms that have work, reading what changed, giving up on a silent app."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from time import monotonic

import structlog

from qbsync_qbo_worker.postgres import calls, connections
from qbsync_qbo_worker.service.drain import Drain
from qbsync_qbo_worker.service.reading import Reader
from qbsync_qbo_worker.service.sharing import Sharing
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper
from qbsync_shared.logging import describe_error
from qbsync_shared.postgres import Database, connect, is_transient

log = structlog.get_logger()

REALMS = 100
"""Realms that one worker drains at once."""

TURN_SECONDS = 20.0
"""How long a realm is drained while others wait for a place."""

SWEEP_SECONDS = 2.0
"""How often work is looked for although nobody told of any, and how long a realm with nothing to send is left alone."""

KEPT = timedelta(days=30)
"""How long settled calls are kept, for support."""

TIDY_SECONDS = 3600.0
TIDY_AT_ONCE = 10_000

READERS = 4
"""Companies that are read at once: a slow one must not hold up the others."""

READ_SECONDS = 300.0
"""How long one reading may take; the next one goes on from the last resource that was read to its end."""


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
        self._told: set[str] = set()
        self._crowded = False
        self._sharing = Sharing(database=database, holder=drain.holder, clock=clock)

    def read_now(self) -> None:
        """Read without waiting for the interval."""
        self._read.set()

    def _tell(self, tenant: str) -> None:
        self._told.add(tenant)
        self._work.set()

    async def listen(self) -> None:
        """Wake up when work is committed; the sweep covers what is missed while this is down."""
        schema = self._database.schema
        connection = await connect(self._database.url, schema=schema, purpose="work-listener")
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda *_: lost.set())
            await connection.add_listener(f"work_{schema}", lambda *said: self._tell(str(said[-1])))
            await lost.wait()
        finally:
            await connection.close()
        raise ConnectionError("the connection that listens for work was lost")

    async def drain_realms(self) -> None:
        """Drain every realm that has work, several at once, each by one task."""
        try:
            while True:
                self._work.clear()
                await self._sharing.look()
                room = REALMS - len(self._busy)
                due = await self._due(room + 1)
                self._crowded = len(due) > room
                for tenant in due[:room]:
                    self._told.discard(tenant)
                    self._busy[tenant] = asyncio.create_task(self._drain_one(tenant))
                await _wait(self._work, SWEEP_SECONDS)
        finally:
            for task in list(self._busy.values()):
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _due(self, room: int) -> list[str]:
        async with self._database.everyone() as connection:
            now = self._clock.now()
            without = [*self._busy, *self._sharing.left_to_others()]
            return await calls.due_tenants(
                connection, now=now, limit=room, holder=self._drain.holder, without=without
            )

    async def _drain_one(self, tenant: str) -> None:
        """Drain a realm. Where nothing could go it is left alone for a moment, unless somebody tells of new work."""
        try:
            knows = await self._reader.know_lists(tenant)
            sent = await self._turn(tenant) if knows else None
            if not sent and tenant not in self._told:
                await asyncio.sleep(SWEEP_SECONDS)
        except Exception as error:
            if is_transient(error):
                log.warning("drain_interrupted", tenant=tenant, error=describe_error(error))
            else:
                log.exception("drain_failed", tenant=tenant)
            await asyncio.sleep(SWEEP_SECONDS)
        finally:
            del self._busy[tenant]
            self._work.set()

    async def _turn(self, tenant: str) -> int | None:
        """Drain a realm as long as no other one waits for a place, and no other worker has fewer."""
        ends = monotonic() + TURN_SECONDS

        def is_over() -> bool:
            return (self._crowded and monotonic() > ends) or self._sharing.must_go(tenant)

        self._sharing.begins(tenant)
        try:
            return await self._drain.run(tenant, is_over=is_over)
        finally:
            self._sharing.ends(tenant)

    async def read_changes(self) -> None:
        """Read the connected companies, several at once, then wait."""
        while True:
            self._read.clear()
            async with self._database.everyone() as connection:
                now = self._clock.now()
                connected = await connections.connected_tenants(connection, now=now)
            turn = asyncio.Semaphore(READERS)
            await asyncio.gather(*(self._read_one(tenant, turn) for tenant in connected))
            await _wait(self._read, self._read_interval)

    async def _read_one(self, tenant: str, turn: asyncio.Semaphore) -> None:
        """Read one company. Whatever goes wrong, the others are read."""
        async with turn:
            try:
                async with asyncio.timeout(READ_SECONDS):
                    await self._reader.run(tenant)
            except Exception as error:
                if is_transient(error):
                    log.warning("reading_interrupted", tenant=tenant, error=describe_error(error))
                else:
                    log.exception("reading_failed", tenant=tenant)

    async def watch_imports(self) -> None:
        """Give up on imports that the app did not answer; also where QuickBooks is not connected any more."""
        while True:
            async with self._database.everyone() as connection:
                waiting = await calls.tenants_awaiting_app(connection)
            for tenant in waiting:
                async with self._database.tenant(tenant) as connection:
                    await self._links.give_up_on_app(connection, tenant)
            await asyncio.sleep(self._read_interval)

    async def tidy(self) -> None:
        """Forget settled calls after a while."""
        while True:
            async with self._database.everyone() as connection:
                await calls.purge(connection, before=self._clock.now() - KEPT, limit=TIDY_AT_ONCE)
            await asyncio.sleep(TIDY_SECONDS)

    def all(self) -> list[Callable[[], Awaitable[None]]]:
        """The loops to run."""
        return [self.listen, self.drain_realms, self.read_changes, self.watch_imports, self.tidy]


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
