"""The work queue both connector services share, on PostgreSQL."""

import time
from datetime import UTC, datetime
from typing import Any

from qbsync_shared.clock import FrozenClock
from qbsync_shared.connector import WorkQueue
from qbsync_shared.ids import uuid7_maker
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import SyncApproved
from qbsync_shared.messages.base import stamp
from qbsync_shared.outcomes import Succeeded
from tests.bench.figures import Figure
from tests.shared.databases import Databases

ITEMS = 1_000
TENANT = "bench"


async def measure(server_url: str) -> list[Figure]:
    """Approvals taken in, and claimed and settled, one tenant, one at a time."""
    databases = Databases(server_url, {})
    clock = FrozenClock(datetime(2026, 11, 2, 12, 0, tzinfo=UTC))
    make_id = uuid7_maker()
    queue = WorkQueue(Edition.ONLINE, clock=clock, make_id=make_id)
    opened = await databases.opened("worker", "qbsync_qbo_worker")
    try:
        began = time.perf_counter()
        for number in range(ITEMS):
            async with opened.tenant(TENANT) as connection:
                await queue.accept(connection, _approval(number, make_id(), clock))
        accepted = time.perf_counter() - began
        began = time.perf_counter()
        done = 0
        while done < ITEMS:
            async with opened.tenant(TENANT) as connection:
                items = await queue.claim(connection, TENANT, holder="bench", limit=50)
                for item in items:
                    outcome = Succeeded(quickbooks_id=str(item.seq), token="0", returned=item.data)
                    await queue.settle(connection, item, outcome, holder="bench")
                done += len(items)
        settled = time.perf_counter() - began
    finally:
        await databases.give_back()
    return [
        Figure(name="Approvals accepted", value=ITEMS / accepted, unit="per s", promise="no promise"),
        Figure(
            name="Claimed, settled, linked, told", value=ITEMS / settled, unit="per s", promise="no promise"
        ),
    ]


def _approval(number: int, make_id: str, clock: FrozenClock) -> SyncApproved:
    entity: dict[str, Any] = {
        "kind": "customer",
        "app_id": f"C-{number}",
        "revision": "1",
        "name": f"Customer {number}",
        "active": True,
    }
    return SyncApproved(
        **stamp(make_id, TENANT, clock.now()),
        edition=Edition.ONLINE,
        sync_id=make_id,
        direction="export",
        kind="customer",
        app_id=f"C-{number}",
        operation="create",
        entity=entity,
        entity_seq=1,
        approved_by="bench",
        approved_at=clock.now(),
    )
