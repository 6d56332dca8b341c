"""The relay: publishes the outbox in the order of commits per tenant, at least once.

One replica works at a time: the one that holds an advisory lock on a connection of its own. It is woken by NOTIFY and
polls besides. It remembers when each stream was created; a stream created later than remembered has lost what it
held, and is filled again from the outbox.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from qbsync_shared import metrics, subjects
from qbsync_shared.logging import describe_error
from qbsync_shared.messaging.link import NatsLink
from qbsync_shared.messaging.outbox import QUERIES
from qbsync_shared.messaging.streams import EVENT_DAYS, provision_streams
from qbsync_shared.postgres import Database, connect

BATCH = 500
WINDOW = 50
POLL_SECONDS = 2.0
PUBLISH_SECONDS = 5.0
COOLING_SECONDS = 5.0
OBSERVE_SECONDS = 10.0
MEASURE_SECONDS = 5.0
STALE_SECONDS = 30.0
PUBLISHED_STREAMS = (subjects.EVENTS, subjects.COMMANDS, subjects.TENANTS, subjects.DEAD_LETTERS)

log = structlog.get_logger()


class Relay:
    """The relay of one service's outbox."""

    def __init__(
        self,
        database: Database,
        link: NatsLink,
        *,
        service: str,
        replicas: int = 1,
        poll: float = POLL_SECONDS,
        cooling: float = COOLING_SECONDS,
        observe: float = OBSERVE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._link = link
        self._source = f"qbsync/{service}"
        self._replicas = replicas
        self._poll = poll
        self._cooling_seconds = cooling
        self._observe_seconds = observe
        self._monotonic = monotonic
        self._wake = asyncio.Event()
        self._cooling: dict[str, float] = {}
        self._careful: set[str] = set()
        self._leads = False
        self._observed: tuple[float, int] | None = None
        self._measured = -MEASURE_SECONDS
        self._beat = monotonic()

    async def health(self) -> str | None:
        """None while the relay goes round, else since when it has not."""
        silent = self._monotonic() - self._beat
        if silent >= STALE_SECONDS:
            return f"the relay has not moved for {silent:.0f} s"
        return "the relay does not see the streams" if self._leads and self._observed is None else None

    async def run(self) -> None:
        """Wait for the lead, then publish until the connection to PostgreSQL breaks."""
        connection = await connect(self._database.url, schema=self._database.schema, purpose="relay")
        try:
            await connection.add_listener(f"qbsync_outbox_{self._database.schema}", self._notified)
            await self._take_lead(connection)
            js = await self._link_ready()
            log.info("relay_leads")
            while True:
                await self._round(connection, js)
        finally:
            self._leads = False
            metrics.RELAY_LEADER.set(0)
            await _abandon(connection)

    async def _link_ready(self) -> JetStreamContext:
        waiting = asyncio.ensure_future(self._link.jetstream())
        try:
            while not waiting.done():
                self._beat = self._monotonic()
                await asyncio.wait({waiting}, timeout=self._poll)
            return waiting.result()
        finally:
            waiting.cancel()

    def _notified(self, *_arguments: Any) -> None:
        self._wake.set()

    async def _take_lead(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        statement = "select pg_try_advisory_lock(hashtext('qbsync-relay'), hashtext($1))"
        while not await connection.fetchval(statement, self._database.schema):
            self._beat = self._monotonic()
            await asyncio.sleep(self._poll)
        self._leads = True
        metrics.RELAY_LEADER.set(1)

    async def _round(self, connection: "asyncpg.Connection[asyncpg.Record]", js: JetStreamContext) -> None:
        self._beat = now = self._monotonic()
        self._wake.clear()  # before the select: a NOTIFY that arrives in between is not lost
        self._cooling = {tenant: until for tenant, until in self._cooling.items() if until > now}
        published = 0
        if self._link.connected and await self._observe_streams(connection, js):
            published = await self._publish_batch(connection, js)
        await self._measure(connection)
        if published < BATCH:
            try:
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()
            except TimeoutError:
                await connection.execute("select 1")  # a lost connection is a lost lead

    async def _publish_batch(
        self, connection: "asyncpg.Connection[asyncpg.Record]", js: JetStreamContext
    ) -> int:
        rows = await connection.fetch(QUERIES["waiting_outbox"], BATCH, list(self._cooling))
        lanes: dict[str, list[asyncpg.Record]] = defaultdict(list)
        for row in rows:
            lanes[row["tenant_id"]].append(row)
        results = await asyncio.gather(
            *(
                self._publish_lane(js, lane, 1 if tenant in self._careful else WINDOW)
                for tenant, lane in lanes.items()
            )
        )
        done = [seq for lane_done in results for seq in lane_done]
        if done:
            await connection.execute(QUERIES["mark_published"], done)
        for tenant, lane_done in zip(lanes, results, strict=True):
            if len(lane_done) == len(lanes[tenant]):
                self._careful.discard(tenant)
            else:
                self._careful.add(tenant)
                self._cooling[tenant] = self._monotonic() + self._cooling_seconds
                log.warning("tenant_cools", tenant=tenant, waiting=len(lanes[tenant]) - len(lane_done))
        return len(rows)

    async def _publish_lane(
        self, js: JetStreamContext, lane: Sequence[asyncpg.Record], width: int
    ) -> list[int]:
        """One tenant's rows: written to the one connection in order, acknowledged in windows of `width`.

        The first window with a failure stops this tenant until it has cooled, then it goes one by one until that
        succeeds; others go on.
        """
        done: list[int] = []
        for start in range(0, len(lane), width):
            window = lane[start : start + width]
            stored = await asyncio.gather(*(self._publish_row(js, row) for row in window))
            done.extend(row["seq"] for row, ok in zip(window, stored, strict=True) if ok)
            if not all(stored):
                break
        return done

    async def _publish_row(self, js: JetStreamContext, row: asyncpg.Record) -> bool:
        headers = {"ce-source": self._source, **row["headers"], "Nats-Msg-Id": row["event_id"]}
        started = self._monotonic()
        try:
            answer = await js.publish(
                row["subject"], row["payload"], timeout=PUBLISH_SECONDS, stream=row["stream"], headers=headers
            )
        except (nats.errors.Error, TimeoutError) as error:
            metrics.OUTBOX_PUBLISHED.labels(result="failed").inc()
            log.info(
                "publish_failed",
                event_id=row["event_id"],
                tenant=row["tenant_id"],
                error=describe_error(error),
            )
            if not isinstance(error, TimeoutError):
                self._observed = None  # no stream took it: look again before the next batch
            return False
        metrics.OUTBOX_PUBLISHED.labels(result="duplicate" if answer.duplicate else "stored").inc()
        metrics.OUTBOX_PUBLISH_DURATION.observe(self._monotonic() - started)
        return True

    async def _observe_streams(
        self, connection: "asyncpg.Connection[asyncpg.Record]", js: JetStreamContext
    ) -> bool:
        """Look at the streams: at first, after each new connection, after a refusal, and now and then.

        Returns False when NATS does not answer, so that nothing is published into streams that were not looked at.
        """
        now, reconnects = self._monotonic(), self._link.reconnects
        if self._observed is not None:
            seen_at, seen_reconnects = self._observed
            if now - seen_at < self._observe_seconds and seen_reconnects == reconnects:
                return True
        try:
            created = await self._creation_times(js)
        except (nats.errors.Error, TimeoutError) as error:
            log.warning("streams_unknown", error=describe_error(error))
            return False
        async with connection.transaction():
            known = {
                row["stream"]: row["created_at"] for row in await connection.fetch(QUERIES["known_streams"])
            }
            for stream, created_at in created.items():
                if stream in known and known[stream] != created_at:
                    await self._fill_again(connection, stream)
                if known.get(stream) != created_at:
                    await connection.execute(QUERIES["remember_stream"], stream, created_at)
        self._observed = (now, reconnects)
        return True

    async def _creation_times(self, js: JetStreamContext) -> dict[str, Any]:
        try:
            return {stream: (await js.stream_info(stream)).created for stream in PUBLISHED_STREAMS}
        except NotFoundError:
            changes = await provision_streams(js, replicas=self._replicas)
            log.warning("streams_were_missing", provisioned=[change.stream for change in changes])
            return {stream: (await js.stream_info(stream)).created for stream in PUBLISHED_STREAMS}

    async def _fill_again(self, connection: "asyncpg.Connection[asyncpg.Record]", stream: str) -> None:
        if stream == subjects.TENANTS:
            done = await connection.execute(QUERIES["republish_latest"], stream)
        else:
            done = await connection.execute(QUERIES["republish_recent"], stream, EVENT_DAYS)
        log.warning("stream_lost_its_past", stream=stream, republished=int(done.split()[-1]))

    async def _measure(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        now = self._monotonic()
        if now - self._measured < MEASURE_SECONDS:
            return
        self._measured = now
        backlog = await connection.fetchrow(QUERIES["outbox_backlog"])
        assert backlog is not None
        metrics.OUTBOX_PENDING.set(backlog["pending"])
        metrics.OUTBOX_OLDEST_PENDING.set(backlog["oldest_seconds"])


async def _abandon(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Close without waiting for a server that may be gone; the lock goes with the connection."""
    try:
        await asyncio.wait_for(connection.close(), 2)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
