"""What a drain takes from the queue, and what it puts back. Nothing is claimed without the lease, whose row is locked.

Every write is stored with its requestid and exact bytes in the transaction that claims it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from qbsync_qbo_worker.mapping import MAPPERS, IncompleteError
from qbsync_qbo_worker.mapping.company import Company
from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.postgres import connections
from qbsync_qbo_worker.postgres.calls import Lease, StoredCall
from qbsync_qbo_worker.quickbooks import Call
from qbsync_qbo_worker.service import batching, requests
from qbsync_qbo_worker.service.batching import Load
from qbsync_qbo_worker.service.requests import Ready
from qbsync_shared.clock import Clock
from qbsync_shared.connector import Settled, WorkItem, WorkQueue
from qbsync_shared.connector.references import resolve_lists
from qbsync_shared.connector.repository import lock
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Direction
from qbsync_shared.outcomes import Failed, NotProcessed, Waiting
from qbsync_shared.postgres import Connection, Database

log = structlog.get_logger()

BEHIND_DOUBT = timedelta(seconds=30)
"""How long what waits for a doubt is left alone."""


class LeaseLostError(Exception):
    """Another worker holds the realm by now, or the call was settled: nothing may go out."""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """What may go: doubts that are due, and new work; and every sync whose write has no outcome yet."""

    again: list[Load]
    fresh: list[Ready]
    unanswered: set[str]


class Claims:
    """The drain's side of the queue."""

    def __init__(
        self,
        *,
        database: Database,
        queue: WorkQueue,
        clock: Clock,
        make_id: MakeId,
        answer_within: timedelta,
    ) -> None:
        self._database = database
        self._queue = queue
        self._clock = clock
        self._make_id = make_id
        self._answer_within = answer_within

    async def take_over(self, lease: Lease) -> list[WorkItem]:
        """Hold what an earlier holder, or an earlier try, left in flight; what never went out is put back.

        Returns what is in doubt.
        """
        async with self._database.tenant(lease.tenant) as connection:
            await lock(connection, lease.tenant)
            items = await self._queue.in_flight(connection, lease.tenant)
            ids = [item.sync_id for item in items]
            await self._queue.hand_to(connection, lease.tenant, ids, holder=lease.token)
            calls = {one.sync_id: one for one in await store.open_calls(connection, lease.tenant)}
            doubts: list[WorkItem] = []
            unsent: list[WorkItem] = []
            for item in items:
                stored = calls.get(item.sync_id)
                sent = stored is not None and (stored.sends or item.in_doubt_since)
                (doubts if sent else unsent).append(item)
            await self._settle_unsent(
                connection, lease, [Settled(item=item, outcome=NotProcessed()) for item in unsent]
            )
            requestids = [calls[item.sync_id].requestid for item in unsent if item.sync_id in calls]
            await store.settle(connection, lease.tenant, requestids, None, now=self._clock.now())
        return doubts

    async def _settle_unsent(self, connection: Connection, lease: Lease, settled: list[Settled]) -> None:
        if settled:
            await self._queue.settle_many(connection, lease.tenant, settled, holder=lease.token)

    async def next(self, lease: Lease, mine: Collection[str], *, room: int) -> Claimed | None:
        """What goes now beside ``mine``, at most ``room`` of it new; None while the realm rests.

        Raises:
            LeaseLostError: another worker holds the realm by now.
        """
        async with self._database.tenant(lease.tenant) as connection:
            if not await store.hold_lease(connection, lease):
                raise LeaseLostError(lease.tenant)
            now = self._clock.now()
            if await store.rests_until(connection, lease.tenant) > now:
                return None
            due = await store.due_calls(connection, lease.tenant, now=now)
            again = await self._again(connection, lease, [one for one in due if one.sync_id not in mine])
            unanswered = await store.unanswered(connection, lease.tenant)
            fresh = await self._claim(connection, lease, room) if room > 0 else []
            return Claimed(again=again, fresh=fresh, unanswered=unanswered)

    async def _again(self, connection: Connection, lease: Lease, due: list[StoredCall]) -> list[Load]:
        """Doubts once more: a batch as the batch that it was."""
        if not due:
            return []
        items = {item.sync_id: item for item in await self._queue.in_flight(connection, lease.tenant)}
        loads: list[Load] = []
        batches: dict[str, dict[str, Ready]] = {}
        for one in due:
            if one.sync_id not in items:
                continue
            batch_id = one.batch.call.requestid if one.batch else None
            ready = Ready(
                item=items[one.sync_id],
                call=one.call,
                sends=one.sends,
                stored_at=one.created_at,
                batch=batch_id,
            )
            if one.batch is None or batch_id is None:
                loads.append(batching.alone(ready))
            elif batch_id in batches:
                batches[batch_id][one.bid] = ready
            else:
                batches[batch_id] = {one.bid: ready}
                loads.append(batching.again(one.batch, batches[batch_id]))
        return loads

    async def _claim(self, connection: Connection, lease: Lease, room: int) -> list[Ready]:
        """Claim, and store each write before anything goes out: one transaction."""
        while True:
            items = await self._queue.claim(connection, lease.tenant, holder=lease.token, limit=room)
            found = await self._prepare(connection, lease, items)
            if found or not items:
                return found

    async def _prepare(self, connection: Connection, lease: Lease, items: list[WorkItem]) -> list[Ready]:
        if not items:
            return []
        now = self._clock.now()
        company = await connections.get_company(connection, lease.tenant)
        calls = [(item, await self._call_of(connection, item, company)) for item in items]
        failed = [Settled(item=item, outcome=call) for item, call in calls if isinstance(call, Failed)]
        await self._settle_unsent(connection, lease, failed)
        along = await store.went_along(connection, lease.tenant, [item.sync_id for item in items])
        found = [
            Ready(item=item, call=call, stored_at=now, alone=item.sync_id in along)
            for item, call in calls
            if isinstance(call, Call)
        ]
        writes = [(one.item.sync_id, one.call) for one in found if one.writes]
        if writes:
            again = now + self._answer_within
            await store.add_calls(connection, lease.tenant, writes, now=now, send_again_at=again)
        return found

    async def _call_of(self, connection: Connection, item: WorkItem, company: Company) -> Call | Failed:
        if item.kind not in MAPPERS:
            return Failed(
                code="QS-NOT-SUPPORTED",
                message=f"qbsync does not sync a {item.kind.label} with QuickBooks Online yet.",
            )
        entity = item.entity
        if entity is not None:
            resolved = await resolve_lists(connection, item.tenant, entity)
            if isinstance(resolved, Failed):
                return resolved
            entity = resolved
        try:
            if item.direction is Direction.IMPORT or entity is None:
                return requests.re_read(item)
            return requests.call_of(item, entity, company, requestid=self._make_id())
        except IncompleteError as why:
            return Failed(code="QS-INVALID", message=str(why))
        except Exception:
            log.exception("record_not_mapped", tenant=item.tenant, sync_id=item.sync_id)
            return Failed(code="QS-QUARANTINED", message="qbsync could not write this record for QuickBooks.")

    async def put_back(self, lease: Lease, waiting: Iterable[Ready], behind: Collection[str]) -> None:
        """What was claimed and does not go now; what is ``behind`` a doubt waits for it."""
        found = list(waiting)
        if not found:
            return
        now = self._clock.now()
        why = "It waits for a record that it belongs to; what became of that one is not known yet."
        held = Waiting(code="QS-WAITS-FOR", message=why, retry_at=now + BEHIND_DOUBT)
        settled = [
            Settled(item=one.item, outcome=held if one.item.sync_id in behind else NotProcessed())
            for one in found
        ]
        async with self._database.tenant(lease.tenant) as connection:
            counts = await self._queue.settle_many(connection, lease.tenant, settled, holder=lease.token)
            ours = [
                one.requestid for one, counted in zip(found, counts, strict=True) if counted and one.writes
            ]
            await store.settle(connection, lease.tenant, ours, None, now=now)
