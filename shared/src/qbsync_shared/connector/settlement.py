"""Recording what became of what was sent: states, links, and who was waiting (contract, section 4)."""

from datetime import datetime

from qbsync_shared.clock import Clock
from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import MAX_REPEATS, Json, LinkRow, Seen, WorkItem, total_warning
from qbsync_shared.connector.events import Announcer
from qbsync_shared.connector.references import name_app_ids
from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Direction, Operation
from qbsync_shared.messages import EntityImported
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
from qbsync_shared.states import SyncState


class Settlement:
    """The way out. An answer counts only from the present holder: a late one changes nothing."""

    def __init__(self, say: Announcer, clock: Clock) -> None:
        self._say = say
        self._clock = clock

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
                await self.succeed(connection, current, outcome, now, technical)
            case Failed():
                await self.fail(connection, current, outcome, now, technical)
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

    async def repeat(self, connection: Connection, item: WorkItem, *, holder: str, read: Seen) -> bool:
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
            store.QUERIES["set_token"], item.tenant, item.kind.value, read.quickbooks_id, read.token
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

    async def succeed(
        self,
        connection: Connection,
        item: WorkItem,
        outcome: Succeeded,
        now: datetime,
        technical: Json | None = None,
    ) -> None:
        """The other side has it: keep the link and release what waited."""
        warnings = outcome.warnings
        returned = outcome.returned or {}
        removed = item.operation is Operation.DELETE
        if item.direction is Direction.EXPORT and item.operation in (Operation.CREATE, Operation.UPDATE):
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
        if item.operation is Operation.LINK:  # nothing was sent: the app's side is compared with this reading
            returned = (await name_app_ids(connection, item.tenant, parse_entity(returned))).to_json()
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

    async def fail(
        self,
        connection: Connection,
        item: WorkItem,
        failed: Failed,
        now: datetime,
        technical: Json | None = None,
    ) -> WorkItem:
        """It did not arrive, and nothing was applied."""
        done = await store.finish(
            connection, item, SyncState.FAILED, now=now, code=failed.code, message=failed.message
        )
        await publish(connection, self._say.failed(done, now, technical))
        return done
