"""Dead letters: why a message becomes one, replay, discarding, the copy for the log, and a deleted tenant's."""

import pytest

from qbsync_shared import subjects
from qbsync_shared.messages import Pause, TenantConfigured, TenantDeleted
from qbsync_shared.messaging import Subscription, erase_tenant
from qbsync_shared.messaging.bus import Bus
from qbsync_shared.messaging.dead_letters import (
    NoSuchDeadLetterError,
    dead_letters,
    discard,
    replay,
)
from qbsync_shared.postgres import Database
from qbsync_shared.postgres.migrate import migrate
from tests.shared.messaging.outcomes import (
    SUBJECT,
    Fails,
    a_letter,
    handled,
    open_letters,
    provisioned,
    put,
    settled,
)
from tests.shared.messaging.support import (
    AT,
    DURABLE,
    PACKAGE,
    PAUSES,
    effects,
    jetstream,
    note,
    pause,
    running_bus,
    say,
    stored,
    subscription,
    until,
)

pytestmark = pytest.mark.timeout(90)


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
            await provisioned(nats_url)
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
