"""The fate of a delivered message, on the real server: the traps of FastStream and NATS one by one."""

import asyncio
import itertools
import time

import pytest
from nats.js.api import ConsumerConfig

from qbsync_shared import subjects
from qbsync_shared.messaging import TransientError
from qbsync_shared.messaging.consumers import consumer_config
from qbsync_shared.messaging.dead_letters import (
    DeadLetter,
)
from qbsync_shared.messaging.labels import without_tenant
from qbsync_shared.messaging.subscriptions import MAX_DELIVER
from qbsync_shared.postgres import Database
from qbsync_shared.postgres.migrate import migrate
from tests.shared.messaging.outcomes import (
    SUBJECT,
    Fails,
    a_letter,
    handled,
    open_letters,
    put,
    settled,
)
from tests.shared.messaging.support import (
    DURABLE,
    PACKAGE,
    PAUSES,
    SCHEMA,
    effects,
    jetstream,
    note,
    pause,
    ready,
    running_bus,
    say,
    stored,
    subscription,
    until,
)
from tests.shared.servers import make_postgres

pytestmark = pytest.mark.timeout(90)


async def test_1_an_error_keeps_the_work_as_a_dead_letter(sample, nats_url):
    async with running_bus(sample, nats_url, subscription(Fails(KeyError("what")))):
        await say(sample, pause(1))
        letter = await a_letter(sample)

        async def told():
            return len(await stored(nats_url, subjects.DEAD_LETTERS)) == 1

        await until(told)
        await settled(nats_url)
    assert (letter.tenant_id, letter.consumer, letter.event_id, letter.reason, letter.deliveries) == (
        "acme",
        DURABLE,
        "acme-1",
        "error",
        1,
    )
    assert await effects(sample) == []
    [copy] = await stored(nats_url, subjects.DEAD_LETTERS)
    assert copy.subject == "qbsync.dlq.v1.sample.acme.desktop.command.pause"
    assert copy.data == pause(1).encode()
    read = DeadLetter.from_stream(copy.subject, copy.headers, copy.data)
    assert (read.service, read.tenant, read.event_id, read.subject, read.stream_seq) == (
        "sample",
        "acme",
        "acme-1",
        SUBJECT,
        letter.stream_seq,
    )
    assert not [name for name in read.headers if name.startswith(("Nats-", "qbsync-dlq"))]


async def test_2_and_3_retries_wait_as_long_as_asked_then_it_is_a_dead_letter(sample, nats_url):
    handler = Fails(*(TransientError("later") for _ in range(9)))
    async with running_bus(sample, nats_url, subscription(handler, delays=(0.3, 0.6, 0.3))):
        await say(sample, pause(1))
        letter = await a_letter(sample)
        async with jetstream(nats_url) as js:
            config = (await js.consumer_info(subjects.COMMANDS, DURABLE)).config
    gaps = [later - earlier for earlier, later in itertools.pairwise(handler.times)]
    assert len(gaps) == 3
    assert all(gap >= 0.8 * delay for gap, delay in zip(gaps, (0.3, 0.6, 0.3), strict=True)), gaps
    assert (letter.reason, letter.deliveries) == ("retries-exhausted", 4)
    assert not config.backoff
    assert config.max_deliver > 4
    assert await effects(sample) == []


async def test_a_retry_that_succeeds_has_its_effect_once(sample, nats_url):
    handler = Fails(TransientError("later"), ConnectionResetError("gone"))
    async with running_bus(sample, nats_url, subscription(handler, delays=(0.05, 0.05))):
        await say(sample, pause(1))
        await handled(sample, "acme-1")
    assert await open_letters(sample) == []


async def test_4_streams_keep_what_operators_set(sample, streams):
    async with jetstream(streams) as js:
        config = (await js.stream_info(subjects.COMMANDS)).config
        config.max_bytes, config.max_msgs_per_subject, config.duplicate_window = 1_000_000_000, 500_000, 7200
        await js.update_stream(config)
        async with running_bus(sample, streams, subscription()) as bus:
            await ready(bus)
            after = (await js.stream_info(subjects.COMMANDS)).config
    assert (after.max_bytes, after.max_msgs_per_subject, after.duplicate_window, after.max_age) == (
        1_000_000_000,
        500_000,
        7200,
        30 * 86_400,
    )


async def test_5_a_consumer_made_with_other_settings_is_brought_up_to_date(sample, streams):
    async with jetstream(streams) as js:
        await js.add_consumer(
            subjects.COMMANDS,
            ConsumerConfig(durable_name=DURABLE, filter_subject=PAUSES, ack_policy="explicit", ack_wait=10),
        )
        async with running_bus(sample, streams, subscription(ack_wait=33)) as bus:
            await ready(bus)
            config = (await js.consumer_info(subjects.COMMANDS, DURABLE)).config
    assert (config.ack_wait, config.max_deliver) == (33, MAX_DELIVER)


async def test_6_a_deleted_consumer_or_stream_comes_back(sample, streams):
    async with running_bus(sample, streams, subscription()) as bus, jetstream(streams) as js:
        await ready(bus)
        await say(sample, pause(1))
        await handled(sample, "acme-1")
        await js.delete_consumer(subjects.COMMANDS, DURABLE)
        await say(sample, pause(2))
        await handled(sample, "acme-1", "acme-2")
        await js.delete_stream(subjects.COMMANDS)
        await say(sample, pause(3))
        await handled(sample, "acme-1", "acme-2", "acme-3")
        await ready(bus)


async def test_7_the_event_loop_stays_alive_while_nats_is_away(sample, nats_server):
    async with running_bus(sample, nats_server.url, subscription()) as bus:
        await ready(bus)
        assert bus.broker.config.connection_state is not None
        await asyncio.to_thread(nats_server.kill)
        slowest = 0.0
        for _ in range(150):
            started = time.monotonic()
            await asyncio.sleep(0.01)
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 1.0
        await asyncio.to_thread(nats_server.start)
        await say(sample, pause(1))
        await handled(sample, "acme-1")


async def test_9_a_graceful_end_finishes_what_was_fetched(sample, streams):
    begun, ended = [], []

    async def slow(connection, message):
        begun.append(message.id)
        await asyncio.sleep(0.3)
        await note(connection, message)
        ended.append(message.id)

    async with running_bus(sample, streams, subscription(slow, batch_size=5)):
        await say(sample, *(pause(number) for number in range(12)))

        async def some():
            return len(begun) >= 5

        await until(some)
    assert sorted(begun) == sorted(ended) == sorted(await effects(sample))
    async with jetstream(streams) as js:
        info = await js.consumer_info(subjects.COMMANDS, DURABLE)
    assert info.num_ack_pending == 0
    assert info.num_pending == 12 - len(ended)


async def test_10_no_series_names_a_tenant(sample, nats_url):
    async with running_bus(sample, nats_url, subscription()) as bus:
        await say(sample, *(pause(1, tenant) for tenant in ("acme", "other", "third")))

        async def all_handled():
            return len(await effects(sample)) == 3

        await until(all_handled)
        series = [
            sample.labels["handler"]
            for metric in bus.registry.collect()
            for sample in metric.samples
            if sample.name == "qbsync_received_messages_total"
        ]
    assert series == ["qbsync.v1.{tenant}.desktop.command.pause"]
    assert without_tenant("other.subject") == "other.subject"


async def test_12_consumers_do_not_grow_with_tenants(sample, nats_url):
    async with running_bus(sample, nats_url, subscription()) as bus:
        await ready(bus)
        await say(sample, *(pause(1, f"tenant-{number}") for number in range(20)))

        async def all_handled():
            return len(await effects(sample)) == 20

        await until(all_handled)
        async with jetstream(nats_url) as js:
            assert (await js.stream_info(subjects.COMMANDS)).state.consumer_count == 1


def test_the_consumer_of_a_subscription():
    config = consumer_config(subscription())
    assert (config.durable_name, config.filter_subject, config.backoff) == (DURABLE, PAUSES, None)


async def test_while_postgresql_is_away_messages_wait(tmp_path, nats_url):
    """No dead letter, no loss: the storage that could note either is the one that is away."""
    server = make_postgres(tmp_path / "postgres", careful=True)
    server.start()
    try:
        await migrate(server.url, SCHEMA, PACKAGE)
        database = Database(server.url, schema=SCHEMA)
        await database.open()
        async with running_bus(database, nats_url, subscription(delays=(0.1, 0.1))) as bus:
            await ready(bus)
            await asyncio.to_thread(server.kill)
            await put(nats_url, SUBJECT, pause(1).encode(), ce_id="acme-1")

            async def tried_often():
                async with jetstream(nats_url) as js:
                    info = await js.consumer_info(subjects.COMMANDS, DURABLE)
                return info.delivered.consumer_seq > 4

            await until(tried_often)
            await asyncio.to_thread(server.start)
            await handled(database, "acme-1")
            assert await open_letters(database) == []
        await database.close()
    finally:
        server.stop()
