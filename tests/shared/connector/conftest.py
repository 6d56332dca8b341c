"""The work queue in the worker's schema."""

import pytest

from qbsync_shared.clock import FrozenClock
from qbsync_shared.ids import MakeId
from tests.conftest import MakeDatabase
from tests.shared.connector.bench import Bench


@pytest.fixture
async def bench(database: MakeDatabase, clock: FrozenClock, make_id: MakeId) -> Bench:
    opened = await database("worker", "qbsync_qbo_worker")
    return Bench(opened, clock, make_id)
