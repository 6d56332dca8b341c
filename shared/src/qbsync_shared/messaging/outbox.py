"""The outbox: what a transaction says is written in that transaction and published after its commit."""

import re
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import quote

from qbsync_shared import subjects
from qbsync_shared.messages import CONTRACT_VERSION, Message
from qbsync_shared.messaging import tracing
from qbsync_shared.postgres import Connection, Queries

QUERIES = Queries.load("qbsync_shared.messaging")

LARGEST_PAYLOAD = 960_000
"""Bytes of a body. NATS takes 1 MiB with headers by default; more is refused here, where the caller learns of it."""

_SAFE = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"
_PLAIN = re.compile(r"[A-Za-z0-9 !#$&'()*+,\-./:;<=>?@\[\]^_`{|}~]*")
"""What the HTTP and NATS bindings of CloudEvents leave as it is in a header."""

CURRENT_EVENT: ContextVar[str | None] = ContextVar("qbsync_current_event", default=None)
"""The event that is being handled: the cause of what is said meanwhile."""


class MessageTooLargeError(ValueError):
    """A message is larger than NATS would take."""


async def publish(connection: Connection, message: Message, *, caused_by: str | None = None) -> None:
    """Say `message` when the caller's transaction commits; after a rollback it was never said.

    The relay publishes in the order of commits per tenant, at least once; consumers drop what they know.

    Args:
        connection: in a transaction of ``database.tenant(message.tenant)``.
        message: any message of the contract; its id becomes ``ce-id`` and ``Nats-Msg-Id``.
        caused_by: id of the event or command that led to it; while a message is handled, that message's id.

    Raises:
        MessageTooLargeError: more than LARGEST_PAYLOAD bytes.
    """
    await publish_many(connection, [message], caused_by=caused_by)


async def publish_many(
    connection: Connection, messages: Sequence[Message], *, caused_by: str | None = None
) -> None:
    """As `publish`, for many messages in one round trip; they are said in this order.

    Raises:
        MessageTooLargeError: one has more than LARGEST_PAYLOAD bytes; none was written.
    """
    cause = caused_by or CURRENT_EVENT.get()
    if messages:
        columns = zip(*(_row(message, cause) for message in messages), strict=True)
        await connection.execute(QUERIES["insert_outbox"], *map(list, columns))


def _row(message: Message, cause: str | None) -> tuple[Any, ...]:
    payload = message.encode()
    if len(payload) > LARGEST_PAYLOAD:
        raise MessageTooLargeError(
            f"{message.ce_type()} has {len(payload)} bytes; at most {LARGEST_PAYLOAD} can be sent"
        )
    headers = event_headers(message, caused_by=cause)
    return (message.id, message.tenant, stream_of(message.noun), message.subject, headers, payload)


async def enqueue(
    connection: Connection,
    *,
    event_id: str,
    tenant: str,
    stream: str,
    subject: str,
    headers: dict[str, str],
    payload: bytes,
) -> None:
    """Write one outbox row; `event_id` becomes ``Nats-Msg-Id``."""
    row = (event_id, tenant, stream, subject, headers, payload)
    await connection.execute(QUERIES["insert_outbox"], *([value] for value in row))


def event_headers(message: Message, *, caused_by: str | None) -> dict[str, str]:
    """The CloudEvents 1.0 headers (binary mode, NATS binding) and the trace; the relay adds ``ce-source``."""
    headers = {
        "ce-specversion": "1.0",
        "ce-id": message.id,
        "ce-type": message.ce_type(),
        "ce-time": message.occurred_at.isoformat().replace("+00:00", "Z"),
        "ce-subject": message.subject,
        "ce-dataschema": f"events/{message.noun}.{message.verb}.{type(message).__name__}.{CONTRACT_VERSION}.json",
        "ce-tenant": message.tenant,
        "Content-Type": "application/json",
    }
    if caused_by is not None:
        headers["ce-causationid"] = caused_by
    encoded = {
        name: value if _PLAIN.fullmatch(value) else quote(value, safe=_SAFE)
        for name, value in headers.items()
    }
    tracing.carry(encoded)
    return encoded


def stream_of(noun: str) -> str:
    """The stream that holds messages about this noun."""
    if noun == "command":
        return subjects.COMMANDS
    if noun == "tenant":
        return subjects.TENANTS
    if noun in subjects.EVENT_NOUNS:
        return subjects.EVENTS
    raise ValueError(f"no stream of {CONTRACT_VERSION} holds the noun {noun!r}")


async def erase_tenant(connection: Connection, tenant: str) -> None:
    """Forget what was said and heard about a deleted tenant, but for the message that says so.

    Every service does so in its handler of ``wizard.tenant.deleted``, beside its own tables.
    """
    await connection.execute(
        QUERIES["erase_outbox"], tenant, f"qbsync.{CONTRACT_VERSION}.{tenant}.wizard.tenant.deleted"
    )
    await connection.execute(QUERIES["erase_inbox"], tenant, CURRENT_EVENT.get())
    await connection.execute(QUERIES["erase_dead_letters"], tenant)
