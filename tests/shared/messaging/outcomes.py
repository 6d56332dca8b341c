"""What became of a delivered message: a handler that fails as told, and waiting for its effect or its dead letter."""

import time

from qbsync_shared import subjects
from qbsync_shared.messages import Message
from qbsync_shared.messaging.dead_letters import DeadLetterRow, dead_letters
from qbsync_shared.postgres import Connection, Database
from tests.shared.messaging.support import DURABLE, effects, jetstream, note, until

SUBJECT = "qbsync.v1.acme.desktop.command.pause"


class Fails:
    """A handler that fails as told, then notes."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times: list[float] = []

    async def __call__(self, connection: Connection, message: Message) -> None:
        self.times.append(time.monotonic())
        await note(connection, message)
        if self.errors:
            raise self.errors.pop(0)


async def open_letters(database: Database) -> list[DeadLetterRow]:
    async with database.everyone() as connection:
        return await dead_letters(connection)


async def a_letter(database: Database) -> DeadLetterRow:
    """The one dead letter, once it is there."""

    async def there() -> bool:
        return bool(await open_letters(database))

    await until(there)
    [letter] = await open_letters(database)
    return letter


async def handled(database: Database, *events: str) -> None:
    """Return once these events had their effect, in this order, and no others."""

    async def all_of_them() -> bool:
        return await effects(database) == list(events)

    await until(all_of_them)


async def settled(url: str) -> None:
    """Everything delivered was acknowledged, rejected or will come again later; nothing waits."""

    async def done() -> bool:
        async with jetstream(url) as js:
            info = await js.consumer_info(subjects.COMMANDS, DURABLE)
        return info.num_pending == 0 and info.num_ack_pending == 0

    await until(done)


async def provisioned(url: str) -> None:
    """Return once all streams are there."""

    async def all_of_them() -> bool:
        async with jetstream(url) as js:
            return len(await js.streams_info()) == 5

    await until(all_of_them)


async def put(url: str, subject: str, body: bytes, **headers: str) -> None:
    """Publish past the outbox; ``ce_id`` becomes the header ``ce-id``."""
    async with jetstream(url) as js:
        await js.publish(
            subject, body, headers={name.replace("_", "-"): value for name, value in headers.items()} or None
        )
