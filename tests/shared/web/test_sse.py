"""Hints to open pages."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from qbsync_shared.web.sse import Hint, Hints, Streams, notify


async def take(chunks: AsyncIterator[Any]) -> str:
    async with asyncio.timeout(5):
        return bytes(await anext(chunks)).decode()


async def test_each_page_of_the_tenant_hears_each_name_once() -> None:
    hints = Hints("wizard")
    with hints.subscribe("oak") as one, hints.subscribe("oak") as two, hints.subscribe("elm") as other:
        for _ in range(3):
            hints.tell("oak", "counts")
        hints.tell("oak", "review")
        for page in (one, two):
            assert [await anext(page), await anext(page)] == [Hint("counts", 3), Hint("review", 4)]
        hints.tell("elm", "counts")
        assert await anext(other) == Hint("counts", 5)
        waiting = asyncio.ensure_future(anext(one))
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
    assert hints._pages == {}


async def test_a_stream_gives_hints_and_signs_of_life() -> None:
    hints, streams = Hints("wizard"), Streams()
    response = streams.respond(hints, "oak", heartbeat=0.02)
    chunks = response.body_iterator
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    assert await take(chunks) == "retry: 3000\n\n"
    assert "event: counts" in await take(chunks)
    assert await take(chunks) == ": still here\n\n"
    hints.tell("oak", "counts")
    assert await take(chunks) == "id: 1\nevent: counts\ndata: 1\n\n"
    await chunks.aclose()
    assert hints._pages == {}
    assert streams._closing == set()


async def test_a_page_looks_at_once_for_what_was_said_before_its_stream() -> None:
    hints = Hints("wizard")
    hints.tell("oak", "counts")
    answer = Streams().respond(hints, "oak", all_names=("counts", "syncs"))
    chunks = answer.body_iterator
    seen = [await take(chunks) for _ in range(3)]
    assert ["event: counts" in seen[1], "event: syncs" in seen[2]] == [True, True]
    await chunks.aclose()


async def test_streams_end_when_the_process_stops() -> None:
    hints, streams = Hints("wizard"), Streams()
    chunks = streams.respond(hints, "oak").body_iterator
    assert ["retry" in await take(chunks), "counts" in await take(chunks)] == [True, True]
    waiting = asyncio.ensure_future(anext(chunks))
    await asyncio.sleep(0)
    streams.close()
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 5)
    late = streams.respond(hints, "oak").body_iterator
    assert await take(late) == "retry: 3000\n\n"
    with pytest.raises(StopAsyncIteration):
        await take(late)


async def test_transactions_give_hints_across_processes(postgres_url: str) -> None:
    hints = Hints("wizard")
    listening = asyncio.create_task(hints.listen(postgres_url))
    connection = await asyncpg.connect(postgres_url)
    try:
        with hints.subscribe("oak") as page:
            # LISTEN is in place when a first hint arrives
            async with asyncio.timeout(10):
                first = asyncio.ensure_future(anext(page))
                while not first.done():
                    await notify(connection, "wizard", "oak", "probe")
                    await asyncio.sleep(0.01)
            transaction = connection.transaction()
            await transaction.start()
            await notify(connection, "wizard", "oak", "counts")
            await notify(connection, "wizard", "oak", "counts")
            await notify(connection, "log", "oak", "another-service")
            await transaction.commit()
            names = set()
            async with asyncio.timeout(5):
                while "counts" not in names:
                    names.add((await anext(page)).name)
            assert names <= {"probe", "counts"}
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'"
            )
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(listening, 5)
    finally:
        listening.cancel()
        await connection.close()
