"""Approve: what was seen is what is approved (contract, section 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from qbsync_shared.ids import EntityKey
from qbsync_shared.messages import Dependency, Replacement, SyncApproved
from qbsync_shared.messaging.outbox import publish_many
from qbsync_wizard.domain.approving import Movement, Need, movement
from qbsync_wizard.domain.evaluating import Item
from qbsync_wizard.domain.records import REMOVALS, Standing
from qbsync_wizard.domain.showing import summarise
from qbsync_wizard.postgres import approvals, items
from qbsync_wizard.postgres import repository as store
from qbsync_wizard.postgres.items import ItemRow, Scope
from qbsync_wizard.service.context import Lane


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A row that somebody checked: the revision that was seen, and the choice where one is needed."""

    id: str
    revision: int
    choice: str | None = None


@dataclass(frozen=True, kw_only=True)
class Blocked:
    """A row that stays, and why."""

    id: str
    needs: tuple[Need, ...]


@dataclass(kw_only=True)
class Result:
    """What an approval did: how many went, which had changed meanwhile, which cannot go."""

    approved: int = 0
    changed: list[str] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    set_aside: int = 0
    job: str | None = None
    approval_id: str | None = None
    held_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Who:
    """Who approves, under which click, and until when it can be undone."""

    by: str
    approval_id: str | None
    held_until: datetime | None = None


async def approve_rows(
    lane: Lane,
    rows: Sequence[ItemRow],
    who: Who,
    *,
    choices: Mapping[str, str] | None = None,
    also: frozenset[EntityKey] = frozenset(),
) -> Result:
    """Approve rows whose revision is right, references before referrers.

    Args:
        rows: as they are now.
        choices: by item id, where a row needs one.
        also: records that are approved in the same click, but in another batch.
    """
    result = Result()
    moves: dict[str, tuple[ItemRow, Item, Movement]] = {}
    for row in sorted(rows, key=lambda one: (one.place % 1000, one.item_id)):
        item = row.item
        moved = movement(item, (choices or {}).get(row.item_id))
        if isinstance(moved, Need):
            result.blocked.append(Blocked(id=row.item_id, needs=(moved,)))
        else:
            moves[row.item_id] = (row, item, moved)
    needs = await unmet(lane, {key: moved for key, (_, _, moved) in moves.items()}, also)
    for item_id, missing in needs.items():
        result.blocked.append(Blocked(id=item_id, needs=missing))
        del moves[item_id]
    if moves:
        labelled = [(item, moved, row.label) for row, item, moved in moves.values()]
        await _approve(lane, labelled, who)
        await lane.connection.execute(store.QUERIES["delete_items"], lane.id, list(moves))
        await _keep_replaced(lane, [moved for _, _, moved in moves.values() if moved.replaced])
    result.approved = len(moves)
    return result


async def _keep_replaced(lane: Lane, moves: Sequence[Movement]) -> None:
    """What was accepted holds for this record: the same text is not asked about again, and is no difference."""
    for moved in moves:
        instead = {one.before: one.after for one in moved.replaced}
        await lane.connection.execute(
            store.QUERIES["keep_replaced"], lane.id, moved.kind.value, moved.app_id, instead
        )


async def unmet(
    lane: Lane, moves: Mapping[str, Movement], also: frozenset[EntityKey]
) -> dict[str, tuple[Need, ...]]:
    """Rows that refer to a record which is neither in QuickBooks nor on its way nor approved with them.

    A row that stays back holds those that refer to it, so this goes round until nothing changes.
    """
    wanted = [key for moved in moves.values() for key in moved.depends_on]
    standings = await approvals.dependencies(lane.connection, lane.id, wanted)
    ready = {key for key, one in standings.items() if one.may_be_referred_to} | also
    found: dict[str, tuple[Need, ...]] = {}
    while True:
        going = {
            EntityKey(moved.kind, moved.app_id)
            for item_id, moved in moves.items()
            if item_id not in found and moved.app_id and moved.operation not in REMOVALS
        }
        fresh = {
            item_id: tuple(
                _need(standings[key]) for key in moved.depends_on if key not in ready and key not in going
            )
            for item_id, moved in moves.items()
            if item_id not in found
        }
        fresh = {item_id: needs for item_id, needs in fresh.items() if needs}
        if not fresh:
            return found
        found.update(fresh)


def _need(dependency: approvals.Dependency) -> Need:
    name = f"{dependency.key.kind.label} {dependency.label}"
    if dependency.item_id is not None:
        return Need(code="dependency", message=f"It needs {name}. Check both.", dependency=dependency.key)
    text = f"It refers to {name}, which the app has not handed over. Save that record in the app."
    return Need(code="QS-REFERENCE-UNKNOWN", message=text, dependency=dependency.key)


async def _approve(lane: Lane, moves: Sequence[tuple[Item, Movement, str]], who: Who) -> None:
    """Write and publish approved movements, each with the label of its row, in their order."""
    places = await approvals.take_places(lane.connection, lane.id, len(moves))
    sides = await approvals.sides(lane.connection, lane.id, [moved for _, moved, _ in moves])
    rows = [
        approvals.NewSync(
            approved=_message(lane, item, moved, who, place=place),
            sides=side,
            label=label,
            approval_id=who.approval_id,
        )
        for (item, moved, label), place, side in zip(moves, places, sides, strict=True)
    ]
    await approvals.add_syncs(lane.connection, lane.id, rows)
    await publish_many(lane.connection, [row.approved for row in rows])


def _message(lane: Lane, item: Item, moved: Movement, who: Who, *, place: int) -> SyncApproved:
    now = lane.now()
    return SyncApproved(
        **lane.stamp(),
        edition=lane.tenant.edition,
        sync_id=lane.make_id(),
        direction=moved.direction,
        kind=moved.kind,
        app_id=moved.app_id,
        quickbooks_id=moved.quickbooks_id,
        operation=moved.operation,
        entity=moved.entity,
        fields=moved.fields,
        base_version=item.base_version,
        entity_seq=place,
        depends_on=tuple(Dependency(kind=key.kind, app_id=key.app_id) for key in moved.depends_on),
        resync_of=item.resync_of,
        replaced=tuple(
            Replacement(field=one.field, before=one.before, after=one.after) for one in moved.replaced
        ),
        not_before=who.held_until if who.held_until and who.held_until > now else None,
        approved_by=who.by,
        approved_at=now,
    )


def held_until(lane: Lane) -> datetime | None:
    """Until when what is approved now can be undone (setting ``hold_seconds``)."""
    seconds = lane.tenant.hold_seconds
    return lane.now() + timedelta(seconds=seconds) if seconds else None


async def move_now(lane: Lane, item: Item, moved: Movement, *, by: str) -> None:
    """Approve one movement outside a click, as Resync does."""
    who = Who(by=by, approval_id=None, held_until=held_until(lane))
    await _approve(lane, [(item, moved, summarise(item).label)], who)


async def set_aside(lane: Lane, scope: Scope, unchecked: str, who: Who) -> int:
    """Keep or clear what was not checked; returns how many rows."""
    standing = Standing.CLEARED if unchecked == "clear" else Standing.KEPT
    count = await items.set_aside(
        lane.connection, lane.id, scope, standing, by=who.by, at=lane.now(), approval_id=who.approval_id
    )
    if count:
        await lane.hint()
    return count
