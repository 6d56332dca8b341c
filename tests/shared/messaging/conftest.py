"""Fixtures of the tests of messaging: a service's schema, and streams that are already there."""

import pytest

from qbsync_shared.messaging import provision
from qbsync_shared.postgres import Database
from tests.conftest import MakeDatabase
from tests.shared.messaging.support import PACKAGE, SCHEMA


@pytest.fixture
async def sample(database: MakeDatabase) -> Database:
    return await database(SCHEMA, PACKAGE)


@pytest.fixture
async def streams(nats_url: str) -> str:
    await provision(nats_url)
    return nats_url
