"""Whether a record of the app may be linked to one of QuickBooks, and the link by a person's command."""

from dataclasses import dataclass
from datetime import datetime

from qbsync_shared.connector import lookups
from qbsync_shared.connector import repository as store
from qbsync_shared.connector.domain import Json, LinkRow, Seen, WorkItem
from qbsync_shared.connector.events import Announcer
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind
from qbsync_shared.messages import ClearId, Link
from qbsync_shared.messaging import publish
from qbsync_shared.outcomes import Failed, Outcome, Succeeded
from qbsync_shared.postgres import Connection
from qbsync_shared.states import SyncState

CANNOT = "QS-CANNOT-LINK"
EXISTS = "QS-LINK-EXISTS"
DOUBT = Failed(
    code="QS-IN-DOUBT",
    message="A sync of this record is under way; its outcome must be known first. Try again in a moment.",
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What is known of the two that are to be linked.

    ``seen`` is the record of QuickBooks as it was last read, ``taken`` its link, ``mine`` the link of the app's record;
    ``others`` are the kinds of which QuickBooks holds a record with that id.
    """

    key: EntityKey
    quickbooks_id: str
    seen: Seen | None
    taken: LinkRow | None
    mine: LinkRow | None
    others: tuple[Kind, ...] = ()


async def pair_of(connection: Connection, tenant: str, key: EntityKey, quickbooks_id: str) -> Pair:
    """All that is known of the two."""
    seen = await store.get_seen(connection, tenant, key.kind, quickbooks_id)
    rows = await connection.fetch(store.QUERIES["kinds_of_seen"], tenant, quickbooks_id)
    return Pair(
        key=key,
        quickbooks_id=quickbooks_id,
        seen=seen,
        taken=await store.get_link_by_quickbooks(connection, tenant, key.kind, quickbooks_id),
        mine=await store.get_link(connection, tenant, key),
        others=tuple(Kind(row["kind"]) for row in rows),
    )


def taken_by_another(pair: Pair) -> Failed | None:
    """Whether the record of QuickBooks belongs to another record of the app already."""
    if pair.taken is None or pair.taken.app_id == pair.key.app_id:
        return None
    why = f"QuickBooks' record is linked to {pair.key.kind.label} {pair.taken.app_id} of the app already."
    return Failed(code=EXISTS, message=why)


def why_not(pair: Pair, *, instead_of: str | None = None, active: bool = True) -> Failed | None:
    """Why the two cannot be linked; None where they can.

    Args:
        instead_of: the record of QuickBooks whose link is given up for this one.
        active: whether the app's record is in use; one that is not may be linked to an inactive one.
    """
    kind = pair.key.kind.label
    if pair.seen is None and pair.others:
        other = pair.others[0].label
        why = f"QuickBooks' record is a {other}, not a {kind}. Give the {kind} another name in the app."
        return Failed(code=CANNOT, message=why)
    if pair.seen is None or pair.seen.deleted or pair.seen.entity is None:
        why = "QuickBooks does not hold that record any more, as far as qbsync has read."
        return Failed(code=CANNOT, message=why)
    taken = taken_by_another(pair)
    if taken is not None:
        return taken
    if pair.mine is not None and pair.mine.quickbooks_id not in (pair.quickbooks_id, instead_of):
        why = f"The {kind} of the app is linked to another record of QuickBooks already. Clear that ID first."
        return Failed(code=EXISTS, message=why)
    if active and pair.seen.entity.get("active") is False:
        why = f"That {kind} is inactive in QuickBooks. Make it active there, then link to it."
        return Failed(code=CANNOT, message=why)
    return None


class Linking:
    """Makes a link that a person asked for. The tenant's lane is held."""

    def __init__(self, say: Announcer) -> None:
        self._say = say

    async def link(self, connection: Connection, command: Link, now: datetime) -> Failed | None:
        """Link the two at once, from what was read; None where it is done.

        What was approved of the app's record and has not gone yet is cancelled: it goes back for review, as a change of
        the record that it is linked to now.
        """
        key = EntityKey(command.kind, command.app_id)
        items = await under_way(connection, command.tenant, key)
        if any(item.state is SyncState.IN_FLIGHT for item in items):
            return DOUBT
        pair = await pair_of(connection, command.tenant, key, command.quickbooks_id)
        refused = why_not(pair, instead_of=command.instead_of)
        if refused is not None:
            return refused
        for item in items:
            if item.direction is Direction.EXPORT:
                done = await store.finish(
                    connection,
                    item,
                    SyncState.CANCELLED,
                    now=now,
                    code="QS-CANCELLED",
                    message="It was linked.",
                )
                await publish(connection, self._say.cancelled(done, now, by=command.by))
        mine = pair.mine
        if mine is not None and mine.quickbooks_id != command.quickbooks_id:
            await self._leave(connection, mine, command, now)
            mine = None
        await self._make(connection, pair, mine, command, now)
        return None

    async def _leave(self, connection: Connection, mine: LinkRow, command: Link, now: datetime) -> None:
        await store.drop_link(connection, command.tenant, EntityKey(mine.kind, mine.app_id))
        version = await store.next_version(connection)
        cleared = self._say.link_cleared(
            mine, now, version=version, by=command.by, why=command.why, command_id=command.id
        )
        await publish(connection, cleared, caused_by=command.id)

    async def _make(
        self, connection: Connection, pair: Pair, mine: LinkRow | None, command: Link, now: datetime
    ) -> None:
        assert pair.seen is not None
        assert pair.seen.entity is not None
        fresh = LinkRow(
            tenant=command.tenant,
            kind=command.kind,
            app_id=command.app_id,
            quickbooks_id=command.quickbooks_id,
            version=0,
            token=pair.seen.token,
            sent=mine.sent if mine else {},
            returned=pair.seen.entity,
        )
        link = await store.put_link(connection, fresh)
        made = self._say.link_created(link, now, by=command.by, why=command.why, command_id=command.id)
        await publish(connection, made, caused_by=command.id)
        await store.release(connection, pair.key, tenant=command.tenant, at=now)


async def known_link(connection: Connection, item: WorkItem) -> Outcome | None:
    """What becomes of an approved link, by what was read; None where QuickBooks must be asked for the record first."""
    if item.key is None or item.quickbooks_id is None:
        return None
    pair = await pair_of(connection, item.tenant, item.key, item.quickbooks_id)
    if pair.seen is None:
        return taken_by_another(pair)
    refused = why_not(pair, active=item.data.get("active", True) is not False)
    if refused is not None:
        return refused
    return Succeeded(quickbooks_id=pair.quickbooks_id, token=pair.seen.token, returned=pair.seen.entity)


async def under_way(connection: Connection, tenant: str, key: EntityKey) -> list[WorkItem]:
    """The syncs of a record that are not final."""
    rows = await connection.fetch(store.QUERIES["entity_items"], tenant, key.kind.value, key.app_id)
    items = [store.work_item(row) for row in rows]
    return [
        item for item in items if item.state in (SyncState.PENDING, SyncState.WAITING, SyncState.IN_FLIGHT)
    ]


async def namesake(connection: Connection, command: ClearId, link: LinkRow) -> Json | None:
    """A record of the same name or number that QuickBooks holds and that is linked to nothing: probably the same."""
    last = link.sent or link.returned
    text = str(last.get("number") or last.get("name") or "")
    if not text:
        return None
    for one in await lookups.held(connection, command.tenant, command.kind, text):
        free = "app_id" not in one and one["quickbooks_id"] != link.quickbooks_id
        if free and one["kind"] == command.kind.value:
            return one
    return None
