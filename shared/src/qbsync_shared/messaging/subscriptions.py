"""What a service listens to."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from qbsync_shared.messages import Message
from qbsync_shared.postgres import Connection

M = TypeVar("M", bound=Message)

RETRY_DELAYS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
"""Seconds before each new delivery after a passing trouble; then the message becomes a dead letter."""

MAX_DELIVER = 10_000
"""Bounds every loop, and is far above the retries: at this bound the server drops a message without a word."""


class TransientError(Exception):
    """Raised by a handler: it could not be done now and may well be done in a moment."""


@dataclass(frozen=True)
class Subscription(Generic[M]):
    """One durable pull consumer and what to do with its messages.

    ``handle`` runs in a transaction of the message's tenant that also holds the inbox row: what it writes and
    publishes happens once, however often the message is delivered. It raises TransientError (or the storage's own
    passing errors) to be called again later; anything else makes a dead letter. Messages of one tenant that were
    fetched together share the transaction; after a failure each gets its own. So a handler may be called twice, and
    does nothing that a rollback does not undo.

    ``handle_many``, where given, takes all new messages of such a transaction at once, in the order of the stream;
    its `publish` calls name their cause themselves.
    """

    stream: str
    subject: str
    durable: str
    message: type[M]
    handle: Callable[[Connection, M], Awaitable[None]]
    handle_many: Callable[[Connection, Sequence[M]], Awaitable[None]] | None = None
    batch_size: int = 100
    ack_wait: float = 30.0
    delays: tuple[float, ...] = RETRY_DELAYS
