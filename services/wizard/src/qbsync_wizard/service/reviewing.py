"""Looks at an entity again whenever something about it may have changed, and keeps its review item right."""

from dataclasses import replace
from datetime import datetime

from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind
from qbsync_wizard.domain.duplicates import candidates, match_keys
from qbsync_wizard.domain.evaluating import Item, evaluate
from qbsync_wizard.domain.records import AppRecord, Candidate, Json, Known
from qbsync_wizard.domain.showing import party_reference, ref_of
from qbsync_wizard.postgres import items, matches
from qbsync_wizard.postgres import repository as store
from qbsync_wizard.service.context import Lane
from qbsync_wizard.service.surroundings import around

NEIGHBOURS = 20
"""How many probable duplicates are looked at again when a record changes."""


async def reconsider(
    lane: Lane,
    kind: Kind,
    *,
    app_id: str | None = None,
    quickbooks_id: str | None = None,
) -> Item | None:
    """Evaluate an entity and store, change or remove its item. The lane is held."""
    known = await store.load(lane.connection, lane.id, kind, app_id=app_id, quickbooks_id=quickbooks_id)
    ref = _ref(known, app_id, quickbooks_id)
    if quickbooks_id is not None and ref != ref_of(None, quickbooks_id):
        await _join(lane, kind, quickbooks_id, ref)
    present, decision = await items.stored(lane.connection, lane.id, kind, ref)
    known = replace(known, decision=decision, duplicates=await _duplicates(lane, known))
    item = evaluate(known, lane.tenant.edition, await around(lane, known))
    if item is None:
        if present is not None:
            await items.remove(lane.connection, lane.id, kind, ref)
            await lane.hint()
        return None
    now = lane.now()
    changed = await items.put(
        lane.connection,
        lane.id,
        item,
        present=present,
        item_id=lane.make_id() if present is None else present.item_id,
        party=await _party(lane, item),
        change_no=await lane.change_no(),
        changed_at=_changed_at(known, item) or now,
        now=now,
    )
    if changed:
        await lane.hint()
        if item.app_id is not None and item.change.direction is Direction.EXPORT:
            await matches.keep(lane.connection, lane.id, kind, item.app_id, item.duplicates)
    return item


async def reconsider_neighbours(lane: Lane, kind: Kind, side: str, *entities: Json | None) -> None:
    """Look again at the unlinked records of the other side that may be duplicates of this one.

    Args:
        side: where the neighbours are: ``a`` for the app, ``q`` for QuickBooks.
        entities: the record as it was and as it is.
    """
    keys = {key for entity in entities if entity for key in match_keys(kind, entity)}
    found = await store.matches(lane.connection, lane.id, kind, side, sorted(keys))
    for other_id, _ in found[:NEIGHBOURS]:
        ids = {"app_id": other_id} if side == "a" else {"quickbooks_id": other_id}
        await reconsider(lane, kind, **ids)


async def reconsider_same_number(lane: Lane, record: AppRecord) -> None:
    """The number of a document changed: others of the app with that number are told so, or no longer."""
    found = await store.matches(
        lane.connection, lane.id, record.kind, "a", match_keys(record.kind, record.entity)
    )
    for other_id, _ in found[:NEIGHBOURS]:
        if other_id != record.app_id:
            await reconsider(lane, record.kind, app_id=other_id)


async def reconsider_belongings(lane: Lane, kind: Kind, app_id: str) -> None:
    """The name of a customer, job, vendor or employee changed: it is shown at what belongs to it."""
    key = EntityKey(kind, app_id)
    rows = await lane.connection.fetch(store.QUERIES["items_of_party"], lane.id, str(key))
    for row in rows:
        await reconsider(lane, Kind(row["kind"]), app_id=row["app_id"], quickbooks_id=row["quickbooks_id"])


def _ref(known: Known, app_id: str | None, quickbooks_id: str | None) -> str:
    if known.link is not None and not known.link.cleared:
        return ref_of(known.link.app_id, known.link.quickbooks_id)
    return ref_of(app_id, quickbooks_id)


async def _join(lane: Lane, kind: Kind, quickbooks_id: str, ref: str) -> None:
    """A record of QuickBooks belongs to one of the app now: they are one entity."""
    alone = ref_of(None, quickbooks_id)
    await items.remove(lane.connection, lane.id, kind, alone)
    await lane.connection.execute(store.QUERIES["move_skip"], lane.id, kind.value, alone, ref)


async def _duplicates(lane: Lane, known: Known) -> tuple[Candidate, ...]:
    if known.link is not None and not known.link.cleared:
        return ()
    record = known.app or known.quickbooks
    if record is None or record.deleted:
        return ()
    side = "q" if known.app is not None else "a"
    keys = match_keys(known.kind, record.entity)
    others = await store.matches(lane.connection, lane.id, known.kind, side, keys)
    return candidates(known.kind, record.entity, others)


async def _party(lane: Lane, item: Item) -> str:
    found = party_reference(item)
    if found is None:
        return ""
    kind, reference = found
    if reference.get("name"):
        return str(reference["name"])
    if reference.get("app_id"):
        record = await store.get_app(lane.connection, lane.id, kind, reference["app_id"])
        if record is not None:
            return str(record.entity.get("name") or record.app_id)
    return str(reference.get("app_id") or "")


def _changed_at(known: Known, item: Item) -> datetime | None:
    if item.change.direction is Direction.IMPORT:
        return known.quickbooks.changed_at if known.quickbooks else None
    return known.app.changed_at if known.app else None
