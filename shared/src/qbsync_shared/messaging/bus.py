"""Messaging of one service: broker with its subscribers, relay, guard and housekeeping, started and ended together."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import nats.errors
import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from nats.aio.client import Client
from prometheus_client import CollectorRegistry

from qbsync_shared import subjects
from qbsync_shared.health import Check
from qbsync_shared.loops import Background, Loop
from qbsync_shared.messages import Message
from qbsync_shared.messaging import delivery, link
from qbsync_shared.messaging.consumers import Guard, consumer_config
from qbsync_shared.messaging.dead_letter_reader import DeadLetterReader, HandleDeadLetter
from qbsync_shared.messaging.labels import metrics_middleware
from qbsync_shared.messaging.outbox import QUERIES
from qbsync_shared.messaging.relay import Relay
from qbsync_shared.messaging.streams import purge_tenant
from qbsync_shared.messaging.subscriptions import Subscription
from qbsync_shared.messaging.transactions import SharedTransactions, Turns
from qbsync_shared.postgres import Database

GRACEFUL_SECONDS = 18.0
DRAIN_SECONDS = 3
OUTBOX_DAYS = 35
"""A little more than streams hold, so that a lost stream can be filled again."""
INBOX_DAYS = 90
"""More than streams and dead letters hold, so that nothing old can come back as new."""
HOUSEKEEPING_SECONDS = 3600.0

log = structlog.get_logger()


class Bus:
    """Everything of a service that has to do with NATS. It starts, and HTTP works, while NATS is down."""

    def __init__(
        self,
        *,
        service: str,
        database: Database,
        nats_url: str,
        credentials: str | None = None,
        subscriptions: Sequence[Subscription[Any]] = (),
        replicas: int = 1,
        dead_letters: HandleDeadLetter | None = None,
        guard_seconds: float = 3.0,
        poll_seconds: float = 2.0,
    ) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._database = database
        self._link = link.NatsLink(nats_url, name=f"{service}-relay", credentials=credentials)
        self._relay = Relay(database, self._link, service=service, replicas=replicas, poll=poll_seconds)
        self._guard = Guard(self._link, subscriptions, replicas=replicas, every=guard_seconds)
        self._background = Background()
        self._more: list[Loop] = []
        if dead_letters is not None:
            self._more.append(DeadLetterReader(database, self._link, dead_letters, service=service).run)
        self._listening = False
        self._client: Client | None = None
        self._subscriptions = list(subscriptions)
        self.broker = self._make_broker(service, nats_url, credentials)

    async def start(self) -> None:
        """Start everything; returns at once and connects in the background."""
        self._background.start(
            [self._listen, self._relay.run, self._guard.run, self._keep_house, *self._more]
        )

    async def stop(self) -> None:
        """Finish the messages under way, then end; quietly when NATS is down."""
        if self._client is not None:
            await self._stop_listening()
        await self._background.stop()
        await self._link.close()

    async def purge_tenant(self, tenant: str) -> None:
        """Remove a deleted tenant's messages from all streams; waits for NATS."""
        await purge_tenant(await self._link.jetstream(), tenant)

    def checks(self) -> list[Check]:
        """What readiness asks: the connection, each own consumer, the relay."""

        async def connected() -> str | None:
            return None if self._link.connected and self._listening else "not connected to NATS"

        async def consumers() -> str | None:
            if not self._link.connected:
                return "not connected to NATS"
            missing = await self._guard.missing()
            return f"consumers are missing: {', '.join(missing)}" if missing else None

        return [Check("nats", connected), Check("consumers", consumers), Check("relay", self._relay.health)]

    async def _stop_listening(self) -> None:
        """A NATS that is down or stands still must not spoil the end: its connection is closed in any case."""
        with suppress(nats.errors.Error, OSError):
            await asyncio.wait_for(self.broker.stop(), GRACEFUL_SECONDS + DRAIN_SECONDS)
        self._listening = False
        client, self._client = self._client, None
        if client is not None and not client.is_closed:
            with suppress(nats.errors.Error, OSError):
                await client.close()

    async def _listen(self) -> None:
        await self._link.run()
        await self._guard.ensure()
        self._client = await self.broker.connect()
        await self.broker.start()
        self._listening = True
        log.info("broker_started", subscriptions=len(self._subscriptions))

    async def _keep_house(self) -> None:
        """Forget now and then what nothing can ask for again."""
        while True:
            async with self._database.everyone() as connection:
                await connection.execute(QUERIES["purge_outbox"], OUTBOX_DAYS, subjects.TENANTS)
                await connection.execute(QUERIES["purge_inbox"], INBOX_DAYS)
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    def _make_broker(self, service: str, nats_url: str, credentials: str | None) -> NatsBroker:
        fate = delivery.Fate(service, self._database, {sub.durable: sub for sub in self._subscriptions})
        broker = NatsBroker(
            nats_url.split(","),
            security=link.security_of(credentials),
            name=service,
            max_reconnect_attempts=-1,  # closed for good, the event loop would spin
            reconnect_time_wait=int(link.RECONNECT_SECONDS),
            ping_interval=link.PING_SECONDS,  # half-open connections are noticed by pings only
            connect_timeout=link.CONNECT_SECONDS,
            graceful_timeout=GRACEFUL_SECONDS,
            drain_timeout=DRAIN_SECONDS,
            ack_policy=AckPolicy.NACK_ON_ERROR,  # the default would delete work
            error_cb=link.log_nats_error,
            middlewares=[metrics_middleware(service, self.registry), fate],
            logger=None,
            apply_types=False,  # our decoder has made the message; nothing is injected
        )
        turns = Turns(max(1, self._database.max_size // 2))  # the rest is for HTTP and loops
        for subscription in self._subscriptions:
            self._subscribe(broker, subscription, SharedTransactions(self._database, subscription, turns))
        return broker

    @staticmethod
    def _subscribe(
        broker: NatsBroker, subscription: Subscription[Any], transactions: SharedTransactions
    ) -> None:
        async def decode(delivered: NatsMessage) -> Message:
            return delivery.decode(delivered, subscription.message)

        async def receive(message: Message) -> None:
            await transactions.handle(message, replayed=delivery.is_replay())

        receive.__name__ = subscription.durable.replace("-", "_")
        broker.subscriber(
            subscription.subject,
            durable=subscription.durable,
            stream=JStream(
                subscription.stream, declare=False
            ),  # declared, it would overwrite the operators' settings
            pull_sub=PullSub(batch_size=subscription.batch_size, timeout=1),
            config=consumer_config(subscription),
            decoder=decode,
        )(receive)
