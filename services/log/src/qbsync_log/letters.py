"""Follows QBSYNC_DLQ: the dead letters of all services, for the ops page."""

import asyncio

import nats.errors
import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from qbsync_log.postgres import operations
from qbsync_shared.messages import CONTRACT_VERSION
from qbsync_shared.messaging.dead_letters import DeadLetter
from qbsync_shared.messaging.link import NatsLink
from qbsync_shared.postgres import Database
from qbsync_shared.subjects import DEAD_LETTERS

DURABLE = "log-dead-letters"
BATCH = 50
WAIT_SECONDS = 15.0
AGAIN_SECONDS = 5.0

log = structlog.get_logger()


class LetterReader:
    """Copies each dead letter into the log's table."""

    def __init__(self, database: Database, nats_url: str, credentials: str | None = None) -> None:
        self._database = database
        self._url = nats_url
        self._credentials = credentials

    async def run(self) -> None:
        """Follow the stream until cancelled; waits while it does not exist (yet, or again)."""
        link = NatsLink(self._url, name=DURABLE, credentials=self._credentials)
        await link.run()
        try:
            js = await link.jetstream()
            while True:
                try:
                    await self._follow(js)
                except (NotFoundError, nats.errors.TimeoutError, nats.errors.NoRespondersError):
                    await asyncio.sleep(AGAIN_SECONDS)  # not provisioned, or NATS lost its disk
        finally:
            await link.close()

    async def _follow(self, js: JetStreamContext) -> None:
        subscription = await js.pull_subscribe(
            f"qbsync.dlq.{CONTRACT_VERSION}.>", durable=DURABLE, stream=DEAD_LETTERS
        )
        while True:
            try:
                for message in await subscription.fetch(BATCH, timeout=WAIT_SECONDS):
                    await self._keep(message)
            except nats.errors.TimeoutError:
                await subscription.consumer_info()  # an empty wait and a lost consumer look alike

    async def _keep(self, message: Msg) -> None:
        try:
            letter = DeadLetter.from_stream(message.subject, message.headers or {}, message.data)
        except (KeyError, ValueError, IndexError):
            log.warning("dead_letter_unreadable", subject=message.subject)
            await message.term()
            return
        async with self._database.everyone() as connection:
            await operations.keep_letter(connection, letter, message.metadata.timestamp)
        await message.ack()
