"""Sending a realm's approved work, so that each change reaches QuickBooks once.

Every write is stored with its requestid and exact bytes before it goes out. While its outcome is unknown the same bytes
go out under the same id; a known fault ends the id. A doubt older than a day is settled by look-up, never by resending
(architecture, rule 3).
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import structlog

from qbsync_qbo_worker.mapping import MAPPERS
from qbsync_qbo_worker.postgres import calls as store
from qbsync_qbo_worker.postgres.calls import Lease, StoredCall
from qbsync_qbo_worker.quickbooks import Answer, Call, QuickBooksClient
from qbsync_qbo_worker.quickbooks.outcomes import THROTTLE_PAUSE, is_unknown, outcome_of, retry_class
from qbsync_qbo_worker.service import requests
from qbsync_qbo_worker.service.tokens import NotConnectedError, Tokens
from qbsync_shared.catalogue import RetryClass
from qbsync_shared.clock import Clock
from qbsync_shared.connector import LinkKeeper, Seen, WorkItem, WorkQueue, backoff, judge_import
from qbsync_shared.connector.references import resolve_lists
from qbsync_shared.connector.repository import get_link_by_quickbooks
from qbsync_shared.diff import changed_fields
from qbsync_shared.ids import MakeId
from qbsync_shared.kinds import Direction, Operation
from qbsync_shared.outcomes import (
    Cancelled,
    Failed,
    NotProcessed,
    Outcome,
    Succeeded,
    Unknown,
    Waiting,
)
from qbsync_shared.postgres import Connection, Database

log = structlog.get_logger()

IN_FLIGHT = 8
"""Calls at once per realm: Intuit allows 10 a second, of which two are left for reading."""

LEASE = timedelta(seconds=90)
ANSWER_WITHIN = timedelta(seconds=150)
"""After this a stored call that was sent counts as unanswered: Intuit itself gives up after 120 s."""

SAFE_WINDOW = timedelta(hours=24)
"""How long a requestid may be trusted to be replayed; older doubts are settled by look-up."""

SAYS_NOTHING = frozenset(
    {
        RetryClass.THROTTLED,
        RetryClass.REAUTHORISE,
        RetryClass.CONNECTION,
        RetryClass.TRANSIENT,
        RetryClass.NOT_PROCESSED,
    }
)
"""Faults that refuse this sending unread: they say nothing about what became of an earlier one."""

NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A claimed item with the call that carries it out; stored already if it writes."""

    item: WorkItem
    call: Call
    sent_before: bool = False

    @property
    def in_doubt(self) -> bool:
        """Whether an earlier sending may have been applied: by what was recorded, or because its worker died."""
        return self.sent_before or self.item.in_doubt_since is not None


class Drain:
    """Drains one realm at a time under its lease."""

    def __init__(
        self,
        *,
        database: Database,
        queue: WorkQueue,
        links: LinkKeeper,
        client: QuickBooksClient,
        tokens: Tokens,
        clock: Clock,
        make_id: MakeId,
        holder: str,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._queue = queue
        self._links = links
        self._client = client
        self._tokens = tokens
        self._clock = clock
        self._make_id = make_id
        self._holder = holder
        self._spread = spread

    async def run(self, tenant: str) -> bool:
        """Send what is due; False where another worker holds the realm, or it rests."""
        now = self._clock.now()
        async with self._database.tenant(tenant) as connection:
            lease = await store.take_lease(connection, tenant, self._holder, now=now, until=now + LEASE)
        if lease is None:
            return False
        try:
            await self._drain(lease)
        except NotConnectedError:
            log.info("realm_not_connected", tenant=tenant)
        finally:
            async with self._database.tenant(tenant) as connection:
                await store.release_lease(connection, lease)
        return True

    async def _drain(self, lease: Lease) -> None:
        await self._take_over(lease)
        while await self._renew(lease):
            ready = await self._claim(lease)
            if not ready:
                return
            results = await asyncio.gather(*(self._carry_out(lease, one) for one in ready))
            if not all(results):
                return

    async def _renew(self, lease: Lease) -> bool:
        now = self._clock.now()
        async with self._database.tenant(lease.tenant) as connection:
            if await store.rests_until(connection, lease.tenant) > now:
                return False
            return await store.renew_lease(connection, lease, until=now + LEASE)

    async def _take_over(self, lease: Lease) -> None:
        """Settle what an earlier holder, or an earlier try, left in flight."""
        async with self._database.tenant(lease.tenant) as connection:
            items = {item.sync_id: item for item in await self._queue.in_flight(connection, lease.tenant)}
            await self._queue.hand_to(connection, lease.tenant, list(items), holder=lease.token)
            calls = await store.open_calls(connection, lease.tenant, now=self._clock.now())
            stored_for = await store.syncs_with_open_calls(connection, lease.tenant)
            unsent = [item for item in items.values() if item.sync_id not in stored_for]
            for one in unsent:  # claimed, but nothing was stored: nothing went out
                await self._queue.settle(connection, one, NotProcessed(), holder=lease.token)
        for stored in calls:
            item = items.get(stored.sync_id)
            if item is None:
                continue
            if self._clock.now() - stored.created_at > SAFE_WINDOW:
                await self._look_up(lease, item, stored)
            elif not await self._carry_out(
                lease, Ready(item=item, call=stored.call, sent_before=stored.sends > 0)
            ):
                return

    async def _claim(self, lease: Lease) -> list[Ready]:
        """Claim, and store each write before anything goes out: one transaction."""
        async with self._database.tenant(lease.tenant) as connection:
            items = await self._queue.claim(connection, lease.tenant, holder=lease.token, limit=IN_FLIGHT)
            ready = [await self._prepare(connection, lease, item) for item in items]
        found = [one for one in ready if one is not None]
        if items and not found:
            return await self._claim(lease)
        return found

    async def _prepare(self, connection: Connection, lease: Lease, item: WorkItem) -> Ready | None:
        if item.direction is Direction.IMPORT:
            if item.kind in MAPPERS:
                return Ready(item=item, call=requests.re_read(item))
            await self._refuse(connection, lease, item, _not_supported(item))
            return None
        assert item.entity is not None
        entity = await resolve_lists(connection, lease.tenant, item.entity)
        call = (
            entity
            if isinstance(entity, Failed)
            else requests.call_of(item, entity, requestid=self._make_id())
        )
        if isinstance(call, Failed):
            await self._refuse(connection, lease, item, call)
            return None
        if call.requestid is not None:
            now = self._clock.now()
            again = now + ANSWER_WITHIN
            await store.add_call(connection, lease.tenant, item.sync_id, call, now=now, send_again_at=again)
        return Ready(item=item, call=call)

    async def _refuse(self, connection: Connection, lease: Lease, item: WorkItem, failed: Failed) -> None:
        await self._queue.settle(connection, item, failed, holder=lease.token)

    async def _carry_out(self, lease: Lease, ready: Ready) -> bool:
        """Send one call and settle it; False where the realm cannot be worked any further now."""
        item, call = ready.item, ready.call
        try:
            answer = await self._send(lease, call)
        except NotConnectedError:
            if not ready.in_doubt:
                await self._settle(lease, ready, NotProcessed(), None)
            return False
        except NEVER_SENT:
            why = "QuickBooks could not be reached; nothing was sent."
            if not ready.in_doubt:
                await self._settle(lease, ready, self._later("QS-UNREACHABLE", why, item), None)
            else:
                await self._doubt(lease, ready, why)
            return False
        except httpx.HTTPError as error:
            log.warning("answer_lost", tenant=lease.tenant, sync_id=item.sync_id, error=type(error).__name__)
            await self._doubt(lease, ready, "QuickBooks' answer did not arrive.")
            return True
        return await self._understand(lease, ready, answer)

    def _later(self, code: str, why: str, item: WorkItem) -> Waiting:
        wait = backoff(item.attempts, self._spread())
        return Waiting(code=code, message=why, retry_at=self._clock.now() + wait)

    async def _send(self, lease: Lease, call: Call) -> Answer:
        """Send once; with an expired token once more, which is safe because the first try was refused unread."""
        if call.requestid is not None:
            again = self._clock.now() + ANSWER_WITHIN
            async with self._database.tenant(lease.tenant) as connection:
                await store.sent(connection, lease.tenant, call.requestid, again_at=again)
        access = await self._tokens.access(lease.tenant)
        answer = await self._client.send(access.realm, access.token, call)
        if answer.fault is not None and retry_class(answer.fault) is RetryClass.REAUTHORISE:
            access = await self._tokens.access(lease.tenant, refused=access)
            answer = await self._client.send(access.realm, access.token, call)
        return answer

    async def _understand(self, lease: Lease, ready: Ready, answer: Answer) -> bool:
        item = ready.item
        if is_unknown(answer):
            if ready.call.requestid is None:
                why = f"QuickBooks answered with HTTP {answer.status}."
                await self._settle(lease, ready, self._later("QS-UNREACHABLE", why, item), answer)
            else:
                why = f"QuickBooks answered with HTTP {answer.status}; it may have applied the change."
                await self._doubt(lease, ready, why, answer)
            return True
        if answer.fault is None:
            await self._success(lease, ready, answer)
            return True
        kind = retry_class(answer.fault)
        if kind is RetryClass.THROTTLED:
            await self._rest(lease, answer)
        if ready.in_doubt and kind in SAYS_NOTHING:
            await self._doubt(lease, ready, answer.fault.text, answer)
            return False
        if kind is RetryClass.STALE and item.link is not None:
            return await self._stale(lease, ready, answer)
        if kind is RetryClass.GONE and item.direction is Direction.IMPORT:
            gone = Seen(kind=item.kind, quickbooks_id=item.quickbooks_id or "", deleted=True)
            await self._judge(lease, ready, gone, answer)
            return True
        now = self._clock.now()
        outcome = outcome_of(answer, now=now, attempts=item.attempts, spread=self._spread())
        await self._settle(lease, ready, outcome, answer)
        return kind not in (RetryClass.THROTTLED, RetryClass.REAUTHORISE, RetryClass.CONNECTION)

    async def _rest(self, lease: Lease, answer: Answer) -> None:
        pause = timedelta(seconds=answer.retry_after) if answer.retry_after else THROTTLE_PAUSE
        async with self._database.tenant(lease.tenant) as connection:
            await store.rest_realm(connection, lease.tenant, until=self._clock.now() + pause)

    async def _success(self, lease: Lease, ready: Ready, answer: Answer) -> None:
        item = ready.item
        record = answer.entity(MAPPERS[item.kind].resource)
        if item.direction is Direction.IMPORT:
            await self._judge(lease, ready, requests.seen_of(item.kind, record), answer)
            return
        await self._settle(lease, ready, requests.success_of(item, record), answer)

    async def _judge(self, lease: Lease, ready: Ready, read: Seen, answer: Answer) -> None:
        """An import: hand over what was approved, or let the change be reviewed anew."""
        async with self._database.tenant(lease.tenant) as connection:
            outcome = await judge_import(connection, ready.item, read)
            await self._queue.settle(
                connection, ready.item, outcome, holder=lease.token, technical=_technical(ready, answer)
            )
            if isinstance(outcome, Cancelled):
                await self._links.observe(connection, lease.tenant, read)

    async def _stale(self, lease: Lease, ready: Ready, answer: Answer) -> bool:
        """5010: read again; repeat if none of the approved fields changed there, else back for review."""
        item = ready.item
        try:
            reading = await self._send(lease, requests.re_read(item))
        except httpx.HTTPError:
            reading = None
        if reading is None or reading.fault is not None:
            fault = answer.fault
            assert fault is not None
            await self._settle(lease, ready, self._later(fault.code, fault.text, item), answer)
            return True
        read = requests.seen_of(item.kind, reading.entity(MAPPERS[item.kind].resource))
        async with self._database.tenant(lease.tenant) as connection:
            await self._end_call(connection, lease, ready, answer)
            changed = await self._links.changed_since(connection, item, read)
            if not changed and await self._queue.repeat(connection, item, holder=lease.token, read=read):
                return True
            words = ", ".join(field.replace("_", " ") for field in changed) or "it keeps changing"
            why = f"Changed in QuickBooks after it was approved: {words}."
            cancelled = Cancelled(code="QS-CHANGED-IN-QUICKBOOKS", message=why)
            await self._queue.settle(connection, item, cancelled, holder=lease.token)
            await self._links.observe(connection, lease.tenant, read)
        return True

    async def _doubt(self, lease: Lease, ready: Ready, why: str, answer: Answer | None = None) -> None:
        """The outcome is unknown: the item stays in flight and the same bytes go out again soon."""
        item, call = ready.item, ready.call
        if call.requestid is None:
            await self._settle(lease, ready, self._later("QS-UNREACHABLE", why, item), answer)
            return
        again = self._clock.now() + _soon(item, self._clock.now())
        async with self._database.tenant(lease.tenant) as connection:
            technical = _technical(ready, answer)
            await self._queue.settle(
                connection, item, Unknown(message=why), holder=lease.token, technical=technical
            )
            await store.again(connection, lease.tenant, call.requestid, at=again)

    async def _look_up(self, lease: Lease, item: WorkItem, stored: StoredCall) -> None:
        """A doubt too old for its requestid: ask QuickBooks what it holds; never send again."""
        found = await self._find(lease, item)
        if found is None:
            return
        ready = Ready(item=item, call=stored.call)
        ours = [seen for seen in found if await self._is_ours(item, seen)]
        if ours:
            match = ours[0]
            outcome: Outcome = Succeeded(
                quickbooks_id=match.quickbooks_id, token=match.token, returned=match.entity
            )
        else:
            why = "Its answer was lost for more than a day, and QuickBooks does not hold the change."
            outcome = Failed(code="QS-NOT-IN-BOOKS", message=why)
        await self._settle(lease, ready, outcome, None)

    async def _find(self, lease: Lease, item: WorkItem) -> list[Seen] | None:
        resource = MAPPERS[item.kind].resource
        call = (
            requests.look_up(item.kind, item.data)
            if item.operation is Operation.CREATE
            else requests.re_read(item)
        )
        if call is None:
            return []
        try:
            answer = await self._send(lease, call)
        except httpx.HTTPError:
            return None
        if answer.fault is not None:
            return [] if retry_class(answer.fault) is RetryClass.GONE else None
        records = answer.rows(resource) or [answer.entity(resource)]
        return [requests.seen_of(item.kind, record) for record in records if record]

    async def _is_ours(self, item: WorkItem, seen: Seen) -> bool:
        """Whether QuickBooks holds what was sent: nothing of it differs, and nobody else is linked to it."""
        async with self._database.tenant(item.tenant) as connection:
            link = await get_link_by_quickbooks(connection, item.tenant, item.kind, seen.quickbooks_id)
        if link is not None and link.app_id != item.app_id:
            return False
        plain = {key: value for key, value in item.data.items() if isinstance(value, str | bool)}
        theirs = {key: value for key, value in (seen.entity or {}).items() if key in plain}
        fields = set(changed_fields(theirs, plain)) & (set(item.fields) or set(plain))
        return not fields

    async def _settle(self, lease: Lease, ready: Ready, outcome: Outcome, answer: Answer | None) -> None:
        async with self._database.tenant(lease.tenant) as connection:
            await self._end_call(connection, lease, ready, answer)
            settled = await self._queue.settle(
                connection, ready.item, outcome, holder=lease.token, technical=_technical(ready, answer)
            )
        if not settled:
            log.warning("late_answer", tenant=lease.tenant, sync_id=ready.item.sync_id)

    async def _end_call(
        self, connection: Connection, lease: Lease, ready: Ready, answer: Answer | None
    ) -> None:
        if ready.call.requestid is not None:
            now = self._clock.now()
            await store.settle(connection, lease.tenant, ready.call.requestid, answer, now=now)


def _not_supported(item: WorkItem) -> Failed:
    what = f"qbsync does not import a {item.kind.label} from QuickBooks Online yet."
    return Failed(code="QS-NOT-SUPPORTED", message=what)


def _soon(item: WorkItem, now: datetime) -> timedelta:
    """How soon a doubtful call goes out again: at once at first, then less often."""
    if item.in_doubt_since is None:
        return timedelta(seconds=1)
    return min(max(now - item.in_doubt_since, timedelta(seconds=1)), timedelta(minutes=10))


def _technical(ready: Ready, answer: Answer | None) -> dict[str, object]:
    """What support needs, without contents: ids, statuses, sizes."""
    facts: dict[str, object] = {"method": ready.call.method, "path": ready.call.path}
    if ready.call.requestid is not None:
        facts |= {"requestid": ready.call.requestid, "body_bytes": len(ready.call.body)}
    if answer is not None:
        facts |= {"http_status": answer.status, "intuit_tid": answer.intuit_tid}
    return facts
