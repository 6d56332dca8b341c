"""From an answer to what becomes of the sync, in one transaction each.

A call ends together with its sync or not at all: a late answer of a worker that lost its lease changes neither, and the
next holder sends the same bytes under the same id.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

import httpx
import structlog

from qbsync_qbo_worker.mapping import MAPPERS
from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.postgres.calls import Lease
from qbsync_qbo_worker.quickbooks import Answer
from qbsync_qbo_worker.quickbooks.outcomes import is_unknown, outcome_of, retry_class
from qbsync_qbo_worker.service import requests
from qbsync_qbo_worker.service.doubts import Doubts
from qbsync_qbo_worker.service.requests import Ready
from qbsync_qbo_worker.service.sending import NotSentError, Sender
from qbsync_qbo_worker.service.tokens import NotConnectedError
from qbsync_shared.catalogue import RetryClass
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper, Seen, Settled, WorkItem, WorkQueue, backoff, judge_import
from qbsync_shared.kinds import Direction
from qbsync_shared.outcomes import Cancelled, Failed, Outcome, Succeeded, Unknown, Waiting
from qbsync_shared.postgres import Database

log = structlog.get_logger()

CLOSED = frozenset({RetryClass.THROTTLED, RetryClass.REAUTHORISE, RetryClass.CONNECTION})
"""The realm cannot be worked any further now."""

SAYS_NOTHING = CLOSED | {RetryClass.TRANSIENT, RetryClass.NOT_PROCESSED}
"""Faults that refuse this sending unread: they say nothing about what became of an earlier one."""

SAME_FAULTS = 4
"""After so many earlier sendings under one id a fault that QuickBooks repeats is believed, if a look finds nothing."""

LONGEST_PAUSE = timedelta(minutes=10)


class Settler:
    """Records what became of calls, for the present holder of a lease."""

    def __init__(
        self,
        *,
        database: Database,
        queue: WorkQueue,
        links: LinkKeeper,
        sender: Sender,
        doubts: Doubts,
        clock: Clock,
        spread: Callable[[], float],
    ) -> None:
        self._database = database
        self._queue = queue
        self._links = links
        self._sender = sender
        self._doubts = doubts
        self._clock = clock
        self._spread = spread

    def success(self, ready: Ready, answer: Answer) -> Succeeded | None:
        """The outcome of a write that went through; None where the answer says something else."""
        record = answer.entity(MAPPERS[ready.item.kind].resource)
        return requests.success_of(ready.item, record) if answer.fault is None and record else None

    async def understand(self, lease: Lease, ready: Ready, answer: Answer) -> bool:
        """Settle by an answer; False where the realm cannot be worked any further now."""
        if answer.fault is None and answer.entity(MAPPERS[ready.item.kind].resource):
            await self._success(lease, ready, answer)
            return True
        if answer.fault is None or is_unknown(answer):
            await self._unknown(lease, ready, answer)
            return True
        kind = retry_class(answer.fault)
        if ready.writes and kind is not RetryClass.OK:
            if ready.in_doubt and kind in SAYS_NOTHING:
                await self.doubt(lease, ready, answer.fault.text, answer)
                return kind not in CLOSED
            if (ready.in_doubt or kind is RetryClass.UNKNOWN_OUTCOME) and await self._looked(
                lease, ready, answer
            ):
                return True
        await self._fault(lease, ready, answer)
        return kind not in CLOSED

    async def _success(self, lease: Lease, ready: Ready, answer: Answer) -> None:
        item = ready.item
        record = answer.entity(MAPPERS[item.kind].resource)
        if item.direction is Direction.IMPORT:
            await self._judge(lease, ready, requests.seen_of(item.kind, record), answer)
        else:
            await self.settle(lease, ready, requests.success_of(item, record), answer)

    async def _unknown(self, lease: Lease, ready: Ready, answer: Answer) -> None:
        """QuickBooks broke, or something on the way did. A fault that it only repeats is believed in the end."""
        why = f"QuickBooks answered with HTTP {answer.status}; it may have applied the change."
        told = answer.fault is not None and answer.readable and answer.status == 400
        if ready.writes and told and ready.sends >= SAME_FAULTS and await self._looked(lease, ready, answer):
            return
        await self.doubt(lease, ready, why, answer)

    async def _looked(self, lease: Lease, ready: Ready, answer: Answer) -> bool:
        """Look before a fault on a resend is believed. True: settled, or still in doubt."""
        assert answer.fault is not None
        look = await self._doubts.look(ready)
        if look is None:
            await self.doubt(lease, ready, answer.fault.text, answer)
            return True
        if look.success is not None:
            await self.settle(lease, ready, look.success, answer)
            return True
        if retry_class(answer.fault) is RetryClass.UNKNOWN_OUTCOME or is_unknown(answer):
            if ready.sends < SAME_FAULTS:
                await self.doubt(lease, ready, answer.fault.text, answer)
            else:
                failed = Failed(code=answer.fault.code, message=answer.fault.text)
                await self.settle(lease, ready, failed, answer)
            return True
        return False

    async def _fault(self, lease: Lease, ready: Ready, answer: Answer) -> None:
        item, fault = ready.item, answer.fault
        assert fault is not None
        kind = retry_class(fault)
        if kind is RetryClass.STALE and item.link is not None:
            await self._stale(lease, ready, answer)
        elif kind is RetryClass.GONE and item.direction is Direction.IMPORT:
            gone = Seen(kind=item.kind, quickbooks_id=item.quickbooks_id or "", deleted=True)
            await self._judge(lease, ready, gone, answer)
        else:
            now = self._clock.now()
            outcome = outcome_of(answer, now=now, attempts=item.attempts, spread=self._spread())
            if isinstance(outcome, Unknown):
                await self.doubt(lease, ready, outcome.message, answer)
            else:
                await self.settle(lease, ready, outcome, answer)

    async def _judge(self, lease: Lease, ready: Ready, read: Seen, answer: Answer) -> None:
        """An import: hand over what was approved, or let the change be reviewed anew."""
        async with self._database.tenant(lease.tenant) as connection:
            outcome = await judge_import(connection, ready.item, read)
            await self._queue.settle(
                connection, ready.item, outcome, holder=lease.token, technical=ready.technical(answer)
            )
            if isinstance(outcome, Cancelled):
                await self._links.observe(connection, lease.tenant, read)

    async def _stale(self, lease: Lease, ready: Ready, answer: Answer) -> None:
        """5010: read again; repeat if none of the approved fields changed there, else back for review."""
        item, fault = ready.item, answer.fault
        assert fault is not None
        try:
            reading = await self._sender.send(lease.tenant, requests.re_read(item))
        except (httpx.HTTPError, NotSentError, NotConnectedError):
            reading = None
        record = reading.entity(MAPPERS[item.kind].resource) if reading else {}
        if not record:
            await self.settle(lease, ready, self.later(fault.code, fault.text, item), answer)
            return
        read = requests.seen_of(item.kind, record)
        async with self._database.tenant(lease.tenant) as connection:
            changed = await self._links.changed_since(connection, item, read)
            repeated = not changed and await self._queue.repeat(
                connection, item, holder=lease.token, read=read
            )
            if not repeated:
                words = ", ".join(field.replace("_", " ") for field in changed) or "it keeps changing"
                why = f"Changed in QuickBooks after it was approved: {words}."
                cancelled = Cancelled(code="QS-CHANGED-IN-QUICKBOOKS", message=why)
                if not await self._queue.settle(connection, item, cancelled, holder=lease.token):
                    return
                await self._links.observe(connection, lease.tenant, read)
            if ready.writes:
                now = self._clock.now()
                await store.settle(connection, lease.tenant, [ready.requestid], answer, now=now)

    async def settle_by_look(self, lease: Lease, ready: Ready) -> None:
        """A doubt too old for its requestid: QuickBooks holds the change or not; it is never sent again."""
        look = await self._doubts.look(ready)
        if look is None:
            await self.doubt(lease, ready, "QuickBooks could not be asked what became of it.")
        elif look.success is not None:
            await self.settle(lease, ready, look.success)
        else:
            why = "Its answer was lost for more than a day, and QuickBooks does not hold the change."
            await self.settle(lease, ready, Failed(code="QS-NOT-IN-BOOKS", message=why))

    async def doubt(self, lease: Lease, ready: Ready, why: str, answer: Answer | None = None) -> None:
        """The outcome is unknown: a write stays in flight, and the same bytes go out again soon; a reading waits."""
        if ready.writes:
            await self.doubt_all(lease, [ready], why, answer)
        else:
            await self.settle(lease, ready, self.later("QS-UNREACHABLE", why, ready.item), answer)

    async def doubt_all(
        self, lease: Lease, writes: Sequence[Ready], why: str, answer: Answer | None = None
    ) -> None:
        """As `doubt`, for writes that went out together: they go out again together."""
        now = self._clock.now()
        since = min(one.item.in_doubt_since or now for one in writes)
        pause = min(max(now - since, timedelta(seconds=1)), LONGEST_PAUSE)
        unknown = Unknown(message=why)
        settled = [Settled(item=one.item, outcome=unknown, technical=one.technical(answer)) for one in writes]
        async with self._database.tenant(lease.tenant) as connection:
            counts = await self._queue.settle_many(connection, lease.tenant, settled, holder=lease.token)
            ours = [one.requestid for one, counted in zip(writes, counts, strict=True) if counted]
            await store.again(connection, lease.tenant, ours, at=now + pause)

    def later(self, code: str, why: str, item: WorkItem) -> Waiting:
        """Nothing was applied; again by itself, after a growing pause."""
        wait = backoff(item.attempts, self._spread())
        return Waiting(code=code, message=why, retry_at=self._clock.now() + wait)

    async def settle(
        self, lease: Lease, ready: Ready, outcome: Outcome, answer: Answer | None = None
    ) -> None:
        """Record a known outcome. It ends the sync and its call together; a late one changes neither."""
        async with self._database.tenant(lease.tenant) as connection:
            settled = await self._queue.settle(
                connection, ready.item, outcome, holder=lease.token, technical=ready.technical(answer)
            )
            if settled and ready.writes:
                now = self._clock.now()
                await store.settle(connection, lease.tenant, [ready.requestid], answer, now=now)
        if not settled:
            log.warning("late_answer", tenant=lease.tenant, sync_id=ready.item.sync_id)

    async def settle_all(
        self, lease: Lease, outcomes: Sequence[tuple[Ready, Outcome]], answer: Answer | None = None
    ) -> None:
        """As `settle`, for what went out together, in one transaction."""
        settled = [
            Settled(item=ready.item, outcome=outcome, technical=ready.technical(answer))
            for ready, outcome in outcomes
        ]
        async with self._database.tenant(lease.tenant) as connection:
            counts = await self._queue.settle_many(connection, lease.tenant, settled, holder=lease.token)
            ours = [
                ready.requestid
                for (ready, _), counted in zip(outcomes, counts, strict=True)
                if counted and ready.writes
            ]
            await store.settle(connection, lease.tenant, ours, answer, now=self._clock.now())
        if not all(counts):
            log.warning("late_answers", tenant=lease.tenant, count=counts.count(False))
