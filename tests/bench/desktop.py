"""The gateway: a thousand approved customers through one session, and empty polls."""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2 import PasswordHasher

from qbsync_local.sandbox.desktop.seeding import open_company
from qbsync_qbwc_gateway.app import assemble
from qbsync_qbwc_gateway.session.passwords import Passwords
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import uuid7_maker
from tests.bench.figures import Figure
from tests.gateway.desktop import Desktop
from tests.shared.databases import Databases

ADDS = 1_000
POLLS = 1_000


async def measure(server_url: str) -> list[Figure]:
    """Round trips and the gateway's own time for a thousand adds; empty polls a second."""
    databases = Databases(server_url, {})
    clock = FrozenClock(datetime(2026, 11, 2, 12, 0, tzinfo=UTC))
    settings = GatewaySettings(
        database_url="postgresql://unused@127.0.0.1/unused",
        nats_url="nats://127.0.0.1:4222",
        public_url="http://127.0.0.1:8102",
        jwt_key="k" * 32,
    )
    with tempfile.TemporaryDirectory() as folder:
        opened = await databases.opened("gateway", "qbsync_qbwc_gateway")
        make_id = uuid7_maker()
        passwords = Passwords(now=clock.now, hasher=PasswordHasher())
        gateway = assemble(settings, opened, clock=clock, make_id=make_id, passwords=passwords)
        company = open_company(Path(folder) / "bench.qbw", now=clock.now)
        desktop = Desktop(gateway=gateway, database=opened, company=company, clock=clock, make_id=make_id)
        await desktop.configure()
        await desktop.connect()
        await desktop.run()  # binds and reads
        try:
            return [*await _drain(desktop), await _slow(desktop), await _polls(desktop)]
        finally:
            company.store.close()
            await databases.give_back()


async def _slow(desktop: Desktop) -> Figure:
    """Round trips where each write takes QuickBooks a second; it has shown so in an earlier run."""
    desktop.faults.seconds_per_write = 1.0
    desktop.faults.sleep = lambda seconds: desktop.clock.advance(timedelta(seconds=seconds))
    await _approve(desktop, "Slow", 20)
    await desktop.run()
    await _approve(desktop, "Slower", ADDS)
    report = await desktop.run()
    desktop.faults.seconds_per_write = 0.0
    return Figure(
        name="Web Connector round trips per 1,000 adds, an add takes QuickBooks a second",
        value=report.round_trips * 1_000 / ADDS,
        unit="round trips",
        promise="at most 50",
    )


async def _approve(desktop: Desktop, name: str, count: int) -> None:
    for number in range(count):
        customer = {"kind": "customer", "revision": "1", "active": True}
        await desktop.approve({**customer, "app_id": f"{name}-{number}", "name": f"{name} {number:04d}"})
    desktop.clock.advance(timedelta(hours=1))


async def _drain(desktop: Desktop) -> list[Figure]:
    await _approve(desktop, "Customer", ADDS)
    endpoint = desktop.endpoint()
    report = await desktop.run(endpoint)
    states = set((await desktop.states()).values())
    assert states == {"succeeded"}, states
    per_thousand = 1_000 / ADDS
    return [
        Figure(
            name="Web Connector round trips per 1,000 adds, quick QuickBooks",
            value=report.round_trips * per_thousand,
            unit="round trips",
            promise="at most 12",
        ),
        Figure(
            name="Gateway's own time to drain 1,000 adds",
            value=sum(seconds for _, seconds in endpoint.took) * per_thousand,
            unit="s",
            promise="at most 1.0",
        ),
    ]


async def _polls(desktop: Desktop) -> Figure:
    connector = desktop.gateway.connector
    user = desktop.qwc.split("<UserName>", 1)[1].split("</UserName>", 1)[0]
    began = time.perf_counter()
    for _ in range(POLLS):
        await connector.server_version()
        await connector.client_version("34.0.10011.101", address="127.0.0.1")
        ticket, _answer, *_ = await connector.authenticate(user, desktop.password, address="127.0.0.1")
        await connector.close_connection(ticket)
    took = time.perf_counter() - began
    return Figure(name="Empty polls, one core", value=POLLS / took, unit="polls/s", promise="at least 500")
