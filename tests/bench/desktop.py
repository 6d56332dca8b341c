"""The gateway: drains of approved work, and empty polls."""

import itertools
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from argon2 import PasswordHasher

from qbsync_local.sandbox.desktop.seeding import open_company
from qbsync_qbwc_gateway.app import assemble
from qbsync_qbwc_gateway.session.passwords import Passwords
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import uuid7_maker
from tests.bench.figures import Figure
from tests.gateway.desktop import Desktop, Mishap
from tests.gateway.records import customer, invoice, item, line, payment
from tests.shared.databases import Databases

ADDS = 1_000
MIXED = 5_000
POLLS = 1_000


@asynccontextmanager
async def stage(server_url: str) -> AsyncIterator[Desktop]:
    """A gateway on a fresh database with one tenant, whose company is bound and read."""
    databases = Databases(server_url, {})
    clock = FrozenClock(datetime(2026, 11, 2, 12, 0, tzinfo=UTC))
    settings = GatewaySettings(
        database_url="postgresql://unused@127.0.0.1/unused",
        nats_url="nats://127.0.0.1:4222",
        public_url="http://127.0.0.1:8102",
        jwt_key="k" * 32,
    )
    opened = await databases.opened("gateway", "qbsync_qbwc_gateway")
    make_id = uuid7_maker()
    passwords = Passwords(now=clock.now, hasher=PasswordHasher())
    gateway = assemble(settings, opened, clock=clock, make_id=make_id, passwords=passwords)
    with tempfile.TemporaryDirectory() as folder:
        company = open_company(Path(folder) / "bench.qbw", now=clock.now)
        desktop = Desktop(gateway=gateway, database=opened, company=company, clock=clock, make_id=make_id)
        await desktop.configure()
        await desktop.connect()
        try:
            yield desktop
        finally:
            desktop.company.store.close()
            await databases.give_back()


async def one_more(first: Desktop, tenant: str) -> Desktop:
    """One more tenant with a company file of its own; connected, not yet run."""
    company = open_company(first.company.path.with_name(f"{tenant}.qbw"), now=first.clock.now)
    desktop = replace(
        first, tenant=tenant, company=company, faults=Mishap(), seqs=itertools.count(1), qwc="", password=""
    )
    await desktop.configure()
    await desktop.connect()
    return desktop


async def measure(server_url: str) -> list[Figure]:
    """Round trips and the gateway's own time, and empty polls a second."""
    async with stage(server_url) as desktop:
        await desktop.run()  # binds and reads
        await _approve(desktop, "Warm", 100)
        await desktop.run()
        await renew_statistics(desktop)
        figures = [*await _drain(desktop), await _slow(desktop), await _mixed(desktop)]
        await renew_statistics(desktop)
        return [*figures, await _polls(desktop)]


async def renew_statistics(desktop: Desktop) -> None:
    """What autovacuum does by itself within a minute."""
    owner = await asyncpg.connect(desktop.database.url)
    await owner.execute("vacuum analyze")
    await owner.close()


async def _approve(desktop: Desktop, name: str, count: int) -> None:
    for number in range(count):
        plain = {"kind": "customer", "revision": "1", "active": True}
        await desktop.approve({**plain, "app_id": f"{name}-{number}", "name": f"{name} {number:04d}"})
    desktop.clock.advance(timedelta(hours=2))


async def _drain(desktop: Desktop) -> list[Figure]:
    await _approve(desktop, "Customer", ADDS)
    endpoint = desktop.endpoint()
    report = await desktop.run(endpoint)
    await _all_succeeded(desktop)
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


async def _mixed(desktop: Desktop) -> Figure:
    """Customers, items, invoices and payments that refer to one another, in one session, an outcome for each."""
    for n in range(MIXED // 5):
        await desktop.approve(customer(f"C{n}", f"Mixed {n:04d}"))
    for n in range(MIXED // 10):
        await desktop.approve(item(f"I{n}", f"Mixed work {n:04d}"))
    for n in range(MIXED // 2):
        lines = [line("1", "1", "95.00", "95.00", item=f"I{n % (MIXED // 10)}")]
        await desktop.approve(invoice(f"V{n}", f"C{n % (MIXED // 5)}", lines))
    for n in range(MIXED // 5):
        paid = payment(f"P{n}", "95.00", {f"V{n}": "95.00"}, customer={"app_id": f"C{n}"})
        await desktop.approve(paid)
    desktop.clock.advance(timedelta(hours=2))
    report = await desktop.run()
    await _all_succeeded(desktop)
    return Figure(
        name=f"Web Connector round trips per 1,000 of {MIXED:,} mixed records in one session",
        value=report.round_trips * 1_000 / MIXED,
        unit="round trips",
        promise="at most 12",
    )


async def _all_succeeded(desktop: Desktop) -> None:
    states: dict[str, Any] = await desktop.states()
    assert set(states.values()) == {"succeeded"}, set(states.values())


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
