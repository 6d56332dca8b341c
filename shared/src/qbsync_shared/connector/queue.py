"""The work queue of a connector service: accept, claim, settle (contract, section 4).

Every method runs in the caller's transaction and takes the tenant's lane first, so that all work of one tenant is done
one after the other, whatever the replicas do.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import ValidationError

from qbsync_shared.clock import Clock
from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import (
    GRACE,
    Json,
    LinkRow,
    Plan,
    Seen,
    Standing,
    WorkItem,
    plan,
    standing_of,
    verdict,
)
from qbsync_shared.connector.events import Announcer
from qbsync_shared.connector.intake import Intake
from qbsync_shared.connector.linking import known_link, under_way
from qbsync_shared.connector.references import resolve, with_quickbooks_ids
from qbsync_shared.connector.settlement import Settled, Settlement
from qbsync_shared.entities import Entity, parse_entity
from qbsync_shared.ids import EntityKey, MakeId
from qbsync_shared.kinds import Direction, Edition, Operation
from qbsync_shared.messages import SyncApproved
from qbsync_shared.messaging import publish, publish_many
from qbsync_shared.outcomes import Failed, Outcome, Succeeded
from qbsync_shared.postgres import Connection
from qbsync_shared.states import SyncState

MARGIN = 50
"""How many candidates more than wanted are looked at first: most may go."""

OVERFETCH = 4
"""How many candidates are looked at for each that is wanted: some wait for others."""

AT_ONCE = "at-once"
"""Who holds a link that is made while its approval is taken in."""

UNTIL_RELEASED = timedelta(days=36_500)
"""What waits for another record is looked at again when that one arrives, not before."""


class WorkQueue:
    """The queue of one edition. Nothing is kept in memory."""

    def __init__(self, edition: Edition, *, clock: Clock, make_id: MakeId) -> None:
        self.edition = edition
        self._clock = clock
        self._say = Announcer(edition, make_id)
        self._intake = Intake(self._say, clock)
        self._settlement = Settlement(self._say, clock)

    async def accept(self, connection: Connection, approved: SyncApproved) -> None:
        """Take an approval; it may come twice and in any order. A link of what was read is made at once."""
        await self._intake.accept(connection, approved)
        if approved.operation is Operation.LINK:
            await self._link_at_once(connection, approved)

    async def _link_at_once(self, connection: Connection, approved: SyncApproved) -> None:
        """Nothing is sent by a link, so it waits for no connector; unless something of its record is on its way."""
        now = self._clock.now()
        item = await store.get(connection, approved.tenant, approved.sync_id)
        if item is None or item.key is None or item.state is not SyncState.PENDING or item.available_at > now:
            return
        if len(await under_way(connection, approved.tenant, item.key)) > 1:
            return
        outcome = await known_link(connection, item)
        if outcome is not None:
            started = await store.start(connection, item, AT_ONCE)
            await publish(connection, self._say.started(started, now))
            await self._settlement.settle(connection, started, outcome, holder=AT_ONCE)

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
        return await self._settlement.settle(connection, item, outcome, holder=holder, technical=technical)

    async def settle_many(
        self, connection: Connection, tenant: str, settled: Sequence[Settled], *, holder: str
    ) -> list[bool]:
        """As `settle`, for the outcomes of a tenant's whole message set; which of them counted."""
        return await self._settlement.settle_many(connection, tenant, settled, holder=holder)

    async def repeat(self, connection: Connection, item: WorkItem, *, holder: str, read: Seen) -> bool:
        """A stale version token, and none of the approved fields changed: once more with the new token.

        False: it was tried often enough (contract: three times), or the answer comes too late.
        """
        return await self._settlement.repeat(connection, item, holder=holder, read=read)

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
        wanted = limit + MARGIN
        while len(claimed) < limit and len(looked_at) < limit * OVERFETCH * 2:
            found = await store.candidates(connection, tenant, now=now, limit=len(looked_at) + wanted)
            wanted = limit * OVERFETCH
            fresh = [item for item in found if item.sync_id not in looked_at]
            if not fresh:
                break
            looked_at.update(item.sync_id for item in fresh)
            first = _first_of_each(fresh, entities)[: limit - len(claimed)]
            started = await self._start_many(connection, tenant, first, holder, now)
            claimed += started
            entities.update(_entity_of(item) for item in started)
        return claimed

    async def _start_many(
        self, connection: Connection, tenant: str, items: Sequence[WorkItem], holder: str, now: datetime
    ) -> list[WorkItem]:
        """Start what may go, in order: the usual ones together, what needs a second look one by one."""
        entities = {item.sync_id: _readable(item) for item in items}
        keys = [item.key for item in items if item.key is not None]
        referred = [key for item in items for key in _references(item, entities[item.sync_id])]
        links = await store.links_of(connection, tenant, [*keys, *referred])
        ready: dict[str, WorkItem] = {}
        usual: list[WorkItem] = []
        for item in items:
            entity = entities[item.sync_id]
            link = links.get(item.key) if item.key is not None else None
            planned = _usual_plan(item, entity, link, links)
            if entity is not None and planned is not None:
                resolved = with_quickbooks_ids(entity, links)
                usual.append(
                    replace(
                        item, operation=planned.operation, fields=planned.fields, entity=resolved, link=link
                    )
                )
                continue
            started = await self._try_start(connection, item, holder, now)
            if started is not None:
                ready[item.sync_id] = started
        if usual:
            rows = await store.start_many(connection, tenant, usual, holder)
            await publish_many(connection, [self._say.started(row, now) for row in rows])
            for row, item in zip(rows, usual, strict=True):
                ready[row.sync_id] = replace(row, entity=item.entity, link=item.link)
        return [ready[item.sync_id] for item in items if item.sync_id in ready]

    async def _try_start(
        self, connection: Connection, item: WorkItem, holder: str, now: datetime
    ) -> WorkItem | None:
        link = await self._link_of(connection, item)
        unreadable = _unreadable(item)
        if unreadable is not None:
            await self._settlement.fail(connection, item, unreadable, now)
            return None
        if item.direction is Direction.IMPORT:
            started = await store.start(connection, item, holder)
            await publish(connection, self._say.started(started, now))
            return replace(started, link=link)
        planned = plan(item, link)
        if isinstance(planned, Failed):
            await self._settlement.fail(connection, item, planned, now)
            return None
        if not await self._references_ready(connection, item, now):
            return None
        known = await self._known_outcome(connection, item, planned, link)
        if planned != Plan(operation=item.operation, fields=item.fields):
            await store.set_plan(connection, item, planned)
        started = await store.start(connection, item, holder)
        await publish(connection, self._say.started(started, now))
        if known is not None:
            await self._settlement.settle(connection, started, known, holder=holder)
            return None
        entity = await resolve(connection, item.tenant, parse_entity(item.data))
        return replace(started, operation=planned.operation, fields=planned.fields, entity=entity, link=link)

    async def _known_outcome(
        self, connection: Connection, item: WorkItem, planned: Plan, link: LinkRow | None
    ) -> Outcome | None:
        """What needs no QuickBooks: a link of what was read, and an update that QuickBooks already holds."""
        if planned.operation is Operation.LINK:
            return await known_link(connection, item)
        if link is not None and planned.changes_nothing and item.resync_of is None:
            return Succeeded(quickbooks_id=link.quickbooks_id, token=link.token, returned=link.returned)
        return None

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
            if now - item.available_at >= GRACE:  # since it is here, however long ago it was approved
                why = f"It refers to {result.on.kind.label} {result.on.app_id}, which was never sent."
                await self._settlement.fail(
                    connection, item, Failed(code="QS-REFERENCE-UNKNOWN", message=why), now
                )
            return False
        await self._wait_for(connection, item, result.on, now)
        return False

    async def _standing(self, connection: Connection, tenant: str, key: EntityKey) -> Standing:
        rows = await connection.fetch(store.QUERIES["entity_items"], tenant, key.kind.value, key.app_id)
        if rows and rows[0]["in_doubt_since"] is not None:
            return Standing.HELD_UP  # it may take a day to learn what became of it
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

    async def has_work(self, connection: Connection, tenant: str) -> bool:
        """Whether anything may go now, or is in flight towards QuickBooks."""
        found: bool = await connection.fetchval(store.QUERIES["has_work"], tenant, self._clock.now())
        return found

    async def count_open(self, connection: Connection, tenant: str) -> int:
        """How much is left that may go now or is in flight towards QuickBooks."""
        count: int = await connection.fetchval(store.QUERIES["count_open"], tenant, self._clock.now())
        return count


def _entity_of(item: WorkItem) -> tuple[str, str | None]:
    return item.kind.value, item.app_id or item.quickbooks_id


def _first_of_each(items: Sequence[WorkItem], taken: Collection[tuple[str, str | None]]) -> list[WorkItem]:
    """The first of each entity: the others go when that one is done."""
    first: dict[tuple[str, str | None], WorkItem] = {}
    for item in items:
        if _entity_of(item) not in taken:
            first.setdefault(_entity_of(item), item)
    return list(first.values())


def _readable(item: WorkItem) -> Entity | None:
    try:
        return parse_entity(item.data)
    except ValidationError:
        return None


def _references(item: WorkItem, entity: Entity | None) -> Iterable[EntityKey]:
    return dict.fromkeys((*item.depends_on, *(entity.depends_on() if entity else ())))


def _usual_plan(
    item: WorkItem, entity: Entity | None, link: LinkRow | None, links: Mapping[EntityKey, LinkRow]
) -> Plan | None:
    """What is done with an export whose references are all linked; None where it takes a second look."""
    if item.direction is Direction.IMPORT or item.key is None or item.operation is Operation.LINK:
        return None
    planned = plan(item, link)
    if isinstance(planned, Failed) or (link is not None and planned.changes_nothing):
        return None
    return planned if all(key in links for key in _references(item, entity)) else None


def _unreadable(item: WorkItem) -> Failed | None:
    """An approval whose entity is not in the contract's form fails by itself; it must not hold up the others."""
    try:
        parse_entity(item.data)
    except ValidationError as error:
        fields = ", ".join(sorted({str(one["loc"][-1]) for one in error.errors() if one["loc"]}))
        return Failed(code="QS-INVALID", message=f"These fields are not as they must be: {fields}.")
    return None
