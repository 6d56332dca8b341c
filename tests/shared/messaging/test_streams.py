"""The provisioner: what it makes, that it is idempotent, shows its changes, and shrinks nothing unasked."""

import re

import pytest

from qbsync_shared import subjects
from qbsync_shared.messages import ALL_MESSAGES
from qbsync_shared.messaging import ShrinkRefusedError, provision
from qbsync_shared.messaging.outbox import stream_of
from qbsync_shared.messaging.streams import STREAMS, wanted_streams
from tests.shared.messaging.support import jetstream

DAY = 86_400


async def test_everything_of_the_contract_is_made_once(nats_url):
    made = await provision(nats_url)
    assert [change.stream for change in made] == list(STREAMS)
    assert str(made[1]) == "+ QBSYNC_COMMANDS: qbsync.v1.*.*.command.*; kept for 30 days"
    assert await provision(nats_url) == []
    async with jetstream(nats_url) as js:
        kept = {name: (await js.stream_info(name)).config for name in STREAMS}
    assert {name: config.max_age / DAY for name, config in kept.items()} == {
        subjects.EVENTS: 30,
        subjects.COMMANDS: 30,
        subjects.TENANTS: 0,
        subjects.DEAD_LETTERS: 60,
        subjects.ADVISORIES: 30,
    }
    assert kept[subjects.TENANTS].max_msgs_per_subject == 1
    assert {config.retention for config in kept.values()} == {"limits"}


async def test_a_dry_run_only_tells(nats_url):
    assert len(await provision(nats_url, dry_run=True)) == len(STREAMS)
    async with jetstream(nats_url) as js:
        assert await js.streams_info() == []


async def test_what_operators_set_beside_the_contract_stays(nats_url):
    await provision(nats_url)
    async with jetstream(nats_url) as js:
        config = (await js.stream_info(subjects.EVENTS)).config
        config.max_bytes, config.max_age = 5_000_000_000, 10 * DAY
        await js.update_stream(config)
        changes = await provision(nats_url)
        after = (await js.stream_info(subjects.EVENTS)).config
    assert [str(change) for change in changes] == ["~ QBSYNC_EVENTS.max_age: 864000.0 -> 2592000.0"]
    assert (after.max_bytes, after.max_age) == (5_000_000_000, 30 * DAY)


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_age", 90 * DAY), ("max_age", 0), ("subjects", ["qbsync.v1.*.*.command.*", "kept.by.operators"])],
)
async def test_it_does_not_shrink_unless_told_to(nats_url, field, value):
    await provision(nats_url)
    async with jetstream(nats_url) as js:
        config = (await js.stream_info(subjects.COMMANDS)).config
        setattr(config, field, value)
        await js.update_stream(config)
        with pytest.raises(ShrinkRefusedError, match=f"QBSYNC_COMMANDS.{field}.*"):
            await provision(nats_url)
        assert getattr((await js.stream_info(subjects.COMMANDS)).config, field) == value
        [change] = await provision(nats_url, allow_shrink=True)
    assert (change.stream, change.field) == ("QBSYNC_COMMANDS", field)
    assert await provision(nats_url) == []


async def test_growing_needs_no_flag(nats_url):
    await provision(nats_url)
    async with jetstream(nats_url) as js:
        config = (await js.stream_info(subjects.TENANTS)).config
        config.max_age = 5 * DAY
        await js.update_stream(config)
    assert [change.field for change in await provision(nats_url)] == ["max_age"]


def matches(pattern, subject):
    expression = re.escape(pattern).replace(r"\*", "[^.]+").replace(">", ".+")
    return re.fullmatch(expression, subject) is not None


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.__name__)
@pytest.mark.parametrize("channel", ["app", "wizard", "desktop", "online"])
def test_every_message_has_exactly_one_stream(message, channel):
    if message.fixed_channel is not None:
        channel = message.fixed_channel.value
    subject = f"qbsync.v1.acme.{channel}.{message.noun}.{message.verb}"
    holding = [
        config.name
        for config in wanted_streams()
        if any(matches(pattern, subject) for pattern in config.subjects)
    ]
    assert holding == [stream_of(message.noun)]


def test_an_unknown_noun_has_no_stream():
    with pytest.raises(ValueError, match="no stream"):
        stream_of("weather")
