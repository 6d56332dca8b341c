"""Sending a realm's approved work, so that each change reaches QuickBooks once.

Every write is stored with its requestid and exact bytes before it goes out. While its outcome is unknown the same bytes
go out under the same id; a known fault ends the id. A doubt older than a day is settled by look-up, never by resending
(architecture, rule 3). Nothing is claimed and nothing goes out without the lease, whose row is locked for that moment.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

import httpx
import structlog

from qbsync_qbo_worker import metrics
from qbsync_qbo_worker.mapping import MAPPERS
from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.postgres.calls import Lease, StoredCall
from qbsync_qbo_worker.quickbooks import Call
from qbsync_qbo_worker.quickbooks.client import ANSWER_SECONDS
from qbsync_qbo_worker.service import requests
from qbsync_qbo_worker.service.requests import Ready
from qbsync_qbo_worker.service.sending import NotSentError, Sender
from qbsync_qbo_worker.service.settling import Settler
from qbsync_qbo_worker.service.tokens import NotConnectedError
from qbsync_shared.clock import Clock
from qbsync_shared.connector import WorkItem, WorkQueue
from qbsync_shared.connector.references import resolve_lists
from qbsync_shared.connector.repository import lock
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Direction
from qbsync_shared.logging import describe_error
from qbsync_shared.outcomes import Failed, NotProcessed
from qbsync_shared.postgres import Connection, Database, is_transient

log = structlog.get_logger()

IN_FLIGHT = 8
"""Calls at once per realm: Intuit allows 10 a second, of which two are left for reading."""

LEASE = timedelta(seconds=12)
BEAT_SECONDS = 3.0
"""How often the lease is renewed while calls are under way, however long they take."""

SAFE_WINDOW = timedelta(hours=24)
"""How long a requestid may be trusted to be replayed; older doubts are settled by look-up."""

LAST_ANSWERS_SECONDS = 10.0
"""How long a worker that is stopped waits for the answers to what it sent."""


class LeaseLostError(Exception):
    """Another worker holds the realm by now, or the call was settled: nothing may go out."""


class Drain:
    """Drains one realm at a time under its lease."""

    def __init__(
        self,
        *,
        database: Database,
        queue: WorkQueue,
        sender: Sender,
        settler: Settler,
        clock: Clock,
        make_id: MakeId,
        holder: str,
        answer_seconds: float = ANSWER_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._database = database
        self._queue = queue
        self._sender = sender
        self._settler = settler
        self._clock = clock
        self._make_id = make_id
        self.holder = holder
        self._answer_within = timedelta(seconds=1.2 * answer_seconds)
        self._beat_seconds = beat_seconds

    async def run(self, tenant: str) -> int | None:
        """Send what is due; returns how many calls came to an end, None where another worker holds the realm or it rests."""
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            lease = await store.take_lease(connection, tenant, self.holder, now=now, until=now + LEASE)
        if lease is None:
            return None
        beat = asyncio.create_task(self._keep(lease))
        try:
            with metrics.REALMS_LEASED.track_inprogress():
                return await self._work(lease)
        except LeaseLostError:
            log.warning("lease_lost", tenant=tenant)
            return 0
        finally:
            beat.cancel()
            with suppress(asyncio.CancelledError):
                await beat
            async with self._database.tenant(tenant) as connection:
                await store.release_lease(connection, lease)

    async def _keep(self, lease: Lease) -> None:
        """Renew the lease while calls are under way. If that fails nothing more goes out, and another takes over."""
        while True:
            await asyncio.sleep(self._beat_seconds)
            try:
                async with self._database.tenant(lease.tenant) as connection:
                    until = self._clock.now() + LEASE
                    if not await store.renew_lease(connection, lease, until=until):
                        return
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("lease_not_renewed", tenant=lease.tenant, error=describe_error(error))

    async def _work(self, lease: Lease) -> int:
        """Keep up to ``IN_FLIGHT`` calls under way; one that is slow holds up no other."""
        await self._take_over(lease)
        running: dict[asyncio.Task[bool], str] = {}
        ended, going = 0, True
        try:
            while True:
                if going:
                    for ready in await self._next(lease, set(running.values()), IN_FLIGHT - len(running)):
                        task = asyncio.create_task(self._carry_out(lease, ready))
                        running[task] = ready.item.sync_id
                if not running:
                    return ended
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                ended += len(done)
                for task in done:
                    del running[task]
                    going = task.result() and going
        finally:
            await self._end(set(running))

    async def _end(self, running: set[asyncio.Task[bool]]) -> None:
        """Wait a little for the last answers: what is cut off must be sent again after the next start."""
        if running:
            _, late = await asyncio.wait(running, timeout=LAST_ANSWERS_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _take_over(self, lease: Lease) -> None:
        """Hold what an earlier holder, or an earlier try, left in flight; what never went out is put back."""
        async with self._database.tenant(lease.tenant) as connection:
            await lock(connection, lease.tenant)
            items = await self._queue.in_flight(connection, lease.tenant)
            await self._queue.hand_to(
                connection, lease.tenant, [item.sync_id for item in items], holder=lease.token
            )
            calls = {one.sync_id: one for one in await store.open_calls(connection, lease.tenant)}
            for item in items:
                stored = calls.get(item.sync_id)
                if stored is not None and (stored.sends or item.in_doubt_since):
                    continue
                await self._queue.settle(connection, item, NotProcessed(), holder=lease.token)
                if stored is not None and stored.call.requestid is not None:
                    now = self._clock.now()
                    await store.settle(connection, lease.tenant, stored.call.requestid, None, now=now)

    async def _next(self, lease: Lease, running: set[str], room: int) -> list[Ready]:
        """What goes now: doubts that are due, then new work; nothing while the realm rests.

        Raises:
            LeaseLostError: another worker holds the realm by now.
        """
        if not room:
            return []
        async with self._database.tenant(lease.tenant) as connection:
            if not await store.hold_lease(connection, lease):
                raise LeaseLostError(lease.tenant)
            now = self._clock.now()
            if await store.rests_until(connection, lease.tenant) > now:
                return []
            due = [
                one
                for one in await store.open_calls(connection, lease.tenant)
                if one.sync_id not in running and one.send_again_at <= now
            ]
            found = await self._again(connection, lease, due[:room])
            return found + await self._claim(connection, lease, room - len(found))

    async def _again(self, connection: Connection, lease: Lease, due: list[StoredCall]) -> list[Ready]:
        if not due:
            return []
        items = {item.sync_id: item for item in await self._queue.in_flight(connection, lease.tenant)}
        return [
            Ready(item=items[one.sync_id], call=one.call, sends=one.sends, stored_at=one.created_at)
            for one in due
            if one.sync_id in items
        ]

    async def _claim(self, connection: Connection, lease: Lease, room: int) -> list[Ready]:
        """Claim, and store each write before anything goes out: one transaction."""
        while room:
            items = await self._queue.claim(connection, lease.tenant, holder=lease.token, limit=room)
            ready = [await self._prepare(connection, lease, item) for item in items]
            found = [one for one in ready if one is not None]
            if found or not items:
                return found
        return []

    async def _prepare(self, connection: Connection, lease: Lease, item: WorkItem) -> Ready | None:
        call = await self._call_of(connection, item)
        if isinstance(call, Failed):
            await self._queue.settle(connection, item, call, holder=lease.token)
            return None
        now = self._clock.now()
        if call.requestid is not None:
            again = now + self._answer_within
            await store.add_call(connection, lease.tenant, item.sync_id, call, now=now, send_again_at=again)
        return Ready(item=item, call=call, stored_at=now)

    async def _call_of(self, connection: Connection, item: WorkItem) -> Call | Failed:
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
            return requests.call_of(item, entity, requestid=self._make_id())
        except Exception:
            log.exception("record_not_mapped", tenant=item.tenant, sync_id=item.sync_id)
            return Failed(code="QS-QUARANTINED", message="qbsync could not write this record for QuickBooks.")

    async def _carry_out(self, lease: Lease, ready: Ready) -> bool:
        """One call to its end; False where the realm cannot be worked any further now. Whatever happens to it, the others go on."""
        try:
            return await self._try(lease, ready)
        except NotConnectedError:
            if not ready.in_doubt:
                await self._settler.settle(lease, ready, NotProcessed())
            log.info("realm_not_connected", tenant=lease.tenant)
            return False
        except LeaseLostError:
            return False
        except Exception as error:
            if is_transient(error):
                log.warning("outcome_not_recorded", tenant=lease.tenant, error=describe_error(error))
                return False
            log.exception("answer_not_understood", tenant=lease.tenant, sync_id=ready.item.sync_id)
            if ready.writes:
                await self._settler.doubt(lease, ready, "QuickBooks' answer could not be understood.")
            else:
                why = "qbsync could not read what QuickBooks holds."
                await self._settler.settle(lease, ready, Failed(code="QS-QUARANTINED", message=why))
            return True

    async def _try(self, lease: Lease, ready: Ready) -> bool:
        if ready.writes and ready.in_doubt and self._is_old(ready):
            await self._settler.settle_by_look(lease, ready)
            return True

        async def durable() -> None:
            if ready.writes:
                await self._about_to_send(lease, ready.call)

        try:
            answer = await self._sender.send(lease.tenant, ready.call, before=durable)
        except NotSentError as error:
            if ready.in_doubt:
                await self._settler.doubt(lease, ready, str(error))
            else:
                later = self._settler.later("QS-UNREACHABLE", str(error), ready.item)
                await self._settler.settle(lease, ready, later)
            return False
        except httpx.HTTPError as error:
            kind = type(error).__name__
            log.warning("answer_lost", tenant=lease.tenant, sync_id=ready.item.sync_id, error=kind)
            await self._settler.doubt(lease, ready, "QuickBooks' answer did not arrive.")
            return True
        return await self._settler.understand(lease, ready, answer)

    def _is_old(self, ready: Ready) -> bool:
        return ready.stored_at is not None and self._clock.now() - ready.stored_at > SAFE_WINDOW

    async def _about_to_send(self, lease: Lease, call: Call) -> None:
        """Note that the bytes go out, under the lock of the lease: who takes over then knows of it, or they do not go.

        Raises:
            LeaseLostError: another worker holds the realm by now, or settled the call.
        """
        again = self._clock.now() + self._answer_within
        assert call.requestid is not None
        async with self._database.tenant(lease.tenant) as connection:
            held = await store.hold_lease(connection, lease)
            if not held or not await store.sent(connection, lease.tenant, call.requestid, again_at=again):
                raise LeaseLostError(lease.tenant)
