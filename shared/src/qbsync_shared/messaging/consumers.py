"""Durable pull consumers, and the guard that keeps them there.

A consumer that was deleted leaves its subscriber in a silent busy loop, and one whose settings differ is used as it is:
so the guard creates or updates each when it starts, then looks every few seconds.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError

from qbsync_shared import metrics
from qbsync_shared.messaging.link import NatsLink
from qbsync_shared.messaging.streams import provision_streams
from qbsync_shared.messaging.subscriptions import MAX_DELIVER, Subscription

GUARD_SECONDS = 3.0

log = structlog.get_logger()


def consumer_config(subscription: Subscription[Any]) -> ConsumerConfig:
    """The durable of a subscription. Without `backoff`: the server would add it to the delays we ask for."""
    return ConsumerConfig(
        durable_name=subscription.durable,
        filter_subject=subscription.subject,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=subscription.ack_wait,
        max_deliver=MAX_DELIVER,
        max_ack_pending=1000,
    )


class Guard:
    """Keeps the consumers of one service in being."""

    def __init__(
        self,
        link: NatsLink,
        subscriptions: Sequence[Subscription[Any]],
        *,
        replicas: int = 1,
        every: float = GUARD_SECONDS,
    ) -> None:
        self._link = link
        self._subscriptions = subscriptions
        self._replicas = replicas
        self._every = every

    async def ensure(self) -> None:
        """Create or update every consumer; streams too, where NATS has lost them."""
        js = await self._link.jetstream()
        for subscription in self._subscriptions:
            await self._make(js, subscription)

    async def run(self) -> None:
        """Look every few seconds and make again what is gone."""
        js = await self._link.jetstream()
        while True:
            await asyncio.sleep(self._every)
            for subscription in self._subscriptions:
                await self._look(js, subscription)

    async def missing(self) -> list[str]:
        """The durables that do not exist now."""
        js = await self._link.jetstream()
        found = await asyncio.gather(
            *(self._exists(js, subscription) for subscription in self._subscriptions)
        )
        return [
            subscription.durable
            for subscription, exists in zip(self._subscriptions, found, strict=True)
            if not exists
        ]

    async def _look(self, js: JetStreamContext, subscription: Subscription[Any]) -> None:
        try:
            if await self._exists(js, subscription):
                return
            await self._make(js, subscription)
        except (nats.errors.Error, TimeoutError):
            return  # disconnected: the next round sees
        metrics.CONSUMER_RECREATED.inc()
        log.warning("consumer_recreated", consumer=subscription.durable, stream=subscription.stream)

    async def _exists(self, js: JetStreamContext, subscription: Subscription[Any]) -> bool:
        try:
            await js.consumer_info(subscription.stream, subscription.durable)
        except NotFoundError:
            return False
        return True

    async def _make(self, js: JetStreamContext, subscription: Subscription[Any]) -> None:
        config = consumer_config(subscription)
        try:
            await js.add_consumer(subscription.stream, config)
        except NotFoundError:
            changes = await provision_streams(js, replicas=self._replicas)
            log.warning("streams_were_missing", provisioned=[change.stream for change in changes])
            await js.add_consumer(subscription.stream, config)
