"""One call to its end: out, and what came back to outcomes, whatever happens on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import structlog

from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.postgres.calls import Lease
from qbsync_qbo_worker.quickbooks import Answer
from qbsync_qbo_worker.quickbooks.outcomes import is_unknown, retry_class
from qbsync_qbo_worker.service.batching import Load
from qbsync_qbo_worker.service.claiming import LeaseLostError
from qbsync_qbo_worker.service.doubts import Doubts
from qbsync_qbo_worker.service.requests import Ready
from qbsync_qbo_worker.service.sending import NotSentError, RestsError, Sender
from qbsync_qbo_worker.service.settling import CLOSED, SAME_FAULTS, SAYS_NOTHING, Settler
from qbsync_qbo_worker.service.tokens import NotConnectedError
from qbsync_shared.catalogue import RetryClass
from qbsync_shared.clock import Clock
from qbsync_shared.logging import describe_error
from qbsync_shared.outcomes import Failed, NotProcessed, Outcome, Succeeded
from qbsync_shared.postgres import Database, is_transient

log = structlog.get_logger()

SAFE_WINDOW = timedelta(hours=24)
"""How long a requestid may be trusted to be replayed; older doubts are settled by look-up."""

Gone = Callable[[], None]


class Carrier:
    """Carries out loads under a lease. Whatever happens to one, the others go on."""

    def __init__(
        self,
        *,
        database: Database,
        sender: Sender,
        settler: Settler,
        doubts: Doubts,
        clock: Clock,
        answer_within: timedelta,
    ) -> None:
        self._database = database
        self._sender = sender
        self._settler = settler
        self._doubts = doubts
        self._clock = clock
        self._answer_within = answer_within

    async def carry_out(self, lease: Lease, load: Load, gone: Gone) -> bool:
        """One call to its end; False where the realm cannot be worked any further now.

        Args:
            gone: called when its turn came and it goes out.
        """
        try:
            if load.in_doubt and self._is_old(load):
                for one in load.ready:
                    await self._settler.settle_by_look(lease, one)
                return True
            return await self._send(lease, load, gone)
        except (NotConnectedError, RestsError) as error:
            if not load.in_doubt:
                await self._settler.settle_all(lease, [(one, NotProcessed()) for one in load.ready])
            log.info("realm_not_worked", tenant=lease.tenant, why=type(error).__name__)
            return False
        except LeaseLostError:
            return False
        except Exception as error:
            if is_transient(error):
                log.warning("outcome_not_recorded", tenant=lease.tenant, error=describe_error(error))
                return False
            log.exception("answer_not_understood", tenant=lease.tenant)
            for one in load.ready:
                await self._not_understood(lease, one)
            return True

    async def _not_understood(self, lease: Lease, ready: Ready) -> None:
        if ready.writes:
            await self._settler.doubt(lease, ready, "QuickBooks' answer could not be understood.")
        else:
            why = "qbsync could not read what QuickBooks holds."
            await self._settler.settle(lease, ready, Failed(code="QS-QUARANTINED", message=why))

    async def _send(self, lease: Lease, load: Load, gone: Gone) -> bool:
        async def durable() -> None:
            gone()
            if all(one.writes for one in load.ready):
                await self._about_to_send(lease, load)

        try:
            answer = await self._sender.send(lease.tenant, load.call, before=durable)
        except RestsError:
            raise
        except NotSentError as error:
            await self._not_sent(lease, load, str(error))
            return False
        except httpx.HTTPError as error:
            log.warning(
                "answer_lost", tenant=lease.tenant, error=type(error).__name__, syncs=len(load.members)
            )
            await self._doubt(lease, load, "QuickBooks' answer did not arrive.")
            return True
        if load.is_batch:
            return await self._understand_batch(lease, load, answer)
        return await self._settler.understand(lease, load.ready[0], answer)

    async def _not_sent(self, lease: Lease, load: Load, why: str) -> None:
        if load.in_doubt:
            await self._doubt(lease, load, why)
            return
        later: list[tuple[Ready, Outcome]] = [
            (one, self._settler.later("QS-UNREACHABLE", why, one.item)) for one in load.ready
        ]
        await self._settler.settle_all(lease, later)

    async def _doubt(self, lease: Lease, load: Load, why: str, answer: Answer | None = None) -> None:
        if load.is_batch:
            await self._settler.doubt_all(lease, load.ready, why, answer)
        else:
            await self._settler.doubt(lease, load.ready[0], why, answer)

    def _is_old(self, load: Load) -> bool:
        return load.stored_at is not None and self._clock.now() - load.stored_at > SAFE_WINDOW

    async def _about_to_send(self, lease: Lease, load: Load) -> None:
        """Note that the bytes go out, under the lock of the lease: who takes over then knows of it, or they do not go.

        Raises:
            LeaseLostError: another worker holds the realm by now, or settled the call.
        """
        now = self._clock.now()
        again, tenant = now + self._answer_within, lease.tenant
        async with self._database.tenant(tenant) as connection:
            open_ = await store.hold_lease(connection, lease)
            if open_ and load.is_batch:
                members = {bid: one.requestid for bid, one in load.members.items()}
                open_ = await store.sent_batch(
                    connection, tenant, load.call, members, now=now, again_at=again
                )
            elif open_:
                open_ = await store.sent(connection, tenant, load.requestids[0], again_at=again)
            if not open_:
                raise LeaseLostError(tenant)

    async def _understand_batch(self, lease: Lease, load: Load, answer: Answer) -> bool:
        """Each member by its own answer; False where the realm cannot be worked any further now."""
        members = answer.members()
        if answer.fault is not None:
            return await self._refused(lease, load, answer)
        if not members or not answer.readable:
            await self._doubt(lease, load, "QuickBooks' answer is none to a batch.", answer)
            return True
        silence = Answer(status=answer.status, intuit_tid=answer.intuit_tid, readable=False)
        told = [(ready, members.get(bid, silence)) for bid, ready in load.members.items()]
        arrived: list[tuple[Ready, Outcome]] = []
        others: list[tuple[Ready, Answer]] = []
        for ready, own in told:
            success = self._success(lease, ready, own)
            if success is None:
                others.append((ready, own))
            else:
                arrived.append((ready, success))
        if arrived and not await self._settled_together(lease, arrived, answer):
            others = told
        going = True
        for ready, own in others:
            going = await self._understand_member(lease, ready, own) and going
        return going

    async def _settled_together(
        self, lease: Lease, arrived: list[tuple[Ready, Outcome]], answer: Answer
    ) -> bool:
        """Whether they could be recorded in one transaction; one that cannot must harm no other."""
        try:
            await self._settler.settle_all(lease, arrived, answer)
        except Exception as error:
            if is_transient(error):
                raise
            log.exception("members_not_settled_together", tenant=lease.tenant, syncs=len(arrived))
            return False
        return True

    def _success(self, lease: Lease, ready: Ready, answer: Answer) -> Succeeded | None:
        try:
            return self._settler.success(ready, answer)
        except Exception:
            log.exception("answer_not_understood", tenant=lease.tenant, sync_id=ready.item.sync_id)
            return None

    async def _understand_member(self, lease: Lease, ready: Ready, answer: Answer) -> bool:
        try:
            return await self._settler.understand(lease, ready, answer)
        except Exception as error:
            if is_transient(error):
                raise
            log.exception("answer_not_understood", tenant=lease.tenant, sync_id=ready.item.sync_id)
            await self._not_understood(lease, ready)
            return True

    async def _refused(self, lease: Lease, load: Load, answer: Answer) -> bool:
        """The batch as a whole: it says nothing about any member."""
        assert answer.fault is not None
        kind = retry_class(answer.fault)
        unsure = is_unknown(answer) or kind is RetryClass.UNKNOWN_OUTCOME
        repeated = answer.status == 400 and all(one.sends >= SAME_FAULTS for one in load.ready)
        if (is_unknown(answer) and not repeated) or (load.in_doubt and kind in SAYS_NOTHING):
            await self._doubt(lease, load, answer.fault.text, answer)
        elif load.in_doubt or unsure:
            for one in load.ready:
                await self._looked(lease, one, answer, believed=repeated or not unsure)
        elif kind is RetryClass.TRANSIENT:
            code, text = answer.fault.code, answer.fault.text
            later = [(one, self._settler.later(code, text, one.item)) for one in load.ready]
            await self._settler.settle_all(lease, later, answer)
        else:
            await self._settler.settle_all(
                lease, [(one, NotProcessed()) for one in load.ready], _noted(answer)
            )
        return kind not in CLOSED

    async def _looked(self, lease: Lease, ready: Ready, answer: Answer, *, believed: bool) -> None:
        """It may have been applied, and the batch is refused: QuickBooks holds the change, or else it goes alone."""
        look = await self._doubts.look(ready)
        if look is not None and look.success is not None:
            await self._settler.settle(lease, ready, look.success, answer)
        elif look is not None and believed:
            await self._settler.settle(lease, ready, NotProcessed(), _noted(answer))
        else:
            why = "QuickBooks did not say what became of it."
            await self._settler.doubt(lease, ready, why, answer)


def _noted(answer: Answer) -> Answer:
    """A refusal of the whole that may be one member's fault is kept as 400: each goes alone from now on."""
    assert answer.fault is not None
    return answer if retry_class(answer.fault) in SAYS_NOTHING else replace(answer, status=400)
