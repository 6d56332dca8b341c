"""Telling and hearing: over NATS, and over HTTP where NATS is not there."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import nats
import pytest
from tests.sandbox.demo_app.outside import KEY, TENANT, WIZARD, Outside
from tests.shared.servers import WipeableServer

from qbsync_local.sandbox.demo_app.imports import Imports
from qbsync_local.sandbox.demo_app.people import Tokens
from qbsync_local.sandbox.demo_app.qbsync_api import QbsyncApi
from qbsync_local.sandbox.demo_app.standing import Standing
from qbsync_local.sandbox.demo_app.store import Store
from qbsync_local.sandbox.demo_app.stream import Bus, Listener, Teller
from qbsync_shared.messages import AppEntityChanged, BadgeChanged, EntityImported
from qbsync_shared.messaging import provision

CUSTOMER = {"name": "Oak & Sons"}
PATH = f"/api/v1/tenants/{TENANT}"


@pytest.fixture
async def api(outside: Outside) -> AsyncIterator[QbsyncApi]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(outside.answer)) as http:
        yield QbsyncApi(WIZARD, Tokens(KEY), http)


def teller(store: Store, api: QbsyncApi, bus: Bus | None = None) -> Teller:
    return Teller(store, bus or Bus("nats://127.0.0.1:1"), api)


async def test_without_nats_everything_goes_over_http(
    store: Store, imports: Imports, api: QbsyncApi, outside: Outside
) -> None:
    store.save(TENANT, "customer", "C 1/a", CUSTOMER)
    store.delete(TENANT, "customer", "C 1/a")
    entity = {"kind": "customer", "name": "Elm"}
    imports.take(TENANT, {"sync_id": "s-1", "kind": "customer", "quickbooks_id": "8", "entity": entity})
    await teller(store, api).drain()
    assert outside.calls == [
        ("PUT", f"{PATH}/entities/customer/C%201%2Fa"),
        ("DELETE", f"{PATH}/entities/customer/C%201%2Fa?revision=2"),
        ("PUT", f"{PATH}/entities/customer/C-101?import_sync_id=s-1"),
        ("POST", f"{PATH}/imports/s-1"),
    ]
    assert outside.bodies[3] == {"applied": {"app_id": "C-101", "revision": "1"}}
    assert store.queued(TENANT) == []


async def test_what_cannot_be_told_now_stays(store: Store, api: QbsyncApi, outside: Outside) -> None:
    outside.down = True
    store.save(TENANT, "customer", "C-1", CUSTOMER)
    await teller(store, api).drain()
    assert len(store.queued(TENANT)) == 1
    outside.down = False
    await teller(store, api).drain()
    assert store.queued(TENANT) == []


async def test_a_refusal_is_kept_with_its_reason_and_blocks_nothing(
    store: Store, api: QbsyncApi, outside: Outside
) -> None:
    outside.refuse = True
    store.save(TENANT, "customer", "C-1", CUSTOMER)
    await teller(store, api).drain()
    outside.refuse = False
    store.save(TENANT, "customer", "C-2", CUSTOMER)
    await teller(store, api).drain()
    (left,) = store.queued(TENANT)
    assert left.refused == "The request does not fit. #/name is too long"


async def test_the_badge_and_imports_are_asked_for_where_nats_is_not_there(
    store: Store, standing: Standing, imports: Imports, api: QbsyncApi, outside: Outside
) -> None:
    listener = Listener(Bus("nats://127.0.0.1:1"), api, standing, imports, [TENANT])
    polling = asyncio.create_task(listener.poll())
    await until(lambda: standing.badge(TENANT)[0] == 7 and ("GET", f"{PATH}/imports") in outside.calls)
    polling.cancel()


async def test_over_nats_it_tells_and_hears(
    nats_server: WipeableServer, store: Store, standing: Standing, imports: Imports, api: QbsyncApi
) -> None:
    await provision(nats_server.url)
    bus = Bus(nats_server.url)
    telling = teller(store, api, bus)
    store.changed = telling.wake
    listener = Listener(bus, api, standing, imports, [TENANT])
    await bus.connect()
    loops = [asyncio.create_task(telling.run()), asyncio.create_task(listener.run())]
    try:
        store.save(TENANT, "customer", "C-1", CUSTOMER)
        await until(lambda: store.queued(TENANT) == [])
        told = await bus.stream.get_last_msg("QBSYNC_EVENTS", f"qbsync.v1.{TENANT}.app.entity.changed")
        assert told.data is not None
        assert AppEntityChanged.decode(told.data).entity is not None
        await say(nats_server.url, badge(4, 1), badge(4, 1), badge(9, 1, tenant="somebody-else"), elm())
        await until(lambda: standing.badge(TENANT)[0] == 4 and len(store.records(TENANT, "customer")) == 2)
        await until(lambda: store.queued(TENANT) == [])
        assert standing.badge("somebody-else") == (0, 0)
        await kept_over_a_restart(nats_server, store, standing)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await bus.close()


async def kept_over_a_restart(server: WipeableServer, store: Store, standing: Standing) -> None:
    """NATS goes and comes back: what was saved meanwhile is told, what is said then is heard."""
    server.kill()
    server.start()
    store.save(TENANT, "customer", "C-3", CUSTOMER)
    await until(lambda: store.queued(TENANT) == [])
    await say(server.url, badge(6, 2))
    await until(lambda: standing.badge(TENANT)[0] == 6)


def badge(waiting: int, version: int, tenant: str = TENANT) -> BadgeChanged:
    return BadgeChanged(
        id=f"{tenant}-b{version}", tenant=tenant, occurred_at="2026-11-02T12:00:00Z", version=version, waiting=waiting, imports=0,
        exports=waiting,
    )  # fmt: skip


def elm() -> EntityImported:
    return EntityImported(
        id="i1", tenant=TENANT, occurred_at="2026-11-02T12:00:00Z", edition="desktop", sync_id="s-1", kind="customer",
        quickbooks_id="8-2", entity={"kind": "customer", "name": "Elm"},
    )  # fmt: skip


async def say(url: str, *messages: BadgeChanged | EntityImported) -> None:
    client = await nats.connect(url)
    for message in messages:
        await client.jetstream().publish(message.subject, message.encode())
    await client.close()


async def until(condition: object) -> None:
    """Wait, at most twenty seconds."""
    assert callable(condition)
    for _ in range(400):
        if condition():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not happen")
