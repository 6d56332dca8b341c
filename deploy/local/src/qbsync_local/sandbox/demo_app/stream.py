"""The app on NATS: it tells what its outbox holds, and listens with one durable consumer of its own.

Where NATS is not there, the same goes over HTTP, so that nothing waits for it.
"""

import asyncio
from collections.abc import Collection

import httpx
import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig

from qbsync_local.sandbox.demo_app import events
from qbsync_local.sandbox.demo_app.imports import Imports
from qbsync_local.sandbox.demo_app.qbsync_api import QbsyncApi, RefusedError
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Queued, Store

PUBLISH_SECONDS = 3.0
FETCH_SECONDS = 5.0
RETRY_SECONDS = 1.0
POLL_SECONDS = 5.0

log = structlog.get_logger()


class Bus:
    """One connection to NATS that is made again for ever."""

    def __init__(self, url: str, login: dict[str, object] | None = None) -> None:
        self._url = url
        self._login = login or {}
        self._client: Client | None = None

    @property
    def connected(self) -> bool:
        """Whether NATS is there now."""
        return self._client is not None and self._client.is_connected

    async def connect(self) -> None:
        """Return when there is a first connection."""
        if self._client is not None:
            return
        self._client = await nats.connect(
            self._url.split(","),
            name=events.SOURCE,
            connect_timeout=2,
            reconnect_time_wait=RETRY_SECONDS,
            max_reconnect_attempts=-1,
            error_cb=_quiet,
            **self._login,
        )

    @property
    def stream(self) -> JetStreamContext:
        """JetStream; only after `connect`."""
        assert self._client is not None
        return self._client.jetstream(timeout=PUBLISH_SECONDS)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()


async def _quiet(error: Exception) -> None:
    log.debug("nats_error", error=type(error).__name__)


class Teller:
    """Tells qbsync what the outbox holds, oldest first, until each has arrived. A repetition does no harm."""

    def __init__(self, store: Store, bus: Bus, api: QbsyncApi) -> None:
        self._store = store
        self._bus = bus
        self._api = api
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            self._wake.clear()
            queued = self._store.next_queued()
            if queued is None:
                await self._wake.wait()
            elif not await self._tell(queued):
                await asyncio.sleep(RETRY_SECONDS)

    async def drain(self) -> None:
        """Tell all that can be told now, for tests and the set-up."""
        while (queued := self._store.next_queued()) is not None and await self._tell(queued):
            pass

    async def _tell(self, queued: Queued) -> bool:
        """False when neither NATS nor the API took it: it stays."""
        event = queued.event
        try:
            if not await self._publish(event):
                await self._api.tell(event)
        except RefusedError as refusal:
            self._store.refused(queued.place, str(refusal))
            log.warning("event_refused", tenant=event.tenant, event_type=event.type, event_id=event.id)
            return True
        except httpx.HTTPError as error:
            log.info("qbsync_not_there", error=type(error).__name__)
            return False
        self._store.told(queued.place)
        return True

    async def _publish(self, event: events.Event) -> bool:
        """True once the stream has confirmed that it holds the event."""
        if not self._bus.connected:
            return False
        try:
            await self._bus.stream.publish(event.subject, event.payload(), headers=event.headers())
        except (nats.errors.Error, TimeoutError) as error:
            log.info("event_not_published", event_id=event.id, error=type(error).__name__)
            return False
        return True


class Listener:
    """Hears what qbsync says about this app's tenants. An event is acknowledged when the app's database has it."""

    def __init__(
        self, bus: Bus, api: QbsyncApi, standing: Standing, imports: Imports, tenants: Collection[str]
    ) -> None:
        self._bus = bus
        self._api = api
        self._standing = standing
        self._imports = imports
        self._tenants = tenants

    async def run(self) -> None:
        """Listen, for ever. The consumer remembers where the app was, and is made again if it is lost."""
        await self._bus.connect()
        while True:
            try:
                await self._listen()
            except (nats.errors.Error, TimeoutError, OSError) as error:
                log.info("events_not_there", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        stream = self._bus.stream
        wanted = ConsumerConfig(
            durable_name=events.DURABLE,
            filter_subjects=list(events.LISTENS_TO),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=30,
        )
        await stream.add_consumer(events.STREAM, wanted)
        subscription = await stream.pull_subscribe_bind(durable=events.DURABLE, stream=events.STREAM)
        while True:
            try:
                delivered = await subscription.fetch(100, timeout=FETCH_SECONDS)
            except TimeoutError:
                await stream.consumer_info(events.STREAM, events.DURABLE)  # raises where it is gone
                continue
            for message in delivered:
                await self._take(message)

    async def _take(self, message: Msg) -> None:
        try:
            self.hear(events.read(message.subject, message.data))
        except (ValueError, KeyError) as error:
            log.warning("event_not_understood", subject=message.subject, error=type(error).__name__)
        await message.ack()

    def hear(self, event: events.Heard) -> None:
        """Take one event in; a repetition changes nothing."""
        if event.tenant not in self._tenants:
            return
        if event.type == "entity.imported":
            self._imports.take(event.tenant, event.body)
        self._standing.hear(event)

    async def poll(self) -> None:
        """The badge when the app starts; while NATS is not there, badge and imports over HTTP, every few seconds."""
        at_start = True
        while True:
            if at_start or not self._bus.connected:
                try:
                    await self._ask()
                    at_start = False
                except (httpx.HTTPError, RefusedError) as error:
                    log.debug("qbsync_not_there", error=type(error).__name__)
            await asyncio.sleep(POLL_SECONDS)

    async def _ask(self) -> None:
        for tenant in self._tenants:
            version = self._standing.badge(tenant)[1]
            self._standing.set_badge(tenant, await self._api.badge(tenant), version)
            if not self._bus.connected:
                for handed_over in await self._api.imports(tenant):
                    self._imports.take(tenant, handed_over)
