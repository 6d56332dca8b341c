"""The app hands over records: over HTTP or as ``app.entity.changed``; both end here."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from qbsync_shared.entities import Entity
from qbsync_shared.kinds import NAME_KINDS, Kind
from qbsync_wizard.domain.comparing import was_applied
from qbsync_wizard.domain.duplicates import match_keys
from qbsync_wizard.domain.records import AppRecord, Json
from qbsync_wizard.domain.showing import PARTIES
from qbsync_wizard.postgres import lists
from qbsync_wizard.postgres import repository as store
from qbsync_wizard.service.context import Lane
from qbsync_wizard.service.reviewing import (
    reconsider,
    reconsider_belongings,
    reconsider_neighbours,
    reconsider_same_number,
)


class Taken(StrEnum):
    """What became of a hand-over."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"  # the same revision with the same content
    IGNORED = "ignored"  # a lower revision than the one that is known
    REFUSED = "refused"  # the same revision with other content


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """One record of the app, or its deletion (then without ``entity``)."""

    kind: Kind
    app_id: str
    revision: int
    entity: Entity | None
    import_sync_id: str | None = None
    changed_at: datetime | None = None


async def take(lane: Lane, given: HandOver) -> Taken:
    """Store what the app says and review it. A revision grows per entity (contract, section 1)."""
    before = await store.get_app(lane.connection, lane.id, given.kind, given.app_id)
    record = AppRecord(
        kind=given.kind,
        app_id=given.app_id,
        revision=given.revision,
        entity=given.entity.to_json() if given.entity else (before.entity if before else {}),
        deleted=given.entity is None,
        changed_at=given.changed_at,
        applied=before.applied if before else None,
        applied_seq=before.applied_seq if before else 0,
    )
    if before is not None and given.revision < before.revision:
        return Taken.IGNORED
    if before is not None and given.revision == before.revision:
        same = record.digest == before.digest
        return Taken.UNCHANGED if same else Taken.REFUSED
    if given.import_sync_id is not None and given.entity is not None:
        record = await _as_applied(lane, record, before, given.import_sync_id)
    await store.put_app(
        lane.connection,
        lane.id,
        record,
        before=before,
        received_at=lane.now(),
        import_sync_id=given.import_sync_id,
    )
    await _note_words(lane, given.entity)
    await reconsider(lane, given.kind, app_id=given.app_id)
    await _look_around(lane, before, record)
    return Taken.ACCEPTED


async def _look_around(lane: Lane, before: AppRecord | None, after: AppRecord) -> None:
    """What else shows this record: documents that belong to it, and its probable duplicates in QuickBooks."""
    previous = before.entity if before else {}
    if previous.get("name") != after.entity.get("name") and after.kind in PARTIES:
        await reconsider_belongings(lane, after.kind, after.app_id)
    known = match_keys(after.kind, previous) if before and not before.deleted else ()
    if known != match_keys(after.kind, after.entity) or after.deleted:
        await reconsider_neighbours(lane, after.kind, "q", previous, after.entity)
        if after.kind not in NAME_KINDS:
            await reconsider_same_number(lane, after)


async def _note_words(lane: Lane, entity: Entity | None) -> None:
    """The entries of QuickBooks' lists that the record names, for an admin to say what they stand for."""
    named = [
        (kind, one.name)
        for _, kind, one in (entity.list_entries() if entity else ())
        if not one.quickbooks_id
    ]
    words = list(dict.fromkeys((kind, name) for kind, name in named if name))
    await lists.put_words(lane.connection, lane.id, words, at=lane.now())


async def _as_applied(lane: Lane, record: AppRecord, before: AppRecord | None, sync_id: str) -> AppRecord:
    """A change that an import caused is no change to send back, where the content equals what was imported."""
    row = await lane.connection.fetchrow(store.QUERIES["get_sync"], lane.id, sync_id)
    if row is None or row["direction"] != "import":
        return record
    imported: Json = row["entity"]
    if not was_applied(imported, tuple(row["fields"]), before, record.entity):
        return record
    return replace(record, applied=record.entity, applied_seq=row["seq"])
