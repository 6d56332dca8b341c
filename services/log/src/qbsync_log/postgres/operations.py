"""What operators see and do, over all tenants: in transactions of ``database.everyone()``."""

from datetime import datetime
from typing import Any

from qbsync_shared.messaging import dead_letters
from qbsync_shared.messaging.dead_letters import DeadLetter
from qbsync_shared.postgres import Connection, Queries

QUERIES = Queries.load("qbsync_log.postgres", "operations.sql")
REPOSITORY = Queries.load("qbsync_log.postgres")
OWN = "log"


async def queues(connection: Connection, limit: int) -> tuple[Any, list[Any]]:
    """The sums over all tenants, and the tenants with the longest queues."""
    sums = await connection.fetchrow(QUERIES["count_queues"])
    return sums, list(await connection.fetch(QUERIES["list_queues"], limit))


async def keep_letter(connection: Connection, letter: DeadLetter, failed_at: datetime) -> None:
    """A dead letter that QBSYNC_DLQ tells of."""
    await connection.execute(
        QUERIES["insert_letter"],
        letter.tenant,
        letter.service,
        letter.consumer,
        letter.event_id,
        letter.stream,
        letter.stream_seq,
        letter.subject,
        dict(letter.headers),
        letter.payload,
        letter.reason.value,
        letter.detail,
        letter.deliveries,
        failed_at,
    )


async def letters(connection: Connection, *, before: int | None, limit: int) -> tuple[int, list[Any]]:
    """How many wait for a decision, and a page of them."""
    count = await connection.fetchval(QUERIES["count_letters"])
    return int(count), list(await connection.fetch(QUERIES["list_letters"], before, limit))


async def letter(connection: Connection, letter_id: int) -> Any:
    """One that waits for a decision; ``None`` when it was decided already."""
    return await connection.fetchrow(QUERIES["read_letter"], letter_id)


async def replay(connection: Connection, row: Any, *, by: str, why: str, at: datetime) -> None:
    """Send it again to where it came from. Consumers that had handled it drop it."""
    own = await _own(connection, row)
    if own is not None:
        await dead_letters.replay(connection, own, by=by)
    else:
        await dead_letters.send_again(
            connection,
            event_id=row["event_id"],
            tenant=row["tenant_id"],
            stream=row["stream"],
            subject=row["subject"],
            headers=row["headers"],
            payload=row["payload"],
            number=row["replays"] + 1,
        )
    await connection.execute(QUERIES["decide_letter"], row["id"], "replayed", row["replays"] + 1, at, by, why)


async def discard(connection: Connection, row: Any, *, by: str, why: str, at: datetime) -> None:
    """Give it up; the row stays as history."""
    own = await _own(connection, row)
    if own is not None:
        await dead_letters.discard(connection, own, by=by)
    await connection.execute(QUERIES["decide_letter"], row["id"], "discarded", row["replays"], at, by, why)


async def note_decision(
    connection: Connection, row: Any, *, message_id: str, do: str, by: str, why: str, at: datetime
) -> None:
    """Keep in the audit who decided about a dead letter; under ``-`` where its subject names no tenant."""
    details = {"subject": row["subject"], "event_id": row["event_id"], "consumer": row["consumer"]}
    about = (row["tenant_id"], message_id, at, OWN, by, f"dead-letter-{do}", None, None, None, why, details)
    await connection.execute(REPOSITORY["insert_audit"], *about)


async def _own(connection: Connection, row: Any) -> int | None:
    """The log's own dead letters are decided in its own table too, so that a handled replay resolves them."""
    if row["service"] != OWN:
        return None
    found = await connection.fetchval(
        QUERIES["own_letter"], row["consumer"], row["tenant_id"], row["event_id"]
    )
    return None if found is None else int(found)


async def audit(connection: Connection, limit: int) -> list[Any]:
    """Who did what, newest first."""
    return list(await connection.fetch(QUERIES["list_audit"], limit))
