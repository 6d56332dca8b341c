"""Dead letters: kept in the service's table and told on QBSYNC_DLQ, until somebody replays or discards them.

The row and the copy for the stream are written in one transaction, before the message is given up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote

from qbsync_shared import subjects
from qbsync_shared.ids import is_tenant_id
from qbsync_shared.messages import CONTRACT_VERSION
from qbsync_shared.messaging.outbox import LARGEST_PAYLOAD, QUERIES, enqueue
from qbsync_shared.postgres import Connection

REPLAY_HEADER = "qbsync-replay"
NO_TENANT = "-"
_OURS = ("qbsync-dlq-", "nats-")


class Reason(StrEnum):
    """Why a message could not be handled."""

    UNDECODABLE = "undecodable"
    UNKNOWN_VERSION = "unknown-version"
    WRONG_TENANT = "wrong-tenant"
    RETRIES_EXHAUSTED = "retries-exhausted"
    ERROR = "error"


class NoSuchDeadLetterError(LookupError):
    """It does not exist, or was decided already."""


@dataclass(frozen=True)
class DeadLetter:
    """One message that a consumer could not handle."""

    service: str
    consumer: str
    tenant: str
    event_id: str
    stream: str
    stream_seq: int
    subject: str
    headers: Mapping[str, str]
    payload: bytes
    reason: Reason
    detail: str
    deliveries: int

    @classmethod
    def from_stream(cls, subject: str, headers: Mapping[str, str], payload: bytes) -> "DeadLetter":
        """Read one from a message of QBSYNC_DLQ.

        Raises:
            KeyError, ValueError: it was not written by qbsync.
        """
        own = {name.removeprefix("qbsync-dlq-"): unquote(value) for name, value in headers.items()}
        return cls(
            service=subject.split(".")[3],
            consumer=own["consumer"],
            tenant=subject.split(".")[4],
            event_id=own["event-id"],
            stream=own["stream"],
            stream_seq=int(own["seq"]),
            subject=own["subject"],
            headers=plain_headers(headers),
            payload=payload,
            reason=Reason(own["reason"]),
            detail=own["detail"],
            deliveries=int(own["deliveries"]),
        )


def plain_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """The headers without NATS' own (``Nats-Expected-Stream`` would refuse the copy) and without ours about the failure."""
    return {name: value for name, value in (headers or {}).items() if not name.lower().startswith(_OURS)}


def tenant_of(subject: str) -> str:
    """The tenant that a subject names, or "-" where it names none."""
    tokens = subject.split(".")
    return tokens[2] if len(tokens) > 2 and is_tenant_id(tokens[2]) else NO_TENANT


async def record(connection: Connection, letter: DeadLetter) -> None:
    """Keep it and tell of it, in the caller's transaction (``database.everyone()``)."""
    row = await connection.fetchrow(
        QUERIES["insert_dead_letter"],
        letter.tenant,
        letter.consumer,
        letter.event_id,
        letter.stream,
        letter.stream_seq,
        letter.subject,
        letter.headers.get("ce-type"),
        dict(letter.headers),
        letter.payload,
        letter.reason.value,
        letter.detail,
        letter.deliveries,
    )
    assert row is not None
    rest = letter.subject.split(".", 3)[-1]
    about = {
        "consumer": letter.consumer,
        "event-id": letter.event_id,
        "stream": letter.stream,
        "seq": str(letter.stream_seq),
        "subject": letter.subject,
        "reason": letter.reason.value,
        "detail": letter.detail,
        "deliveries": str(letter.deliveries),
    }
    await enqueue(
        connection,
        event_id=f"dlq-{letter.consumer}-{letter.tenant}-{letter.event_id}-{letter.stream_seq}-{row['replays']}",
        tenant=letter.tenant,
        stream=subjects.DEAD_LETTERS,
        subject=f"qbsync.dlq.{CONTRACT_VERSION}.{letter.service}.{letter.tenant}.{rest}",
        headers={
            **letter.headers,
            **{f"qbsync-dlq-{name}": quote(value, safe=" :/.,()'*>-_") for name, value in about.items()},
        },
        payload=letter.payload[:LARGEST_PAYLOAD],
    )


@dataclass(frozen=True)
class DeadLetterRow:
    """A dead letter in its service's table, without its content."""

    id: int
    tenant_id: str
    consumer: str
    event_id: str
    stream: str
    stream_seq: int
    subject: str
    ce_type: str | None
    reason: str
    detail: str
    deliveries: int
    failed_at: datetime
    state: str
    replays: int


async def dead_letters(
    connection: Connection, *, before: int | None = None, limit: int = 100
) -> list[DeadLetterRow]:
    """Those that wait for a decision, newest first; `before` is the id of the last one of the page before."""
    rows = await connection.fetch(QUERIES["list_dead_letters"], before, limit)
    return [DeadLetterRow(**dict(row)) for row in rows]


async def replay(connection: Connection, dead_letter_id: int, *, by: str) -> None:
    """Send a dead letter again to where it came from, in the caller's transaction.

    It keeps ``ce-id``, so consumers that had handled it drop it; ``Nats-Msg-Id`` is new, so the stream takes it. The
    row is resolved once the consumer has handled it.

    Raises:
        NoSuchDeadLetterError: not there, or resolved or discarded.
    """
    row = await _open(connection, dead_letter_id)
    replays = row["replays"] + 1
    await send_again(
        connection,
        event_id=row["event_id"],
        tenant=row["tenant_id"],
        stream=row["stream"],
        subject=row["subject"],
        headers=row["headers"],
        payload=row["payload"],
        number=replays,
    )
    await connection.execute(QUERIES["decide_dead_letter"], dead_letter_id, "replayed", replays, by)


async def send_again(
    connection: Connection,
    *,
    event_id: str,
    tenant: str,
    stream: str,
    subject: str,
    headers: Mapping[str, str],
    payload: bytes,
    number: int,
) -> None:
    """Publish a message again through this service's outbox as ``{ce-id}.r{number}``; the log does so from QBSYNC_DLQ."""
    await enqueue(
        connection,
        event_id=f"{event_id}.r{number}",
        tenant=tenant,
        stream=stream,
        subject=subject,
        headers={**plain_headers(headers), REPLAY_HEADER: str(number)},
        payload=payload,
    )


async def discard(connection: Connection, dead_letter_id: int, *, by: str) -> None:
    """Give a dead letter up; the row stays as history.

    Raises:
        NoSuchDeadLetterError: not there, or resolved or discarded.
    """
    row = await _open(connection, dead_letter_id)
    await connection.execute(QUERIES["decide_dead_letter"], dead_letter_id, "discarded", row["replays"], by)


async def _open(connection: Connection, dead_letter_id: int) -> Any:
    row = await connection.fetchrow(QUERIES["read_dead_letter"], dead_letter_id)
    if row is None or row["state"] in {"resolved", "discarded"}:
        raise NoSuchDeadLetterError(f"there is no dead letter {dead_letter_id} that waits for a decision")
    return row
