"""The queue on a real PostgreSQL, with its clock and what it said."""

import json
from typing import Any

from qbsync_shared.clock import FrozenClock
from qbsync_shared.connector import LinkKeeper, WorkQueue
from qbsync_shared.connector import repository as store
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Edition
from qbsync_shared.messages import (
    SyncApproved,
)
from qbsync_shared.messages.base import stamp
from qbsync_shared.outcomes import (
    Outcome,
    Succeeded,
)
from qbsync_shared.postgres import Database

T = "oak-field"
HOLDER = "one"


class Bench:
    """The queue with its clock and what it said."""

    def __init__(self, database: Database, clock: FrozenClock, make_id: MakeId) -> None:
        self.database = database
        self.clock = clock
        self.make_id = make_id
        self.queue = WorkQueue(Edition.ONLINE, clock=clock, make_id=make_id)
        self.links = LinkKeeper(Edition.ONLINE, clock=clock, make_id=make_id)

    def approved(self, app_id: str, /, **changes: Any) -> SyncApproved:
        kind = changes.get("kind", "customer")
        entity = {"kind": kind, "app_id": app_id, "revision": "1", "name": f"Name {app_id}", "active": True}
        values: dict[str, Any] = {
            **stamp(self.make_id(), T, self.clock.now()),
            "edition": Edition.ONLINE,
            "sync_id": self.make_id(),
            "direction": "export",
            "kind": kind,
            "app_id": app_id,
            "operation": "create",
            "entity": entity,
            "entity_seq": 1,
            "approved_by": "dana",
            "approved_at": self.clock.now(),
        }
        return SyncApproved(**{**values, **changes})

    def invoice(self, app_id: str, customer: str, **changes: Any) -> SyncApproved:
        entity = {
            "kind": "invoice",
            "app_id": app_id,
            "revision": "1",
            "number": app_id,
            "customer": {"app_id": customer},
            "date": "2026-11-02",
            "total": "10.00",
            "lines": [{"line_id": "1", "amount": "10.00"}],
        }
        depends_on = [{"kind": "customer", "app_id": customer}]
        return self.approved(
            app_id, **{"kind": "invoice", "entity": entity, "depends_on": depends_on, **changes}
        )

    async def accept(self, *approvals: SyncApproved) -> None:
        for approval in approvals:
            async with self.database.tenant(T) as connection:
                await self.queue.accept(connection, approval)

    async def claim(self, limit: int = 10, holder: str = HOLDER) -> list[Any]:
        async with self.database.tenant(T) as connection:
            return await self.queue.claim(connection, T, holder=holder, limit=limit)

    async def settle(self, item: Any, outcome: Outcome, holder: str = HOLDER) -> bool:
        async with self.database.tenant(T) as connection:
            return await self.queue.settle(connection, item, outcome, holder=holder)

    async def succeed(self, item: Any, quickbooks_id: str = "58", **returned: Any) -> None:
        back = {"kind": item.kind.value, "name": item.data.get("name"), "active": True, **returned}
        assert await self.settle(item, Succeeded(quickbooks_id=quickbooks_id, token="0", returned=back))

    async def state(self, approval: SyncApproved) -> tuple[str, str | None]:
        async with self.database.tenant(T) as connection:
            item = await store.get(connection, T, approval.sync_id)
        assert item is not None
        return item.state.value, item.code

    async def said(self) -> list[tuple[str, dict[str, Any]]]:
        async with self.database.everyone() as connection:
            rows = await connection.fetch("select subject, payload from outbox order by id")
        return [(row["subject"].split(".", 3)[3], json.loads(bytes(row["payload"]))) for row in rows]

    async def verbs(self) -> list[str]:
        return [subject.split(".", 1)[1] for subject, _ in await self.said()]
