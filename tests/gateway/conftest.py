"""A gateway over a fresh database, with a simulated company and Web Connector."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from qbsync_local.sandbox.desktop.seeding import open_company
from qbsync_qbwc_gateway.app import assemble
from qbsync_qbwc_gateway.session.passwords import Passwords
from qbsync_qbwc_gateway.settings import GatewaySettings
from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId
from tests.conftest import MakeDatabase
from tests.gateway.desktop import Desktop


@pytest.fixture
def settings() -> GatewaySettings:
    return gateway_settings("http://127.0.0.1:8102")


def gateway_settings(address: str) -> GatewaySettings:
    """Settings of a gateway that reads QuickBooks at every run."""
    return GatewaySettings(
        database_url="postgresql://unused@127.0.0.1/unused",
        nats_url="nats://127.0.0.1:4222",
        public_url=address,
        jwt_key="k" * 32,
        read_every_seconds=0,
    )


@pytest.fixture
async def desktop(
    database: MakeDatabase, tmp_path: Path, clock: FrozenClock, make_id: MakeId, settings: GatewaySettings
) -> AsyncIterator[Desktop]:
    opened = await database("gateway", "qbsync_qbwc_gateway")
    quick = Passwords(now=clock.now, hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    gateway = assemble(settings, opened, clock=clock, make_id=make_id, passwords=quick)
    company = open_company(tmp_path / "oak.qbw", now=clock.now)
    made = Desktop(gateway=gateway, database=opened, company=company, clock=clock, make_id=make_id)
    await made.configure()
    await made.connect()
    yield made
    made.company.store.close()
