"""What a service listens to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from qbsync_shared.messages import Message
from qbsync_shared.postgres import Connection

M = TypeVar("M", bound=Message)

RETRY_DELAYS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
"""Seconds before each new delivery after a passing trouble; then the message becomes a dead letter."""


class TransientError(Exception):
    """Raised by a handler: it could not be done now and may well be done in a moment."""


@dataclass(frozen=True)
class Subscription(Generic[M]):
    """One durable pull consumer and what to do with its messages.

    ``handle`` runs in the transaction of the message's tenant that also holds the inbox row: what it writes and
    publishes happens once, however often the message is delivered. It raises TransientError (or the storage's own
    passing errors) to be called again later; anything else makes a dead letter.
    """

    stream: str
    subject: str
    durable: str
    message: type[M]
    handle: Callable[[Connection, M], Awaitable[None]]
    batch_size: int = 10
    ack_wait: float = 60.0
    delays: tuple[float, ...] = RETRY_DELAYS

    @property
    def max_deliver(self) -> int:
        """Above the last retry, so that the dead letter is ours to write and not the server's silence."""
        return len(self.delays) + 20
