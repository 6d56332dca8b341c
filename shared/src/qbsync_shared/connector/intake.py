"""Taking approvals into the queue: a newer one replaces what has not gone yet (contract, section 4)."""

from dataclasses import replace
from datetime import datetime

from qbsync_shared.clock import Clock
from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import Plan, Takeover, WorkItem, takeover
from qbsync_shared.connector.events import Announcer
from qbsync_shared.kinds import Operation
from qbsync_shared.messages import SyncApproved
from qbsync_shared.messaging import publish
from qbsync_shared.postgres import Connection
from qbsync_shared.states import FINAL, SyncState


class Intake:
    """The way in. Approvals may arrive twice and in any order."""

    def __init__(self, say: Announcer, clock: Clock) -> None:
        self._say = say
        self._clock = clock

    async def accept(self, connection: Connection, approved: SyncApproved) -> None:
        """Take an approval. A newer one of the same entity replaces what has not gone yet; order does not matter."""
        await store.lock(connection, approved.tenant)
        if await store.get(connection, approved.tenant, approved.sync_id) is not None:
            return
        now = self._clock.now()
        others = await store.of_entity(connection, approved)
        item = await store.add(connection, approved, now=now)
        await connection.execute(store.QUERIES["wake"], approved.tenant)
        newer = [other for other in others if other.entity_seq > item.entity_seq]
        if newer:
            await self._came_late(connection, item, newer[-1], now)
            return
        for older in others:
            if older.state in FINAL:
                continue
            item = await self._take_over(connection, older, item, now)
            if item.state in FINAL:
                return

    async def _came_late(
        self, connection: Connection, item: WorkItem, newer: WorkItem, now: datetime
    ) -> None:
        """An approval that arrives after a newer one of its entity."""
        if newer.state in FINAL or newer.state is SyncState.IN_FLIGHT:
            await self._cancel(connection, item, "QS-SUPERSEDED", now, by=newer.sync_id)
        else:
            await self._take_over(connection, item, newer, now)

    async def _take_over(
        self, connection: Connection, older: WorkItem, newer: WorkItem, now: datetime
    ) -> WorkItem:
        what = takeover(older, newer)
        if what is Takeover.QUEUE_BEHIND:
            return newer
        if what is Takeover.CANCEL_BOTH:
            await self._cancel(connection, older, "QS-WITHDRAWN", now, by=newer.sync_id)
            return await self._cancel(connection, newer, "QS-WITHDRAWN", now)
        await self._cancel(connection, older, "QS-SUPERSEDED", now, by=newer.sync_id)
        if what is Takeover.REPLACE_KEEPING_CREATE:
            await store.set_plan(connection, newer, Plan(operation=Operation.CREATE, fields=newer.fields))
            return replace(newer, operation=Operation.CREATE)
        return newer

    async def _cancel(
        self, connection: Connection, item: WorkItem, code: str, now: datetime, by: str | None = None
    ) -> WorkItem:
        done = await store.finish(connection, item, SyncState.CANCELLED, now=now, code=code)
        await publish(connection, self._say.cancelled(done, now, superseded_by=by))
        return done
