"""The fate of a delivered message, on the real server: the traps of FastStream and NATS one by one."""

import asyncio
import itertools
import time

import pytest
from nats.js.api import ConsumerConfig
from opentelemetry import trace

from qbsync_shared import subjects
from qbsync_shared.messages import Pause, Resume, TenantConfigured, TenantDeleted
from qbsync_shared.messaging import Subscription, TransientError, erase_tenant, provision, publish
from qbsync_shared.messaging.bus import Bus
from qbsync_shared.messaging.consumers import consumer_config
from qbsync_shared.messaging.dead_letters import (
    DeadLetter,
    NoSuchDeadLetterError,
    dead_letters,
    discard,
    replay,
)
from qbsync_shared.messaging.labels import without_tenant
from qbsync_shared.messaging.subscriptions import MAX_DELIVER
from qbsync_shared.postgres import Database
from qbsync_shared.postgres.migrate import migrate
from tests.shared.messaging.support import (
    AT,
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


@pytest.fixture
async def sample(database):
    return await database(SCHEMA, PACKAGE)


@pytest.fixture
async def streams(nats_url):
    await provision(nats_url)
    return nats_url


class Fails:
    """A handler that fails as told, then notes."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.times = []

    async def __call__(self, connection, message):
        self.times.append(time.monotonic())
        await note(connection, message)
        if self.errors:
            raise self.errors.pop(0)


async def open_letters(database):
    async with database.everyone() as connection:
        return await dead_letters(connection)


async def a_letter(database):
    async def there():
        return bool(await open_letters(database))

    await until(there)
    [letter] = await open_letters(database)
    return letter


async def handled(database, *events):
    async def all_of_them():
        return await effects(database) == list(events)

    await until(all_of_them)


async def settled(url):
    """Everything delivered was acknowledged, rejected or will come again later; nothing waits."""

    async def done():
        async with jetstream(url) as js:
            info = await js.consumer_info(subjects.COMMANDS, DURABLE)
        return info.num_pending == 0 and info.num_ack_pending == 0

    await until(done)


async def put(url, subject, body, **headers):
    async with jetstream(url) as js:
        await js.publish(
            subject, body, headers={name.replace("_", "-"): value for name, value in headers.items()} or None
        )


SUBJECT = "qbsync.v1.acme.desktop.command.pause"


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


async def test_a_message_delivered_again_has_no_second_effect(sample, streams):
    message = pause(1)
    async with running_bus(sample, streams, subscription()):
        for copy in range(3):  # as after the window in which NATS drops duplicates
            await put(streams, SUBJECT, message.encode(), ce_id=message.id, Nats_Msg_Id=f"copy-{copy}")
        await put(streams, SUBJECT, pause(2).encode(), ce_id="acme-2")
        await handled(sample, "acme-1", "acme-2")
        await settled(streams)
    assert await effects(sample) == ["acme-1", "acme-2"]


async def test_two_tenants_may_use_the_same_event_id(sample, streams):
    async with running_bus(sample, streams, subscription()):
        for tenant in ("acme", "other"):
            body = Pause(id="same", tenant=tenant, occurred_at=AT, edition="desktop", by="ann").encode()
            await put(streams, f"qbsync.v1.{tenant}.desktop.command.pause", body)
        await handled(sample, "same", "same")


async def test_two_consumers_of_one_event_each_handle_it(sample, nats_url):
    second = Subscription(subjects.COMMANDS, PAUSES, "sample-second", Pause, note)
    async with running_bus(sample, nats_url, subscription(), second):
        await say(sample, pause(1))
        await handled(sample, "acme-1", "acme-1")


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"no json", {}, "undecodable"),
        (b"\xff\xfe", {}, "undecodable"),
        (b"{}", {}, "undecodable"),
        (b"[" * 100_000, {}, "undecodable"),
        (pause(1).encode(), {"ce_type": "qbsync.v2.command.pause"}, "unknown-version"),
        (pause(1).encode(), {"ce_type": "someone.else"}, "unknown-version"),
        (pause(1).encode(), {"ce_type": "qbsync.v1.command.resume"}, "undecodable"),
        (pause(1, "other").encode(), {}, "wrong-tenant"),
    ],
)
async def test_what_no_try_can_handle_is_kept_with_the_reason(sample, streams, body, headers, reason):
    async with running_bus(sample, streams, subscription()):
        await put(streams, SUBJECT, body, **headers)
        letter = await a_letter(sample)
        await settled(streams)
    assert (letter.reason, letter.deliveries, letter.tenant_id) == (reason, 1, "acme")
    async with sample.everyone() as connection:
        assert await connection.fetchval("select payload from dead_letter") == body
    assert await effects(sample) == []


async def test_fields_of_a_later_minor_version_are_ignored(sample, streams):
    body = pause(1).encode().replace(b"{", b'{"added_later": {"x": 1}, ', 1)
    async with running_bus(sample, streams, subscription()):
        await put(streams, SUBJECT, body, ce_type=Pause.ce_type())
        await handled(sample, "acme-1")


async def test_a_dead_letter_is_replayed_once_and_resolved(sample, nats_url):
    handler = Fails(KeyError("first"), KeyError("second"))
    other = Subscription(subjects.COMMANDS, PAUSES, "sample-healthy", Pause, note)
    async with running_bus(sample, nats_url, subscription(handler), other):
        await say(sample, pause(1))
        first = await a_letter(sample)
        await replay_it(sample, first.id)

        async def failed_again():
            letters = await open_letters(sample)
            return len(letters) == 1 and letters[0].state == "open" and letters[0].replays == 1

        await until(failed_again)
        await replay_it(sample, first.id)

        async def resolved():
            return await open_letters(sample) == []

        await until(resolved)
        await settled(nats_url)
    assert await effects(sample) == [
        "acme-1",
        "acme-1",
    ]  # one by each consumer, although it was sent three times
    copies = await stored(nats_url, subjects.COMMANDS)
    assert [copy.headers["Nats-Msg-Id"] for copy in copies] == ["acme-1", "acme-1.r1", "acme-1.r2"]
    assert {copy.headers["ce-id"] for copy in copies} == {"acme-1"}
    assert {copy.subject for copy in copies} == {SUBJECT}
    assert len(await stored(nats_url, subjects.DEAD_LETTERS)) == 2


async def replay_it(database, dead_letter_id):
    async with database.everyone() as connection:
        await replay(connection, dead_letter_id, by="ann")


async def test_a_dead_letter_is_discarded(sample, nats_url):
    async with running_bus(sample, nats_url, subscription(Fails(KeyError("what")))):
        await say(sample, pause(1))
        letter = await a_letter(sample)
    async with sample.everyone() as connection:
        await discard(connection, letter.id, by="ann")
        assert await dead_letters(connection) == []
        with pytest.raises(NoSuchDeadLetterError):
            await replay(connection, letter.id, by="ann")
        row = await connection.fetchrow("select state, decided_by from dead_letter")
    assert tuple(row) == ("discarded", "ann")


async def test_what_a_handler_says_names_its_cause(sample, nats_url):
    async def answer(connection, message):
        await publish(
            connection,
            Resume(
                id=f"answer-{message.id}", tenant=message.tenant, occurred_at=AT, edition="desktop", by="ann"
            ),
        )

    async with running_bus(sample, nats_url, subscription(answer)):
        await say(sample, pause(1))

        async def answered():
            return len(await stored(nats_url, subjects.COMMANDS)) == 2

        await until(answered)
    [_, reply] = await stored(nats_url, subjects.COMMANDS)
    assert reply.headers["ce-causationid"] == "acme-1"


async def test_a_handler_that_fails_says_nothing(sample, nats_url):
    async def answer(connection, message):
        await publish(
            connection, Resume(id="never", tenant=message.tenant, occurred_at=AT, edition="desktop", by="ann")
        )
        raise KeyError

    async with running_bus(sample, nats_url, subscription(answer)):
        await say(sample, pause(1))
        await a_letter(sample)
        await settled(nats_url)
    assert [copy.headers["ce-id"] for copy in await stored(nats_url, subjects.COMMANDS)] == ["acme-1"]


async def test_a_handler_cannot_touch_another_tenant(sample, nats_url):
    async def cross(connection, message):
        await connection.execute("insert into effect (tenant_id, event_id) values ('other', $1)", message.id)

    async with running_bus(sample, nats_url, subscription(cross)):
        await say(sample, pause(1))
        letter = await a_letter(sample)
    assert letter.reason == "error"
    assert "row-level security" in letter.detail


async def test_a_shuffled_and_doubled_replay_changes_nothing(sample, streams):
    """What a filled-up stream does to consumers: everything again, in another order."""
    messages = [pause(number) for number in range(30)]
    async with running_bus(sample, streams, subscription()):
        for round_, order in enumerate((messages, messages[::-1], messages[10:] + messages[:20])):
            for copy, message in enumerate(order):
                await put(
                    streams, SUBJECT, message.encode(), ce_id=message.id, Nats_Msg_Id=f"{round_}-{copy}"
                )

        async def all_handled():
            return len(await effects(sample)) == 30

        await until(all_handled)
        await settled(streams)
    seen = await effects(sample)
    assert sorted(seen) == sorted({message.id for message in messages})


def test_the_consumer_of_a_subscription():
    config = consumer_config(subscription())
    assert (config.durable_name, config.filter_subject, config.backoff) == (DURABLE, PAUSES, None)


async def test_what_was_fetched_together_shares_a_transaction_and_fails_alone(sample, streams):
    calls = []

    async def picky(connection, message):
        calls.append((message.id, await connection.fetchval("select pg_current_xact_id()::text")))
        await note(connection, message)
        if message.id == "acme-3":
            raise KeyError(message.id)

    for number in range(6):
        await put(streams, SUBJECT, pause(number).encode(), ce_id=f"acme-{number}")
    async with running_bus(sample, streams, subscription(picky)):
        letter = await a_letter(sample)
        await settled(streams)
    assert letter.event_id == "acme-3"
    assert await effects(sample) == [f"acme-{n}" for n in (0, 1, 2, 4, 5)]
    assert len({transaction for _, transaction in calls[:4]}) == 1  # together, until one failed
    assert len({transaction for _, transaction in calls[4:]}) == 6  # then each alone


async def test_a_handler_of_many_gets_new_messages_of_one_tenant_in_order(sample, streams):
    groups = []

    async def many(connection, messages):
        groups.append([message.id for message in messages])
        for message in messages:
            await note(connection, message)

    for number in (0, 1, 2, 1, 3):
        for tenant in ("acme", "other"):
            await put(streams, f"qbsync.v1.{tenant}.desktop.command.pause", pause(number, tenant).encode())
    async with running_bus(sample, streams, subscription(handle_many=many)):
        await until(lambda: counted(sample, 8))
    assert sorted(groups) == [[f"{tenant}-{n}" for n in range(4)] for tenant in ("acme", "other")]


async def counted(database, number):
    return len(await effects(database)) == number


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


async def test_the_log_reads_every_services_dead_letters_once(sample, databases, nats_url):
    await migrate(sample.url, "watcher", PACKAGE)
    watcher = Database(sample.url, schema="watcher")
    await watcher.open()
    seen = []

    async def keep(connection, letter):
        seen.append(letter)
        if len(seen) == 1:
            raise KeyError("the first try fails")

    log_bus = Bus(service="log", database=watcher, nats_url=nats_url, dead_letters=keep, poll_seconds=0.2)
    await log_bus.start()
    try:
        async with running_bus(sample, nats_url, subscription(Fails(KeyError("äh"), KeyError("äh")))):
            await put_when_ready(nats_url)
            await say(sample, pause(1), pause(2, "other"))

            async def both():
                return len(seen) >= 2

            await until(both)
    finally:
        await log_bus.stop()
        await watcher.close()
    assert {(letter.service, letter.consumer) for letter in seen} == {("sample", DURABLE)}
    assert {letter.detail for letter in seen} == {"KeyError: 'äh'"}
    assert {letter.payload for letter in seen} <= {pause(1).encode(), pause(2, "other").encode()}


async def put_when_ready(url):
    async def provisioned():
        async with jetstream(url) as js:
            return len(await js.streams_info()) == 5

    await until(provisioned)


async def test_a_deleted_tenant_is_forgotten_here_and_on_the_streams(sample, nats_url):
    gone = TenantDeleted(id="gone", tenant="acme", occurred_at=AT, version=9)
    settings = TenantConfigured(
        id="set", tenant="acme", occurred_at=AT, version=1, name="Oak", plan="plus", edition="desktop"
    )

    async def fails_for_acme(connection, message):
        await note(connection, message)
        if message.tenant == "acme":
            raise KeyError

    async def forget(connection, message):
        await erase_tenant(connection, message.tenant)

    listen = Subscription(
        subjects.TENANTS, "qbsync.v1.*.wizard.tenant.deleted", "sample-gone", TenantDeleted, forget
    )
    async with running_bus(sample, nats_url, subscription(fails_for_acme), listen) as bus:
        await say(sample, pause(1), pause(1, "other"), settings)
        await a_letter(sample)
        await say(sample, gone)

        async def forgotten():
            return await open_letters(sample) == []

        await until(forgotten)
        await bus.purge_tenant("acme")
        with pytest.raises(ValueError, match="not a tenant id"):
            await bus.purge_tenant("*")
    async with sample.everyone() as connection:
        said = await connection.fetch("select event_id from outbox order by seq")
        heard = await connection.fetch("select tenant_id, event_id from inbox order by tenant_id")
    assert [row["event_id"] for row in said] == ["other-1", "gone"]
    assert [tuple(row) for row in heard] == [("acme", "gone"), ("other", "other-1")]
    left = [
        message
        for stream in (subjects.COMMANDS, subjects.TENANTS, subjects.DEAD_LETTERS)
        for message in await subjects_in(nats_url, stream)
    ]
    assert left == ["qbsync.v1.other.desktop.command.pause", "qbsync.v1.acme.wizard.tenant.deleted"]


async def subjects_in(url, stream):
    async with jetstream(url) as js:
        info = await js.stream_info(stream, subjects_filter=">")
    return sorted(info.state.subjects or [])


async def test_a_trace_goes_on_through_messages(sample, nats_url):
    async def answer(connection, message):
        await publish(
            connection,
            Resume(id="answer", tenant=message.tenant, occurred_at=AT, edition="desktop", by="ann"),
        )

    outer = trace.NonRecordingSpan(
        trace.SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=trace.TraceFlags(1))
    )
    async with running_bus(sample, nats_url, subscription(answer)):
        with trace.use_span(outer):
            await say(sample, pause(1))

        async def answered():
            return len(await stored(nats_url, subjects.COMMANDS)) == 2

        await put_when_ready(nats_url)
        await until(answered)
    traces = [
        message.headers["traceparent"].split("-")[1] for message in await stored(nats_url, subjects.COMMANDS)
    ]
    assert traces == [f"{0xABC:032x}"] * 2
