"""What runs by itself: no company holds up another, and nothing spins."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from qbsync_qbo_worker.service import loops as module
from qbsync_qbo_worker.service.loops import Loops
from tests.worker.desk import Desk, T, customer, eventually, invoice


class Readings:
    """A reader of companies, one of which never answers and one of which breaks."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def run(self, tenant: str) -> int:
        if tenant == "slow":
            await asyncio.Event().wait()
        if tenant == "broken":
            raise RuntimeError("a fault in the reader")
        self.done.append(tenant)
        return 0

    async def know_lists(self, tenant: str) -> bool:
        return bool(tenant)


def loops_of(desk: Desk, *, drain: Any = None, reader: Any = None) -> Loops:
    return Loops(
        database=desk.database,
        drain=drain or desk.drain,
        reader=reader or desk.reader,
        links=desk.links,
        clock=desk.clock,
        read_interval=3600,
    )


@asynccontextmanager
async def running(loop: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    async def run() -> None:
        await loop()

    task = asyncio.create_task(run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


async def test_a_slow_company_and_a_broken_one_hold_up_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_SECONDS", 0.05)
    monkeypatch.setattr(module, "READERS", 1)
    names = ["broken", "slow", "then", "zinnia"]
    async with desk.database.everyone() as connection:
        for number, name in enumerate(names):
            await connection.execute(
                "insert into connection (tenant_id, state, realm_id) values ($1, 'connected', $2)",
                name,
                f"R-{number}",
            )
    reader = Readings()
    async with running(loops_of(desk, reader=reader).read_changes):
        await until(lambda: len(reader.done) == 3)
    assert sorted(reader.done) == sorted([T, "then", "zinnia"])


async def test_a_realm_where_nothing_can_go_is_left_alone_for_a_moment(desk: Desk) -> None:
    await desk.approve(invoice())  # refers to a customer that nobody ever sent: it waits out the grace
    runs: list[str] = []

    class Counting:
        holder = desk.drain.holder

        async def run(self, tenant: str, **_: object) -> int | None:
            runs.append(tenant)
            return await desk.drain.run(tenant)

    async with running(loops_of(desk, drain=Counting()).drain_realms):
        await until(lambda: bool(runs))
        await asyncio.sleep(0.5)
    assert len(runs) == 1


async def test_work_left_behind_by_a_killed_worker_is_found_without_new_work(desk: Desk) -> None:
    """An import is claimed and read without a stored call; its worker dies before it was judged."""
    made = desk.by_hand("Customer", "create", record={"DisplayName": "Fern House"})
    await desk.reader.run(T)
    told = (await desk.said("online.entity.changed"))[-1]
    sync = await desk.approve(
        told["entity"], direction="import", app_id=None, quickbooks_id=made["Id"], kind="customer"
    )
    async with desk.database.tenant(T) as connection:
        await desk.queue.claim(connection, T, holder="dead#1", limit=1)
    desk.clock.advance(timedelta(minutes=1))
    async with running(loops_of(desk).drain_realms):
        await eventually(desk.said, "entity.imported")
    assert (await desk.state(sync))[0] == "in_flight"


async def test_lists_are_read_before_the_first_name_is_looked_up(desk: Desk) -> None:
    async with desk.database.tenant(T) as connection:
        await connection.execute("delete from read_cursor")
        await connection.execute("delete from seen_entity")
    sync = await desk.approve(
        {"kind": "item", "app_id": "I-1", "revision": "1", "type": "service", "name": "Care", "active": True,
         "income_account": {"name": "Services"}}
    )  # fmt: skip
    async with running(loops_of(desk).drain_realms):
        await eventually(desk.is_in, sync, "succeeded", "failed")
    assert await desk.state(sync) == ("succeeded", None)


async def test_an_unreadable_record_is_left_out_and_the_rest_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qbsync_qbo_worker.service import requests  # noqa: PLC0415

    original = requests.seen_of

    def breaking(kind: Any, record: dict[str, Any]) -> Any:
        if record.get("DisplayName") == "Odd":
            raise KeyError("a property that every record has")
        return original(kind, record)

    monkeypatch.setattr(requests, "seen_of", breaking)
    for name in ("Ash", "Odd", "Zinnia"):
        desk.by_hand("Customer", "create", record={"DisplayName": name})
    assert await desk.reader.run(T) == 2


async def test_a_stopped_worker_waits_for_the_answers_to_what_it_sent(desk: Desk) -> None:
    sync = await desk.approve(customer())
    desk.trouble("delay", entity="Customer", operation="create", seconds=1)
    task = asyncio.create_task(desk.drain.run(T))
    await eventually(desk.is_in, sync, "in_flight", "succeeded")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await desk.state(sync) == ("succeeded", None)
