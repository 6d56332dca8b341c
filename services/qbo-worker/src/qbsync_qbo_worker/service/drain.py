"""Sending a realm's approved work, so that each change reaches QuickBooks once.

Every write is stored with its requestid and exact bytes before it goes out, and so is a batch of them. While its outcome
is unknown the same bytes go out under the same id; a known fault ends the id. A doubt older than a day is settled by
look-up, never by resending (architecture, rule 3). Nothing is claimed and nothing goes out without the lease, whose row
is locked for that moment.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from qbsync_qbo_worker import metrics
from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.postgres.calls import Lease
from qbsync_qbo_worker.quickbooks.client import ANSWER_SECONDS
from qbsync_qbo_worker.service.batching import BATCH_FROM, IN_FLIGHT, Backlog, Load
from qbsync_qbo_worker.service.carrying import Carrier
from qbsync_qbo_worker.service.claiming import Claims, LeaseLostError
from qbsync_qbo_worker.service.doubts import Doubts
from qbsync_qbo_worker.service.sending import Sender
from qbsync_qbo_worker.service.settling import Settler
from qbsync_shared.clock import Clock
from qbsync_shared.connector import WorkItem, WorkQueue
from qbsync_shared.ids import MakeId
from qbsync_shared.logging import describe_error
from qbsync_shared.postgres import Database, is_transient

log = structlog.get_logger()

LEASE = timedelta(seconds=12)
BEAT_SECONDS = 3.0
"""How often the lease is renewed while calls are under way, however long they take."""

LAST_ANSWERS_SECONDS = 10.0
"""How long a worker that is stopped waits for the answers to what it sent."""


@dataclass
class Turn:
    """What one drain has in hand."""

    lease: Lease
    backlog: Backlog
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """A batch went out, or a call ended: there may be room."""
    running: dict[asyncio.Task[bool], Load] = field(default_factory=dict)
    at_the_gate: set[str] = field(default_factory=set)
    """Batches that wait for their turn."""
    unanswered: dict[str, WorkItem] = field(default_factory=dict)
    """What went out or is about to, and has no outcome yet."""
    ended: int = 0

    @property
    def mine(self) -> set[str]:
        """The syncs that this drain works on."""
        return self.under_way | self.backlog.sync_ids

    @property
    def under_way(self) -> set[str]:
        """The syncs of its calls."""
        return {one.item.sync_id for load in self.running.values() for one in load.ready}

    @property
    def alone(self) -> int:
        """Calls under way that carry one item."""
        return sum(not load.is_batch for load in self.running.values())


class Drain:
    """Drains one realm at a time under its lease."""

    def __init__(
        self,
        *,
        database: Database,
        queue: WorkQueue,
        sender: Sender,
        settler: Settler,
        doubts: Doubts,
        clock: Clock,
        make_id: MakeId,
        holder: str,
        answer_seconds: float = ANSWER_SECONDS,
        beat_seconds: float = BEAT_SECONDS,
        batch_from: int = BATCH_FROM,
    ) -> None:
        self._database = database
        self._clock = clock
        self._make_id = make_id
        self.holder = holder
        self._beat_seconds = beat_seconds
        self._batch_from = batch_from
        answer_within = timedelta(seconds=1.2 * answer_seconds)
        self._claims = Claims(
            database=database, queue=queue, clock=clock, make_id=make_id, answer_within=answer_within
        )
        self._carrier = Carrier(
            database=database,
            sender=sender,
            settler=settler,
            doubts=doubts,
            clock=clock,
            answer_within=answer_within,
        )

    async def run(self, tenant: str, *, is_over: Callable[[], bool] = lambda: False) -> int | None:
        """Send what is due; returns how many syncs were answered, None where another worker holds the realm or it rests.

        Args:
            is_over: whether the realm must make room for others; what is under way is still brought to its end.
        """
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            lease = await store.take_lease(connection, tenant, self.holder, now=now, until=now + LEASE)
        if lease is None:
            return None
        beat = asyncio.create_task(self._keep(lease))
        try:
            with metrics.REALMS_LEASED.track_inprogress():
                return await self._work(lease, is_over)
        except LeaseLostError:
            log.warning("lease_lost", tenant=tenant)
            return 0
        finally:
            beat.cancel()
            with suppress(asyncio.CancelledError):
                await beat
            async with self._database.tenant(tenant) as connection:
                await store.release_lease(connection, lease, now=self._clock.now())

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

    async def _work(self, lease: Lease, is_over: Callable[[], bool]) -> int:
        """Keep up to ``IN_FLIGHT`` calls under way; one that is slow holds up no other."""
        turn = Turn(lease=lease, backlog=Backlog(make_id=self._make_id, batch_from=self._batch_from))
        turn.unanswered = {item.sync_id: item for item in await self._claims.take_over(lease)}
        going = True
        try:
            while True:
                if going and not is_over():
                    going = await self._fill(turn)
                if not turn.running:
                    break
                turn.moved.clear()
                going = await self._wait(turn) and going
        finally:
            await self._end(turn)
        behind = turn.backlog.behind(turn.unanswered.values())
        await self._claims.put_back(lease, turn.backlog.waiting, behind)
        return turn.ended

    async def _fill(self, turn: Turn) -> bool:
        """Let go what may; False while the realm rests."""
        room = IN_FLIGHT - len(turn.running)
        if room <= 0:
            return True
        claimed = await self._claims.next(turn.lease, turn.mine, room=turn.backlog.room)
        if claimed is None:
            return False
        known = claimed.unanswered | turn.under_way
        turn.unanswered = {key: item for key, item in turn.unanswered.items() if key in known}
        turn.backlog.add(claimed.fresh)
        for load in claimed.again[:room]:
            self._start(turn, load)
        loads = turn.backlog.take(
            room=room - len(claimed.again[:room]),
            alone_now=turn.alone,
            batch_may_go=not turn.at_the_gate,
            unanswered=turn.unanswered.values(),
            at=self._clock.now(),
        )
        for load in loads:
            self._start(turn, load)
        return True

    def _start(self, turn: Turn, load: Load) -> None:
        key = load.call.requestid or ""
        if load.is_batch:
            turn.at_the_gate.add(key)

        def gone() -> None:
            turn.at_the_gate.discard(key)
            turn.moved.set()

        task = asyncio.create_task(self._carrier.carry_out(turn.lease, load, gone))
        task.add_done_callback(lambda _: gone())
        turn.running[task] = load
        turn.unanswered.update({one.item.sync_id: one.item for one in load.ready})

    async def _wait(self, turn: Turn) -> bool:
        """Wait until there may be room; False where a call found that the realm cannot be worked any further now."""
        moved = asyncio.create_task(turn.moved.wait())
        try:
            await asyncio.wait({moved, *turn.running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            moved.cancel()
        going = True
        for task in [task for task in turn.running if task.done()]:
            turn.ended += len(turn.running.pop(task).members)
            going = task.result() and going
        return going

    async def _end(self, turn: Turn) -> None:
        """Wait a little for the last answers: what is cut off must be sent again after the next start."""
        if turn.running:
            _, late = await asyncio.wait(turn.running, timeout=LAST_ANSWERS_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*turn.running, return_exceptions=True)
