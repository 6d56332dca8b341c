"""What the tests of messaging share: messages, a bus that works fast, and waiting for a condition."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import nats
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from qbsync_shared import subjects
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import Message, Pause, TenantConfigured
from qbsync_shared.messaging import Subscription, publish
from qbsync_shared.messaging.bus import Bus
from qbsync_shared.postgres import Connection, Database

SCHEMA = "sample"
PACKAGE = "tests.shared.sample"
AT = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
PAUSES = "qbsync.v1.*.desktop.command.pause"
DURABLE = "sample-command-pause"


def pause(number: int | str, tenant: str = "acme") -> Pause:
    return Pause(
        id=f"{tenant}-{number}", tenant=tenant, occurred_at=AT, edition=Edition.DESKTOP, by="ann", why="test"
    )


def configured(tenant: str, version: int) -> TenantConfigured:
    return TenantConfigured(
        id=f"{tenant}-t{version}",
        tenant=tenant,
        occurred_at=AT,
        version=version,
        name="Oak",
        plan="plus",
        edition=Edition.DESKTOP,
    )


async def say(database: Database, *messages: Message) -> None:
    """Each in a transaction of its own."""
    for message in messages:
        async with database.tenant(message.tenant) as connection:
            await publish(connection, message)


async def note(connection: Connection, message: Message) -> None:
    """A handler with an effect that can be counted."""
    await connection.execute(
        "insert into effect (tenant_id, event_id) values ($1, $2)", message.tenant, message.id
    )


async def effects(database: Database, tenant: str | None = None) -> list[str]:
    """The ids of the events that had their effect, in the order they had it."""
    async with database.everyone() as connection:
        rows = await connection.fetch(
            "select event_id from effect where $1::text is null or tenant_id = $1 order by place", tenant
        )
    return [row["event_id"] for row in rows]


def subscription(
    handle: Callable[[Connection, Any], Awaitable[None]] = note, **options: Any
) -> Subscription[Pause]:
    return Subscription(subjects.COMMANDS, PAUSES, DURABLE, Pause, handle, **options)


@asynccontextmanager
async def running_bus(
    database: Database, nats_url: str, *subscriptions: Subscription[Any], service: str = "sample"
) -> AsyncIterator[Bus]:
    bus = Bus(
        service=service,
        database=database,
        nats_url=nats_url,
        subscriptions=subscriptions,
        guard_seconds=0.2,
        poll_seconds=0.2,
    )
    bus._relay._cooling_seconds = 0.3
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Return once the condition holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - the condition lies in a server
            await asyncio.sleep(0.02)


async def published(database: Database, count: int) -> None:
    """Return once the relay has marked so many messages as published."""

    async def all_of_them() -> bool:
        async with database.everyone() as connection:
            return count == await connection.fetchval(
                "select count(*) from outbox where published_at is not null"
            )

    await until(all_of_them)


async def ready(bus: Bus) -> None:
    """Return once everything of the bus works."""

    async def well() -> bool:
        return [await check.probe() for check in bus.checks()] == [None, None, None]

    await until(well)


@asynccontextmanager
async def jetstream(url: str) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(url, connect_timeout=5)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def stored(url: str, stream: str) -> Sequence[RawStreamMsg]:
    """All messages of a stream, oldest first; none while it does not exist."""
    async with jetstream(url) as js:
        try:
            state = (await js.stream_info(stream)).state
        except NotFoundError:
            return []
        if not state.messages:
            return []
        return [await js.get_msg(stream, seq) for seq in range(state.first_seq, state.last_seq + 1)]


def ids(messages: Sequence[RawStreamMsg]) -> list[str]:
    """The ids of the events that the messages carry."""
    return [(message.headers or {})["ce-id"] for message in messages]
