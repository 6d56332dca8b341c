"""Messages of one tenant that were fetched together share a transaction; one that fails is then handled alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from qbsync_shared import metrics
from qbsync_shared.messages import Message
from qbsync_shared.messaging.outbox import CURRENT_EVENT, QUERIES
from qbsync_shared.messaging.subscriptions import Subscription
from qbsync_shared.postgres import Connection, Database, is_transient


class Turns:
    """One transaction per tenant at a time, over all subscriptions of a service, and a limit for all tenants together.

    Handlers lock their tenant: without turns, subscriptions would wait for each other inside the database, hold its
    connections meanwhile, and fail on the lock's time-out when there is much to do. Other processes still compete.
    """

    def __init__(self, limit: int) -> None:
        self._limit = asyncio.Semaphore(limit)
        self._tenants: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncIterator[None]:
        """Wait for the tenant's turn first, and only then for a place among all."""
        lock = self._tenants.setdefault(tenant, asyncio.Lock())
        async with lock, self._limit:
            yield


@dataclass(eq=False)
class _Job:
    message: Message
    replayed: bool
    context: Context
    done: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def finish(self, error: Exception | None = None) -> None:
        if self.done.done():  # whoever waited was cancelled
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class SharedTransactions:
    """Handles the messages of one subscription, each once, in the order of the stream per tenant.

    What waits for a tenant is handled in one transaction with its inbox rows. When that fails, each message gets a
    transaction of its own, so that one bad message fails alone; a handler may therefore be called twice for a message,
    and must do nothing that a rollback does not undo.
    """

    def __init__(self, database: Database, subscription: Subscription[Any], turns: Turns) -> None:
        self._database = database
        self._subscription = subscription
        self._turns = turns
        self._waiting: dict[str, list[_Job]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    async def handle(self, message: Message, *, replayed: bool) -> None:
        """Return when the message has had its effect, now or before.

        Raises:
            Exception: what the handler or the storage raised.
        """
        token = CURRENT_EVENT.set(message.id)
        job = _Job(message, replayed, copy_context())
        CURRENT_EVENT.reset(token)
        lane = self._waiting.setdefault(message.tenant, [])
        lane.append(job)
        if len(lane) == 1:
            # it begins to run after those that were fetched together have joined the lane
            worker = asyncio.create_task(self._work(message.tenant))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        await job.done

    async def _work(self, tenant: str) -> None:
        async with self._turns.of(tenant):
            jobs = self._waiting.pop(tenant)
            try:
                await self._transaction(tenant, jobs)
            except Exception as error:  # noqa: BLE001 - told to those who wait
                await self._after(error, tenant, jobs)
            else:
                for job in jobs:
                    job.finish()

    async def _after(self, error: Exception, tenant: str, jobs: Sequence[_Job]) -> None:
        if len(jobs) == 1 or is_transient(error):
            for job in jobs:
                job.finish(error)
            return
        for job in jobs:
            try:
                await self._transaction(tenant, [job])
            except Exception as own:  # noqa: BLE001 - told to the one that waits
                job.finish(own)
            else:
                job.finish()

    async def _transaction(self, tenant: str, jobs: Sequence[_Job]) -> None:
        durable = self._subscription.durable
        async with self._database.tenant(tenant) as connection:
            ids = [job.message.id for job in jobs]
            rows = await connection.fetch(QUERIES["insert_inbox"], durable, tenant, ids)
            new = {row["event_id"] for row in rows}
            fresh: list[_Job] = []
            for job in jobs:
                if job.message.id in new:
                    new.discard(job.message.id)
                    fresh.append(job)
            await self._call(connection, fresh)
            for job in jobs:
                if job.replayed:
                    await connection.execute(QUERIES["resolve_dead_letter"], durable, tenant, job.message.id)
        metrics.INBOX_DUPLICATES.labels(consumer=durable).inc(len(jobs) - len(fresh))

    async def _call(self, connection: Connection, jobs: Sequence[_Job]) -> None:
        together = self._subscription.handle_many
        if together is not None and jobs:
            await together(connection, [job.message for job in jobs])
            return
        for job in jobs:
            handling = self._handle_one(connection, job.message)
            await asyncio.create_task(handling, context=job.context)  # its log fields, cause and trace

    async def _handle_one(self, connection: Connection, message: Message) -> None:
        await self._subscription.handle(connection, message)
