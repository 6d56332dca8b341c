"""Recording what became of what was sent: states, links, and who was waiting (contract, section 4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from qbsync_shared.clock import Clock
from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import MAX_REPEATS, Json, LinkRow, Seen, WorkItem, total_warning
from qbsync_shared.connector.events import Announcer
from qbsync_shared.connector.references import name_app_ids
from qbsync_shared.entities import parse_entity
from qbsync_shared.kinds import Direction, Operation
from qbsync_shared.messages import EntityImported, Message
from qbsync_shared.messaging import publish, publish_many
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


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What became of a claimed item, and what support wants to know of it."""

    item: WorkItem
    outcome: Outcome
    technical: Json | None = None


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

    async def settle_many(
        self, connection: Connection, tenant: str, settled: Sequence[Settled], *, holder: str
    ) -> list[bool]:
        """As `settle`, for the outcomes of one tenant; the usual ones in a handful of statements.

        The usual ones are exports that arrived and are not deletions, and failures. All others go one by one.
        """
        await store.lock(connection, tenant)
        now = self._clock.now()
        known = await store.get_many(connection, tenant, [one.item.sync_id for one in settled])
        counts: list[bool] = []
        usual: list[Settled] = []
        for one in settled:
            current = known.pop(one.item.sync_id, None)  # the same sync twice: the second comes too late
            late = current is None or current.state is not SyncState.IN_FLIGHT or current.holder != holder
            counts.append(not late)
            if current is None or late:
                continue
            if _is_usual(current, one.outcome):
                usual.append(replace(one, item=current))
            else:
                await self.settle(connection, current, one.outcome, holder=holder, technical=one.technical)
        if usual:
            await self._finish_usual(connection, tenant, usual, now)
        return counts

    async def _finish_usual(
        self, connection: Connection, tenant: str, usual: Sequence[Settled], now: datetime
    ) -> None:
        finished = [_finished(one) for one in usual]
        done = await store.finish_many(connection, tenant, finished, now=now)
        arrived = [
            (item, one.outcome)
            for item, one in zip(done, usual, strict=True)
            if isinstance(one.outcome, Succeeded)
        ]
        keys = [item.key for item, _ in arrived if item.key is not None]
        before = await store.links_of(connection, tenant, keys)
        links = [
            _link_after(item, outcome, before.get(item.key), outcome.returned)
            for item, outcome in arrived
            if item.key is not None
        ]
        links = await store.put_links(connection, links)
        await store.put_seen_many(connection, tenant, [_seen_after(link) for link in links])
        await connection.execute(
            store.QUERIES["release_waiting_many"], tenant, [str(key) for key in keys], now
        )
        created = {link.sync_id: link for link in links}
        messages: list[Message] = []
        for item, one in zip(done, usual, strict=True):
            if isinstance(one.outcome, Failed):
                messages.append(self._say.failed(item, now, one.technical))
                continue
            assert isinstance(one.outcome, Succeeded)
            messages.append(self._say.link_created(created[item.sync_id], now))
            messages.append(
                self._say.succeeded(
                    item,
                    now,
                    warnings=_warnings(item, one.outcome),
                    snapshot=one.outcome.returned or {},
                    technical=one.technical,
                )
            )
        await publish_many(connection, messages)

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
        warnings = _warnings(item, outcome)
        returned = outcome.returned or {}
        removed = item.operation is Operation.DELETE
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
        returned = outcome.returned
        if item.operation is Operation.LINK:  # nothing was sent: the app's side is compared with this reading
            reading = parse_entity(returned or (before.returned if before else {}))
            returned = (await name_app_ids(connection, item.tenant, reading)).to_json()
        link = await store.put_link(connection, _link_after(item, outcome, before, returned))
        await store.put_seen(connection, item.tenant, _seen_after(link))
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


def _is_usual(item: WorkItem, outcome: Outcome) -> bool:
    if isinstance(outcome, Failed):
        return True
    if not isinstance(outcome, Succeeded) or item.direction is not Direction.EXPORT or item.key is None:
        return False
    return item.operation not in (Operation.DELETE, Operation.LINK)


def _finished(one: Settled) -> store.Finished:
    if isinstance(one.outcome, Failed):
        return store.Finished(
            item=one.item, state=SyncState.FAILED, code=one.outcome.code, message=one.outcome.message
        )
    assert isinstance(one.outcome, Succeeded)
    first = next(iter(_warnings(one.item, one.outcome)), None)
    return store.Finished(
        item=one.item,
        state=SyncState.SUCCEEDED,
        code=first.code if first else None,
        message=first.message if first else None,
        quickbooks_id=one.outcome.quickbooks_id,
    )


def _warnings(item: WorkItem, outcome: Succeeded) -> tuple[Warned, ...]:
    """What QuickBooks warned of, and a total that it computed differently."""
    if item.direction is not Direction.EXPORT or item.operation not in (Operation.CREATE, Operation.UPDATE):
        return outcome.warnings
    found = total_warning(item.data, outcome.returned or {})
    return (*outcome.warnings, found) if found else outcome.warnings


def _link_after(item: WorkItem, outcome: Succeeded, before: LinkRow | None, returned: Json | None) -> LinkRow:
    """The link that a success leaves; its version is given when it is stored."""
    assert item.key is not None
    created = item.operation is Operation.CREATE and item.direction is Direction.EXPORT
    linked = item.operation is Operation.LINK
    return LinkRow(
        tenant=item.tenant,
        kind=item.kind,
        app_id=item.key.app_id,
        quickbooks_id=outcome.quickbooks_id,
        version=0,
        token=outcome.token,
        sent=(before.sent if before else {}) if linked else item.data,
        returned=returned or (before.returned if before else {}),
        sync_id=item.sync_id,
        entity_seq=item.entity_seq,
        create_sync_id=item.sync_id if created else None,
    )


def _seen_after(link: LinkRow) -> Seen:
    return Seen(kind=link.kind, quickbooks_id=link.quickbooks_id, token=link.token, entity=link.returned)
