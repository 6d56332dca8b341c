"""Outbox and relay: order, duplicates, the lead, and what is kept."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from prometheus_client import generate_latest

from qbsync_shared import metrics, subjects
from qbsync_shared.messages import BadgeChanged
from qbsync_shared.messaging import MessageTooLargeError, provision, publish, publish_many
from qbsync_shared.messaging.outbox import LARGEST_PAYLOAD, QUERIES
from tests.shared.messaging.support import (
    AT,
    configured,
    ids,
    pause,
    published,
    ready,
    running_bus,
    say,
    stored,
    until,
)

pytestmark = pytest.mark.timeout(90)


async def test_what_is_said_arrives_as_a_cloudevent(sample, nats_url):
    message = pause(1)
    async with running_bus(sample, nats_url):
        async with sample.tenant("acme") as connection:
            await publish(connection, message, caused_by="cause-7")
        await published(sample, 1)
    [arrived] = await stored(nats_url, subjects.COMMANDS)
    assert arrived.subject == "qbsync.v1.acme.desktop.command.pause"
    assert arrived.data == message.encode()
    headers = {name: value for name, value in arrived.headers.items() if name != "traceparent"}
    assert headers == {
        "ce-specversion": "1.0",
        "ce-id": "acme-1",
        "ce-type": "qbsync.v1.command.pause",
        "ce-source": "qbsync/sample",
        "ce-time": "2026-11-02T12:00:00Z",
        "ce-subject": "qbsync.v1.acme.desktop.command.pause",
        "ce-dataschema": "events/command.pause.Pause.v1.json",
        "ce-tenant": "acme",
        "ce-causationid": "cause-7",
        "Content-Type": "application/json",
        "Nats-Msg-Id": "acme-1",
        "Nats-Expected-Stream": "QBSYNC_COMMANDS",
    }


async def test_what_was_rolled_back_was_never_said(sample, nats_url):
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the block is what fails
        async with sample.tenant("acme") as connection:
            await publish(connection, pause("lost"))
            raise ZeroDivisionError
    await say(sample, pause("kept"))
    async with running_bus(sample, nats_url):
        await published(sample, 1)
    assert ids(await stored(nats_url, subjects.COMMANDS)) == ["acme-kept"]


async def test_order_is_that_of_commits_not_of_inserts(sample, nats_url):
    """The first to insert commits last: it has seen what the other did, so it is said after it."""
    inserted, committed = asyncio.Event(), asyncio.Event()

    async def early_insert_late_commit():
        async with sample.tenant("acme") as connection:
            await publish(connection, pause("late"))
            inserted.set()
            await committed.wait()

    async def late_insert_early_commit():
        await inserted.wait()
        async with sample.tenant("acme") as connection:
            await publish(connection, pause("early"))
        committed.set()

    await asyncio.gather(early_insert_late_commit(), late_insert_early_commit())
    async with running_bus(sample, nats_url):
        await published(sample, 2)
    assert ids(await stored(nats_url, subjects.COMMANDS)) == ["acme-early", "acme-late"]


async def test_each_tenant_has_its_order_under_concurrent_writers(sample, nats_url):
    async def write(tenant):
        for number in range(60):
            await say(sample, pause(f"{number:03}", tenant))

    async with running_bus(sample, nats_url):
        await asyncio.gather(write("acme"), write("other"), write("third"))
        await published(sample, 180)
    arrived = ids(await stored(nats_url, subjects.COMMANDS))
    for tenant in ("acme", "other", "third"):
        assert [event for event in arrived if event.startswith(tenant)] == [
            f"{tenant}-{n:03}" for n in range(60)
        ]


async def test_a_crash_between_publishing_and_marking_doubles_nothing(sample, nats_url):
    await say(sample, *(pause(number) for number in range(10)))
    async with running_bus(sample, nats_url):
        await published(sample, 10)
    async with sample.everyone() as connection:
        await connection.execute("update outbox set published_at = null")
    async with running_bus(sample, nats_url):
        await published(sample, 10)
    assert ids(await stored(nats_url, subjects.COMMANDS)) == [f"acme-{number}" for number in range(10)]


async def test_only_one_relay_leads_and_the_next_takes_over(sample, nats_url):
    async with running_bus(sample, nats_url) as first:
        await ready(first)
        async with running_bus(sample, nats_url) as second:
            await say(sample, pause(1))
            await published(sample, 1)
            async with sample.everyone() as connection:
                held = "select count(*) from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())"
                assert await connection.fetchval(held) == 1
            await first.stop()
            await ready(second)
            await say(sample, pause(2))
            await published(sample, 2)


async def test_one_tenant_in_trouble_holds_up_no_other(sample, nats_url):
    await provision(nats_url)
    async with sample.tenant("acme") as connection:
        await connection.execute(  # a subject that no stream takes
            QUERIES["insert_outbox"],
            ["bad"],
            ["acme"],
            [subjects.COMMANDS],
            ["qbsync.v9.acme.x"],
            [{}],
            [b"{}"],
        )
    async with running_bus(sample, nats_url) as bus:

        async def cooling():
            return "acme" in bus._relay._cooling

        await until(cooling)
        await say(sample, pause("behind"), pause("free", "other"))
        await published(sample, 1)
        async with sample.everyone() as connection:
            assert (
                await connection.fetchval("select event_id from outbox where published_at is not null")
                == "other-free"
            )
            await connection.execute("update outbox set subject = 'qbsync.v1.acme.desktop.command.pause'")
        await published(sample, 3)
    assert ids_of_bodies(await stored(nats_url, subjects.COMMANDS)) == ["other-free", "bad", "acme-behind"]


def ids_of_bodies(messages):
    return [message.headers["Nats-Msg-Id"] for message in messages]


async def test_old_rows_are_forgotten_but_not_the_last_settings(sample, nats_url):
    await say(sample, pause(1), pause(2), configured("acme", 1), configured("acme", 2))
    async with sample.everyone() as connection:
        await connection.execute(
            "update outbox set published_at = now() - interval '40 days' where event_id <> 'acme-2'"
        )
        await connection.execute(QUERIES["purge_outbox"], 35, subjects.TENANTS)
        left = await connection.fetch("select event_id from outbox order by seq")
    assert [row["event_id"] for row in left] == ["acme-2", "acme-t2"]


async def test_replay_since_a_moment(sample, nats_url):
    await say(sample, pause(1), pause(2))
    async with sample.everyone() as connection:
        await connection.execute("update outbox set published_at = now()")
        await connection.execute(
            "update outbox set created_at = now() - interval '2 days' where event_id = 'acme-1'"
        )
        since = await connection.fetchval("select now() - interval '1 day'")
        await connection.execute(QUERIES["republish_since"], since)
        waiting = await connection.fetch(QUERIES["waiting_outbox"], 10, [])
    assert [row["event_id"] for row in waiting] == ["acme-2"]
    assert since.utcoffset() == timedelta(0)


async def test_what_nats_would_not_take_is_refused_where_it_is_said(sample):
    message = BadgeChanged(
        id="b-1", tenant="acme", occurred_at=AT, version=1, waiting=1, imports=0, exports=1
    )
    huge = message.model_copy(update={"id": "x" * (LARGEST_PAYLOAD + 1)})
    async with sample.tenant("acme") as connection:
        with pytest.raises(MessageTooLargeError):
            await publish(connection, huge)


async def test_the_same_event_id_twice_is_a_bug_of_the_writer(sample):
    await say(sample, pause(1))
    with pytest.raises(asyncpg.UniqueViolationError):
        await say(sample, pause(1))


async def test_metrics_tell_of_the_backlog(sample, nats_url):
    await say(sample, *(pause(number) for number in range(3)))
    async with running_bus(sample, nats_url) as bus:
        await ready(bus)
        await published(sample, 3)
        text = generate_latest(metrics.REGISTRY).decode()
    assert "qbsync_outbox_pending_messages" in text
    assert "qbsync_outbox_relay_leader 1.0" in text
    assert "acme" not in text


async def test_many_are_said_in_one_go_and_in_order(sample, nats_url):
    async with sample.tenant("acme") as connection:
        await publish_many(connection, [pause(f"{number:03}") for number in range(200)], caused_by="approval")
    async with running_bus(sample, nats_url):
        await published(sample, 200)
    arrived = await stored(nats_url, subjects.COMMANDS)
    assert ids(arrived) == [f"acme-{number:03}" for number in range(200)]
    assert {message.headers["ce-causationid"] for message in arrived} == {"approval"}
