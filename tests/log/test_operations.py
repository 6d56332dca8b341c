"""Ops: queues over all tenants, dead letters from the stream to a decision, answers that never come."""

import asyncio
import json
from datetime import timedelta

import httpx
import nats
import pytest

from qbsync_log.letters import LetterReader
from qbsync_log.messages import SUBSCRIPTIONS
from qbsync_log.postgres import operations
from qbsync_log.service.expiry import Expiry
from qbsync_shared.clock import FrozenClock
from qbsync_shared.messaging import provision, publish
from qbsync_shared.messaging.dead_letters import DeadLetter, Reason, record
from qbsync_shared.postgres import Database
from qbsync_shared.web import Role
from tests.log.conftest import NOW, Bearer, SignIn
from tests.log.story import Story, customer, hear
from tests.log.test_api import outbox
from tests.log.test_pages import PAGE, csrf, read, words
from tests.log.test_projection import a_busy_day, dump
from tests.shared.messaging.support import running_bus, until


def letter(event_id: str = "e1", service: str = "wizard", tenant: str = "oak") -> DeadLetter:
    body = {
        "id": event_id,
        "tenant": tenant,
        "entity": {"kind": "customer", "email": "ann@oak.example", "tags": [1]},
    }
    return DeadLetter(
        service=service,
        consumer=f"{service}-entity-changed",
        tenant=tenant,
        event_id=event_id,
        stream="QBSYNC_EVENTS",
        stream_seq=7,
        subject=f"qbsync.v1.{tenant}.app.entity.changed",
        headers={"ce-id": event_id, "ce-type": "qbsync.v1.entity.changed"},
        payload=json.dumps(body).encode(),
        reason=Reason.UNKNOWN_VERSION,
        detail="version v3 is not known here",
        deliveries=1,
    )


async def keep(database: Database, *letters: DeadLetter) -> None:
    async with database.everyone() as connection:
        for one in letters:
            await operations.keep_letter(connection, one, NOW)


async def test_ops_is_for_operators_of_all_tenants(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    for role, tenant in ((Role.ADMIN, "*"), (Role.OPERATOR, "oak"), (Role.VIEWER, "oak")):
        sign_in(role, tenant)
        assert (await client.get("/ops", headers=PAGE)).status_code == 403
        assert (await client.post("/ops/letters/1", headers=PAGE)).status_code == 403
    sign_in(Role.OPERATOR, "*")
    text = words(await read(client, "/ops"))
    assert "No dead letters" in text
    assert "No tenants yet" in text


async def test_queues_of_all_tenants(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await hear(log_database, *a_busy_day().said)
    fern = Story("fern")
    fern.tenant_configured("Fern Valley")
    fern.approved("f1", customer())
    fern.connection(last_seen_at="2026-11-12T09:00:00Z", next_expected_at="2026-11-12T09:30:00Z")
    await hear(log_database, *fern.said)
    sign_in(Role.OPERATOR, "*")
    text = words(await read(client, "/ops"))
    assert "Waiting to be sent 2" in text
    assert "Need a person 2" in text
    assert "fern Fern Valley Silent since Today, 09:00 1" in text


async def test_a_dead_letter_is_inspected_and_replayed_with_a_reason(
    log_database: Database, client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await keep(log_database, letter())
    sign_in(Role.OPERATOR, "*")
    page = await read(client, "/ops")
    assert "app.entity.changed" in page
    assert "ann@oak.example" not in page
    opened = await read(client, "/ops?letter=1")
    assert "&#34;email&#34;: &#34;redacted&#34;" in opened
    assert "ann@oak.example" not in opened
    without = await client.post("/ops/letters/1", data={"csrf": csrf(opened), "do": "replay"}, headers=PAGE)
    assert without.status_code == 422
    assert await outbox(log_database) == []
    form = {"csrf": csrf(opened), "do": "replay", "reason": "The wizard knows it now"}
    assert (await client.post("/ops/letters/1", data=form)).headers["location"] == "/ops?done=replay#dead"
    async with log_database.everyone() as connection:
        row = await connection.fetchrow("select event_id, tenant_id, subject from outbox")
    assert tuple(row) == ("e1.r1", "oak", "qbsync.v1.oak.app.entity.changed")
    again = await client.post("/ops/letters/1", data=form)
    assert again.headers["location"] == "/ops?done=gone#dead"
    text = words(await read(client, "/ops?done=replay"))
    assert "No dead letters" in text
    assert "Dana R. dead-letter-replay oak The wizard knows it now" in text


async def test_a_replay_that_fails_again_is_open_again(log_database: Database) -> None:
    await keep(log_database, letter())
    async with log_database.everyone() as connection:
        row = await operations.letter(connection, 1)
        await operations.replay(connection, row, by="ops", why="try", at=NOW)
    async with log_database.everyone() as connection:
        await operations.keep_letter(connection, letter(), NOW)  # the same failure told again
        assert (await operations.letters(connection, before=None, limit=9))[0] == 0
        await operations.keep_letter(connection, letter(), NOW + timedelta(minutes=1))
        count, rows = await operations.letters(connection, before=None, limit=9)
    assert (count, rows[0]["replays"]) == (1, 1)


async def test_own_dead_letters_are_decided_in_the_own_table_too(log_database: Database) -> None:
    own = letter("e9", service="log")
    async with log_database.everyone() as connection:
        await record(connection, own)
        await operations.keep_letter(connection, own, NOW)
        await operations.discard(
            connection, await operations.letter(connection, 1), by="ops", why="old", at=NOW
        )
        assert await connection.fetchval("select state from dead_letter") == "discarded"


async def test_an_answer_that_never_comes_gives_the_entity_back(
    log_database: Database, client: httpx.AsyncClient, bearer: Bearer, clock: FrozenClock
) -> None:
    await hear(log_database, *a_busy_day().said)
    body = {"sync_ids": ["s06"]}
    await client.post("/api/v1/tenants/oak/unsynced/resync", json=body, headers=bearer(Role.APPROVER))
    expiry = Expiry(log_database, clock)
    assert await expiry.once() == 0
    clock.advance(timedelta(minutes=11))
    assert await expiry.once() == 1
    listed = (await client.get("/api/v1/tenants/oak/unsynced?code=3120", headers=bearer())).json()
    assert listed["items"][0]["unsynced"] == "needs_you"


@pytest.mark.xdist_group("log-nats")
async def test_from_the_stream_to_the_log(log_database: Database, nats_url: str) -> None:
    """The whole way on a real NATS: said twice and out of order, recorded once; what is no message is a dead letter."""
    await provision(nats_url)
    story = a_busy_day()
    reader = LetterReader(log_database, nats_url)
    async with running_bus(log_database, nats_url, *SUBSCRIPTIONS, service="log"):
        reading = asyncio.create_task(reader.run())
        for message in reversed(story.said):
            async with log_database.tenant(message.tenant) as connection:
                await publish(connection, message)
        client = await nats.connect(nats_url)
        await client.jetstream().publish(
            "qbsync.v1.oak.desktop.sync.failed", b"not json", headers={"ce-id": "bad", "Nats-Msg-Id": "bad"}
        )
        await client.close()

        async def recorded() -> bool:
            async with log_database.everyone() as connection:
                heard = await connection.fetchval("select count(*) from inbox")
                letters = await connection.fetchval("select count(*) from letter where event_id = 'bad'")
            return heard == len(story.said) and letters == 1

        await until(recorded)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    found = await dump(log_database)
    async with log_database.tenant("oak") as connection:
        for table in ("sync", "sync_word", "sync_event", "link", "tally", "tenant", "badge", "connection"):
            await connection.execute(f"delete from {table}")
    await hear(log_database, *story.said)
    assert await dump(log_database) == found
