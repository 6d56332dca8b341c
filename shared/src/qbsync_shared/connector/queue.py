"""The work queue of a connector service: accept, claim, settle (contract, section 4).

Every method runs in the caller's transaction and takes the tenant's lane first, so that all work of one tenant is done
one after the other, whatever the replicas do.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from qbsync_shared.clock import Clock
from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import (
    GRACE,
    MAX_REPEATS,
    Json,
    LinkRow,
    Plan,
    Seen,
    Standing,
    Takeover,
    WorkItem,
    plan,
    standing_of,
    takeover,
    total_warning,
    verdict,
)
from qbsync_shared.connector.events import Announcer
from qbsync_shared.connector.references import resolve
from qbsync_shared.entities import parse_entity
from qbsync_shared.ids import EntityKey, MakeId
from qbsync_shared.kinds import Direction, Edition, Operation
from qbsync_shared.messages import EntityImported, SyncApproved
from qbsync_shared.messaging import publish
from qbsync_shared.outcomes import (
    Cancelled,
    Failed,
    HandedOver,
    NotProcessed,
    Outcome,
    Succeeded,
    Unknown,
    Waiting,
    Warned,
)
from qbsync_shared.postgres import Connection
from qbsync_shared.states import FINAL, SyncState

OVERFETCH = 4
"""How many candidates are looked at for each that is wanted: some wait for others."""

UNTIL_RELEASED = timedelta(days=36_500)
"""What waits for another record is looked at again when that one arrives, not before."""


class WorkQueue:
    """The queue of one edition. Nothing is kept in memory."""

    def __init__(self, edition: Edition, *, clock: Clock, make_id: MakeId) -> None:
        self.edition = edition
        self._clock = clock
        self._say = Announcer(edition, make_id)

    async def accept(self, connection: Connection, approved: SyncApproved) -> None:
        """Take an approval. A newer one of the same entity replaces what has not gone yet; order does not matter."""
        await store.lock(connection, approved.tenant)
        if await store.get(connection, approved.tenant, approved.sync_id) is not None:
            return
        now = self._clock.now()
        others = await store.of_entity(connection, approved)
        item = await store.add(connection, approved, now=now)
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

    async def claim(self, connection: Connection, tenant: str, *, holder: str, limit: int) -> list[WorkItem]:
        """Take what may go now, in order of rank and approval, and put it in flight under ``holder``.

        Items that cannot go (no link, unknown reference) fail here; those that wait for another one are told so. An
        update without ``fields`` is the Resync of a record that QuickBooks holds as approved: it is to be read, not
        written, so that its warning is judged anew.
        """
        await store.lock(connection, tenant)
        now = self._clock.now()
        claimed: list[WorkItem] = []
        entities: set[tuple[str, str | None]] = set()
        looked_at: set[str] = set()
        while len(claimed) < limit and len(looked_at) < limit * OVERFETCH * 2:
            found = await store.candidates(
                connection, tenant, now=now, limit=len(looked_at) + limit * OVERFETCH
            )
            fresh = [item for item in found if item.sync_id not in looked_at]
            if not fresh:
                break
            for item in fresh:
                looked_at.add(item.sync_id)
                entity = (item.kind.value, item.app_id or item.quickbooks_id)
                if entity in entities or len(claimed) == limit:
                    continue
                started = await self._try_start(connection, item, holder, now)
                if started is not None:
                    claimed.append(started)
                    entities.add(entity)
        return claimed

    async def _try_start(
        self, connection: Connection, item: WorkItem, holder: str, now: datetime
    ) -> WorkItem | None:
        link = await self._link_of(connection, item)
        if item.direction is Direction.IMPORT:
            started = await store.start(connection, item, holder)
            await publish(connection, self._say.started(started, now))
            return replace(started, link=link)
        planned = plan(item, link)
        if isinstance(planned, Failed):
            await self._fail(connection, item, planned, now)
            return None
        if not await self._references_ready(connection, item, now):
            return None
        if planned != Plan(operation=item.operation, fields=item.fields):
            await store.set_plan(connection, item, planned)
        started = await store.start(connection, item, holder)
        await publish(connection, self._say.started(started, now))
        if link is not None and planned.changes_nothing and item.resync_of is None:
            there = Succeeded(quickbooks_id=link.quickbooks_id, token=link.token, returned=link.returned)
            await self._succeed(connection, started, there, now, None)
            return None
        entity = await resolve(connection, item.tenant, parse_entity(item.data))
        return replace(started, operation=planned.operation, fields=planned.fields, entity=entity, link=link)

    async def _link_of(self, connection: Connection, item: WorkItem) -> LinkRow | None:
        if item.key is not None:
            return await store.get_link(connection, item.tenant, item.key)
        if item.quickbooks_id is not None:
            return await store.get_link_by_quickbooks(connection, item.tenant, item.kind, item.quickbooks_id)
        return None

    async def _references_ready(self, connection: Connection, item: WorkItem, now: datetime) -> bool:
        if item.operation in (Operation.VOID, Operation.DELETE, Operation.DEACTIVATE, Operation.LINK):
            return True
        keys = dict.fromkeys((*item.depends_on, *parse_entity(item.data).depends_on()))
        linked = await store.links_of(connection, item.tenant, keys)
        standings = dict.fromkeys(linked, Standing.LINKED)
        for key in keys:
            if key not in linked:
                standings[key] = await self._standing(connection, item.tenant, key)
        result = verdict(standings)
        if result.standing is Standing.LINKED:
            return True
        assert result.on is not None
        if result.standing is Standing.ON_ITS_WAY:
            return False
        if result.standing is Standing.UNKNOWN:
            if now - item.approved_at >= GRACE:
                why = f"It refers to {result.on.kind.label} {result.on.app_id}, which was never sent."
                await self._fail(connection, item, Failed(code="QS-REFERENCE-UNKNOWN", message=why), now)
            return False
        await self._wait_for(connection, item, result.on, now)
        return False

    async def _standing(self, connection: Connection, tenant: str, key: EntityKey) -> Standing:
        rows = await connection.fetch(store.QUERIES["entity_items"], tenant, key.kind.value, key.app_id)
        return standing_of([SyncState(row["state"]) for row in rows])

    async def _wait_for(self, connection: Connection, item: WorkItem, on: EntityKey, now: datetime) -> None:
        if item.state is SyncState.WAITING and item.code == "QS-WAITS-FOR":
            return
        why = f"It waits for {on.kind.label} {on.app_id}."
        waiting = await store.wait(
            connection,
            item,
            code="QS-WAITS-FOR",
            message=why,
            retry_at=None,
            waits_for=on,
            available_at=now + UNTIL_RELEASED,
        )
        await publish(connection, self._say.waiting(waiting, now, waits_for=on))

    async def _fail(
        self,
        connection: Connection,
        item: WorkItem,
        failed: Failed,
        now: datetime,
        technical: Json | None = None,
    ) -> WorkItem:
        done = await store.finish(
            connection, item, SyncState.FAILED, now=now, code=failed.code, message=failed.message
        )
        await publish(connection, self._say.failed(done, now, technical))
        return done

    async def held(self, connection: Connection, tenant: str, holder: str) -> list[WorkItem]:
        """What a holder has in flight towards QuickBooks, as it was claimed."""
        rows = await connection.fetch(store.QUERIES["held_items"], tenant, holder)
        return [await self.complete(connection, store.work_item(row)) for row in rows]

    async def in_flight(self, connection: Connection, tenant: str) -> list[WorkItem]:
        """Everything in flight towards QuickBooks, whoever holds it."""
        rows = await connection.fetch(store.QUERIES["in_flight_items"], tenant)
        return [await self.complete(connection, store.work_item(row)) for row in rows]

    async def complete(self, connection: Connection, item: WorkItem) -> WorkItem:
        """Give an item its link and its entity with resolved references, as a claim does."""
        link = await self._link_of(connection, item)
        if item.direction is Direction.IMPORT:
            return replace(item, link=link)
        entity = await resolve(connection, item.tenant, parse_entity(item.data))
        return replace(item, entity=entity, link=link)

    async def hand_to(
        self, connection: Connection, tenant: str, sync_ids: list[str], *, holder: str
    ) -> list[WorkItem]:
        """Let another holder settle what is in flight; the earlier one's answers come too late from now on."""
        await store.lock(connection, tenant)
        rows = await connection.fetch(store.QUERIES["hand_to"], tenant, sync_ids, holder)
        return [store.work_item(row) for row in rows]

    async def settle(
        self,
        connection: Connection,
        item: WorkItem,
        outcome: Outcome,
        *,
        holder: str,
        technical: Json | None = None,
    ) -> bool:
        """Record what became of a claimed item. False: a late answer of a former holder, nothing changed."""
        await store.lock(connection, item.tenant)
        now = self._clock.now()
        current = await store.get(connection, item.tenant, item.sync_id)
        if current is None or current.state is not SyncState.IN_FLIGHT or current.holder != holder:
            return False
        match outcome:
            case Succeeded():
                await self._succeed(connection, current, outcome, now, technical)
            case Failed():
                await self._fail(connection, current, outcome, now, technical)
            case Waiting():
                await self._wait(connection, current, outcome, now, technical)
            case Cancelled():
                done = await store.finish(
                    connection,
                    current,
                    SyncState.CANCELLED,
                    now=now,
                    code=outcome.code,
                    message=outcome.message,
                )
                await publish(connection, self._say.cancelled(done, now))
            case NotProcessed():
                await store.put_back(connection, current, at=now)
            case Unknown():
                doubted = await store.doubt(connection, current, since=now, message=outcome.message)
                await publish(connection, self._say.started(doubted, now, technical))
            case HandedOver():
                await self._hand_over(connection, current, outcome, now)
        return True

    async def repeat(self, connection: Connection, item: WorkItem, *, holder: str, link: Seen) -> bool:
        """A stale version token, and none of the approved fields changed: once more with the new token.

        False: it was tried often enough, or the answer comes too late.
        """
        await store.lock(connection, item.tenant)
        current = await store.get(connection, item.tenant, item.sync_id)
        if current is None or current.state is not SyncState.IN_FLIGHT or current.holder != holder:
            return False
        if current.repeats >= MAX_REPEATS:
            return False
        await connection.execute(
            store.QUERIES["set_token"], item.tenant, item.kind.value, link.quickbooks_id, link.token
        )
        await store.repeat(connection, current, at=self._clock.now())
        return True

    async def _wait(
        self,
        connection: Connection,
        item: WorkItem,
        outcome: Waiting,
        now: datetime,
        technical: Json | None,
    ) -> None:
        waiting = await store.wait(
            connection,
            item,
            code=outcome.code,
            message=outcome.message,
            retry_at=outcome.retry_at,
            waits_for=None,
            available_at=outcome.retry_at or now,
        )
        await publish(
            connection, self._say.waiting(waiting, now, retry_at=outcome.retry_at, technical=technical)
        )

    async def _succeed(
        self,
        connection: Connection,
        item: WorkItem,
        outcome: Succeeded,
        now: datetime,
        technical: Json | None,
    ) -> None:
        warnings = outcome.warnings
        returned = outcome.returned or {}
        removed = item.operation is Operation.DELETE
        if item.direction is Direction.EXPORT and not removed:
            found = total_warning(item.data, returned)
            warnings = (*warnings, *([found] if found else []))
        first: Warned | None = warnings[0] if warnings else None
        done = await store.finish(
            connection,
            item,
            SyncState.SUCCEEDED,
            now=now,
            code=first.code if first else None,
            message=first.message if first else None,
            quickbooks_id=outcome.quickbooks_id,
        )
        if removed:
            await self._forget(connection, done, now)
        elif done.key is not None:
            await self._remember(connection, done, outcome, now)
            await store.release(connection, done.key, tenant=done.tenant, at=now)
        await publish(
            connection,
            self._say.succeeded(done, now, warnings=warnings, snapshot=returned, technical=technical),
        )

    async def _remember(
        self, connection: Connection, item: WorkItem, outcome: Succeeded, now: datetime
    ) -> None:
        assert item.key is not None
        before = await store.get_link(connection, item.tenant, item.key)
        returned = outcome.returned or (before.returned if before else {})
        created = item.operation is Operation.CREATE and item.direction is Direction.EXPORT
        link = await store.put_link(
            connection,
            LinkRow(
                tenant=item.tenant,
                kind=item.kind,
                app_id=item.key.app_id,
                quickbooks_id=outcome.quickbooks_id,
                version=0,
                token=outcome.token,
                sent=item.data if item.operation is not Operation.LINK else (before.sent if before else {}),
                returned=returned,
                sync_id=item.sync_id,
                entity_seq=item.entity_seq,
                create_sync_id=item.sync_id if created else None,
            ),
        )
        record = Seen(kind=item.kind, quickbooks_id=link.quickbooks_id, token=link.token, entity=returned)
        await store.put_seen(connection, item.tenant, record)
        await publish(connection, self._say.link_created(link, now))

    async def _forget(self, connection: Connection, item: WorkItem, now: datetime) -> None:
        assert item.key is not None
        gone = await store.drop_link(connection, item.tenant, item.key)
        if gone is None:
            return
        record = Seen(kind=gone.kind, quickbooks_id=gone.quickbooks_id, deleted=True)
        version = await store.put_seen(connection, item.tenant, record)
        await publish(
            connection,
            self._say.link_cleared(gone, now, version=version, by="qbsync", why="deleted in QuickBooks"),
        )

    async def _hand_over(
        self, connection: Connection, item: WorkItem, outcome: HandedOver, now: datetime
    ) -> None:
        waiting = await store.await_app(connection, item, since=now, entity=outcome.entity)
        assert item.quickbooks_id is not None
        await publish(
            connection,
            EntityImported(
                **self._say.stamp(item.tenant, now),
                sync_id=item.sync_id,
                kind=item.kind,
                quickbooks_id=item.quickbooks_id,
                app_id=item.app_id,
                entity=outcome.entity,
                changed=outcome.changed,
                deleted=item.operation in (Operation.DELETE, Operation.DEACTIVATE, Operation.VOID),
            ),
        )
        await publish(connection, self._say.started(waiting, now))

    async def has_work(self, connection: Connection, tenant: str) -> bool:
        """Whether anything may go now, or is in flight towards QuickBooks."""
        found: bool = await connection.fetchval(store.QUERIES["has_work"], tenant, self._clock.now())
        return found

    async def count_open(self, connection: Connection, tenant: str) -> int:
        """How much is left that may go now or is in flight towards QuickBooks."""
        count: int = await connection.fetchval(store.QUERIES["count_open"], tenant, self._clock.now())
        return count
