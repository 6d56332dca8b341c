"""What the log records does not depend on the order of messages, nor on how often they come."""

import random
from typing import Any

import pytest

from qbsync_log.postgres import repository
from qbsync_shared.kinds import Kind
from qbsync_shared.messages import Dependency
from qbsync_shared.postgres import Database
from tests.log.story import TENANT, Story, customer, hear, invoice

DUMP = """
select sync_id, state, state_group, version, attempt, code, message, app_id, linked_app_id, quickbooks_id, entity_key, label,
       amount, resync_of, latest, bucket, cause, changed_at, waits_for, operation
  from sync order by sync_id
"""


def a_busy_day() -> Story:
    story = Story()
    story.tenant_configured()
    story.approved("s01", customer())
    story.approved("s02", invoice(), depends_on=(Dependency(kind=Kind.CUSTOMER, app_id="C-17"),))
    story.approved("s03", invoice("V-1043", "1043"))
    story.started("s01")
    story.failed("s01", "3100", "The name is in use.")
    story.waiting("s02", "QS-WAITS-FOR", waits_for=Dependency(kind=Kind.CUSTOMER, app_id="C-17"))
    story.waiting("s03", "QS-WAITS-FOR", waits_for=Dependency(kind=Kind.CUSTOMER, app_id="C-17"))
    story.badge(4)
    story.approved("s04", customer(name="Oak & Sons LLC"), resync_of="s01")
    story.started("s04")
    story.succeeded("s04", "80-17")
    story.linked("customer", "C-17", "80-17")
    story.started("s02")
    story.succeeded("s02", "90-1", warnings=({"code": "QS-TOTAL-DIFFERS", "message": "237.50 and 250.00"},))
    story.linked("invoice", "V-1042", "90-1")
    story.approved(
        "s05",
        {"kind": "customer", "name": "Fern Valley"},
        app_id=None,
        direction="import",
        quickbooks_id="80-44",
    )
    story.started("s05")
    story.succeeded("s05", "80-44")
    story.linked("customer", "C-44", "80-44")
    story.approved("s06", customer("C-44", "Fern Valley Co"), operation="update", quickbooks_id="80-44")
    story.failed("s06", "3120", "Object cannot be found.")
    story.cleared("customer", "C-44", "80-44")
    story.approved("s07", customer("C-50", "Bell"))
    story.cancelled("s07", by="Dana R.")
    story.connection(company="Oak.qbw")
    return story


async def dump(database: Database) -> list[tuple[Any, ...]]:
    async with database.tenant(TENANT) as connection:
        syncs = [tuple(row) for row in await connection.fetch(DUMP)]
        tallies = await connection.fetch(
            "select scope, key, n, total::text from tally where n <> 0 order by scope, key"
        )
        words = await connection.fetch("select word, sync_id from sync_word order by 1, 2")
        events = await connection.fetch("select message_id from sync_event order by 1")
        links = await connection.fetch("select kind, quickbooks_id, app_id, linked from link order by 1, 2")
    return [*syncs, *map(tuple, tallies), *map(tuple, words), *map(tuple, events), *map(tuple, links)]


async def test_a_day_is_recorded(log_database: Database) -> None:
    await hear(log_database, *a_busy_day().said)
    async with log_database.tenant(TENANT) as connection:
        rows = {row["sync_id"]: row for row in await connection.fetch("select * from sync")}
        needs = await connection.fetch(
            "select key, n from tally where scope = 'unsynced' and n > 0 order by key"
        )
    assert {key: (row["state"], row["bucket"]) for key, row in rows.items()} == {
        "s01": ("failed", None),
        "s02": ("succeeded", "needs_you"),
        "s03": ("waiting", "retries"),
        "s04": ("succeeded", None),
        "s05": ("succeeded", None),
        "s06": ("failed", "needs_you"),
        "s07": ("cancelled", None),
    }
    assert rows["s05"]["entity_key"] == "customer/app/C-44"
    assert not rows["s05"]["latest"]
    assert [tuple(row) for row in needs] == [
        ("needs_you|3120|customer", 1),
        ("needs_you|QS-TOTAL-DIFFERS|invoice", 1),
        ("retries|QS-WAITS-FOR|invoice|customer/app/C-17", 1),
    ]


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_and_any_repetition_give_the_same_log(log_database: Database, seed: int) -> None:
    story = a_busy_day()
    story.approved("s08", customer("C-60", "Elm Yard"))
    story.failed("s08", "3100", "The name is in use.")
    story.linked("customer", "C-60", "80-60", by="Dana R.", command_id="c-60")
    await hear(log_database, *story.said)
    expected = await dump(log_database)
    for tenant_row in (TENANT,):
        async with log_database.tenant(tenant_row) as connection:
            for table in (
                "sync",
                "sync_word",
                "sync_event",
                "link",
                "tally",
                "tenant",
                "badge",
                "connection",
            ):
                await connection.execute(f"delete from {table}")
    shuffled = story.said * 2
    random.Random(seed).shuffle(shuffled)
    await hear(log_database, *shuffled)
    assert await dump(log_database) == expected


async def test_another_tenant_sees_nothing(log_database: Database) -> None:
    await hear(log_database, *a_busy_day().said)
    async with log_database.tenant("fern") as connection:
        for table in (
            "sync",
            "sync_word",
            "sync_event",
            "link",
            "tally",
            "tenant",
            "badge",
            "connection",
            "request",
            "audit",
        ):
            assert await connection.fetchval(f"select count(*) from {table}") == 0
        assert await repository.read(connection, TENANT, "s01") is None
