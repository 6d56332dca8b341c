"""Handlers: one effect however often a message comes, one transaction, one tenant, and what they say."""

import pytest
from opentelemetry import trace

from qbsync_shared import subjects
from qbsync_shared.messages import Pause, Resume
from qbsync_shared.messaging import Subscription, publish
from tests.shared.messaging.outcomes import (
    SUBJECT,
    a_letter,
    handled,
    provisioned,
    put,
    settled,
)
from tests.shared.messaging.support import (
    AT,
    PAUSES,
    effects,
    note,
    pause,
    running_bus,
    say,
    stored,
    subscription,
    until,
)

pytestmark = pytest.mark.timeout(90)


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

        await provisioned(nats_url)
        await until(answered)
    traces = [
        message.headers["traceparent"].split("-")[1] for message in await stored(nats_url, subjects.COMMANDS)
    ]
    assert traces == [f"{0xABC:032x}"] * 2
