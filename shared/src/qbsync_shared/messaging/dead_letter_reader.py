"""Reads QBSYNC_DLQ for the service that shows every service's dead letters."""

import asyncio
from collections.abc import Awaitable, Callable

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError, ServiceUnavailableError

from qbsync_shared import subjects
from qbsync_shared.logging import describe_error
from qbsync_shared.messages import CONTRACT_VERSION
from qbsync_shared.messaging.dead_letters import DeadLetter
from qbsync_shared.messaging.link import NatsLink
from qbsync_shared.messaging.outbox import QUERIES
from qbsync_shared.messaging.subscriptions import MAX_DELIVER
from qbsync_shared.postgres import Connection, Database

HandleDeadLetter = Callable[[Connection, DeadLetter], Awaitable[None]]

SUBJECT = f"qbsync.dlq.{CONTRACT_VERSION}.>"
FETCH_SECONDS = 2.0
PAUSE_SECONDS = 0.2
AGAIN_SECONDS = 15.0

log = structlog.get_logger()


class DeadLetterReader:
    """Hands each dead letter to the service once, in a transaction that sees all tenants."""

    def __init__(self, database: Database, link: NatsLink, handle: HandleDeadLetter, *, service: str) -> None:
        self._database = database
        self._link = link
        self._handle = handle
        self._durable = f"{service}-dead-letters"

    async def run(self) -> None:
        """Read until the connection is closed; the consumer is made, and made again when it is gone."""
        js = await self._link.jetstream()
        while True:
            subscription = await self._subscribe(js)
            try:
                await self._read(subscription)
            finally:
                await subscription.unsubscribe()

    async def _subscribe(self, js: JetStreamContext) -> JetStreamContext.PullSubscription:
        config = ConsumerConfig(
            durable_name=self._durable,
            filter_subject=SUBJECT,
            ack_policy=AckPolicy.EXPLICIT,
            max_deliver=MAX_DELIVER,
        )
        while True:
            try:
                await js.add_consumer(subjects.DEAD_LETTERS, config)
                return await js.pull_subscribe(SUBJECT, durable=self._durable, stream=subjects.DEAD_LETTERS)
            except NotFoundError:
                await asyncio.sleep(FETCH_SECONDS)  # relay or guard will bring the stream back

    async def _read(self, subscription: JetStreamContext.PullSubscription) -> None:
        while True:
            try:
                messages = await subscription.fetch(50, timeout=FETCH_SECONDS)
            except (ServiceUnavailableError, NotFoundError):
                return  # the consumer is gone
            except (nats.errors.Error, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)  # nothing there, or disconnected for now
                continue
            for message in messages:
                await self._take(message)

    async def _take(self, message: Msg) -> None:
        try:
            letter = DeadLetter.from_stream(message.subject, message.headers or {}, message.data)
        except (KeyError, ValueError, IndexError) as error:
            log.warning("dead_letter_unreadable", subject=message.subject, error=describe_error(error))
            await message.term()
            return
        event_id = (message.headers or {}).get("Nats-Msg-Id", f"dlq-{message.metadata.sequence.stream}")
        try:
            async with self._database.everyone() as connection:
                new = await connection.fetch(
                    QUERIES["insert_inbox"], self._durable, letter.tenant, [event_id]
                )
                if new:
                    await self._handle(connection, letter)
        except Exception as error:  # noqa: BLE001 - it comes again
            log.warning("dead_letter_not_taken", error=describe_error(error))
            await message.nak(delay=AGAIN_SECONDS)
        else:
            await message.ack()
