"""What is said while NATS or PostgreSQL stands still, is away, crashes or has lost its disk."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest

from qbsync_shared import metrics, subjects
from qbsync_shared.messaging import provision, publish
from qbsync_shared.postgres import Database, is_transient
from qbsync_shared.postgres.migrate import migrate
from tests.shared.messaging.support import (
    PACKAGE,
    SCHEMA,
    configured,
    effects,
    ids,
    jetstream,
    pause,
    published,
    ready,
    running_bus,
    say,
    stored,
    subscription,
    until,
)
from tests.shared.servers import make_nats, make_postgres

pytestmark = pytest.mark.timeout(90)


async def test_a_publish_that_timed_out_but_was_stored_is_stored_once(sample, tmp_path, monkeypatch):
    """Trap 8: the server stands still, the relay gives up waiting, and the message arrives all the same."""
    monkeypatch.setattr("qbsync_shared.messaging.relay.PUBLISH_SECONDS", 0.5)
    server = make_nats(tmp_path / "nats")
    server.start()
    try:
        async with running_bus(sample, server.url):
            await say(sample, pause("before"))
            await published(sample, 1)
            failed = metrics.OUTBOX_PUBLISHED.labels(result="failed")._value.get()
            freeze(server)
            async with sample.tenant("acme") as connection:
                for number in range(20):
                    await publish(connection, pause(number))

            async def given_up():
                return metrics.OUTBOX_PUBLISHED.labels(result="failed")._value.get() >= failed + 20

            try:
                await until(given_up)
            finally:
                thaw(server)
            await published(sample, 21)
        assert ids(await stored(server.url, subjects.COMMANDS))[1:] == [f"acme-{n}" for n in range(20)]
    finally:
        server.stop()


def freeze(server):
    if not hasattr(server, "pid"):
        server.docker.pause()
    else:
        os.kill(server.pid, signal.SIGSTOP)


def thaw(server):
    if not hasattr(server, "pid"):
        server.docker.unpause()
    else:
        os.kill(server.pid, signal.SIGCONT)


async def test_the_end_comes_even_when_nats_stands_still(sample, nats_server):
    async with running_bus(sample, nats_server.url, subscription()) as bus:
        await ready(bus)
        freeze(nats_server)
        try:
            async with asyncio.timeout(30):
                await bus.stop()
        finally:
            thaw(nats_server)


async def test_work_is_accepted_while_nats_is_down(sample, nats_server):
    url = nats_server.url
    nats_server.stop()
    async with running_bus(sample, url, subscription()) as bus:
        await say(sample, pause(1))
        assert [await check.probe() for check in bus.checks()][:2] == ["not connected to NATS"] * 2
        nats_server.start()
        await ready(bus)

        async def handled():
            return await effects(sample) == ["acme-1"]

        await until(handled)


async def test_a_wiped_nats_heals_by_itself(sample, nats_server):
    """Streams, consumers, 30 days of messages and the last settings of each tenant come back; effects stay single."""
    async with running_bus(sample, nats_server.url, subscription()) as bus:
        await ready(bus)
        await say(
            sample, pause(1), configured("acme", 1), configured("acme", 2), configured("other", 1), pause(2)
        )
        await published(sample, 5)
        async with sample.everyone() as connection:
            await connection.execute(
                "update outbox set created_at = created_at - interval '31 days' where event_id in ('acme-1', 'acme-t2')"
            )
        nats_server.kill()
        nats_server.wipe()
        nats_server.start()
        await say(sample, pause(3))

        async def handled_all():
            return await effects(sample) == ["acme-1", "acme-2", "acme-3"]

        await until(handled_all)
        await published(sample, 6)
        await ready(bus)
    assert ids(await stored(nats_server.url, subjects.COMMANDS)) == ["acme-2", "acme-3"]
    assert sorted(ids(await stored(nats_server.url, subjects.TENANTS))) == ["acme-t2", "other-t1"]


async def test_a_stream_made_anew_by_somebody_else_is_filled_too(sample, nats_url):
    await say(sample, pause(1))
    async with running_bus(sample, nats_url):
        await published(sample, 1)
    async with jetstream(nats_url) as js:
        await js.delete_stream(subjects.COMMANDS)
    await provision(nats_url)
    async with running_bus(sample, nats_url):

        async def filled():
            return len(await stored(nats_url, subjects.COMMANDS)) == 1

        await until(filled)


@asynccontextmanager
async def careful_servers(directory):
    """A PostgreSQL and a NATS that keep what they confirmed, even when they are killed."""
    postgres = make_postgres(directory / "postgres", careful=True)
    nats_server = make_nats(directory / "nats", careful=True)
    postgres.start()
    nats_server.start()
    try:
        yield postgres, nats_server
    finally:
        nats_server.stop()
        postgres.stop()


async def go_on_saying(database, tenant, sure, enough):
    """Say one message after the other, through crashes; what got an answer is ``sure``."""
    number = 0
    while not enough.is_set():
        number += 1
        message = pause(f"{number:05}", tenant)
        try:
            await say(database, message)
        except Exception as error:
            if not is_transient(error):
                raise
            await asyncio.sleep(0.05)
        else:
            sure.append(message.id)


async def crash(servers, sure):
    """Kill and start one after the other, each while messages are said."""
    for server in servers:
        before = len(sure)

        async def written(before=before):
            return len(sure) > before + 40

        await until(written)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)


async def have_had_their_effect(database, sure):
    try:
        return set(sure) <= set(await effects(database))
    except Exception as error:
        if not is_transient(error):
            raise
        return False


async def test_kill_9_of_postgresql_and_nats_loses_and_doubles_nothing(tmp_path):
    """Writers go on through both crashes; whoever got an answer finds its message handled once."""
    sure: list[str] = []
    enough = asyncio.Event()
    async with careful_servers(tmp_path) as (postgres, nats_server):
        await migrate(postgres.url, SCHEMA, PACKAGE)
        sample = Database(postgres.url, schema=SCHEMA)
        await sample.open()
        async with running_bus(
            sample, nats_server.url, subscription(delays=(0.2, 0.5, 1.0, 2.0, 4.0), ack_wait=3)
        ):
            writers = [
                asyncio.create_task(go_on_saying(sample, tenant, sure, enough))
                for tenant in ("acme", "other")
            ]
            await crash((nats_server, postgres, nats_server, postgres), sure)
            enough.set()
            await asyncio.gather(*writers)
            await until(lambda: have_had_their_effect(sample, sure), 60)
        seen = await effects(sample)
        assert len(seen) == len(set(seen))
        async with sample.everyone() as connection:
            assert await connection.fetchval("select count(*) from dead_letter") == 0
        await sample.close()
