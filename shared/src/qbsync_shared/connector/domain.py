"""The rules of the queue that both editions share, without any I/O (contract, section 4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from qbsync_shared.diff import changed_fields
from qbsync_shared.entities import Entity, expected_total
from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind, Operation
from qbsync_shared.outcomes import Failed, Warned
from qbsync_shared.states import SyncState

Json = dict[str, Any]

MAX_REPEATS = 3
"""How often a stale version token is read again before a person looks (contract, section 4)."""

GRACE = timedelta(minutes=2)
"""How long a reference nobody knows is waited for: its own approval may still be on its way.

A message that was lost with a killed process comes again after 30 s (the subscription's `ack_wait`), one that met a
passing trouble after as much again and more.
"""

_REMOVALS = frozenset({Operation.VOID, Operation.DELETE, Operation.DEACTIVATE})


@dataclass(frozen=True, kw_only=True)
class LinkRow:
    """App id and QuickBooks id that belong together, with the snapshot of the last sync in both forms."""

    tenant: str
    kind: Kind
    app_id: str
    quickbooks_id: str
    version: int
    token: str | None
    sent: Json
    returned: Json
    sync_id: str | None = None
    entity_seq: int = 0
    create_sync_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class WorkItem:
    """One approved sync in the queue.

    ``data`` is the entity as it was approved, ``entity`` the same with every known reference carrying QuickBooks' id
    (only filled for a claimed item). ``link`` is the entity's link at the time of the claim.
    """

    tenant: str
    sync_id: str
    seq: int
    version: int
    state: SyncState
    direction: Direction
    kind: Kind
    app_id: str | None
    quickbooks_id: str | None
    operation: Operation
    data: Json
    fields: tuple[str, ...]
    base_version: int | None
    entity_seq: int
    depends_on: tuple[EntityKey, ...]
    attempts: int
    repeats: int
    approved_at: datetime
    available_at: datetime
    resync_of: str | None = None
    holder: str | None = None
    code: str | None = None
    message: str | None = None
    in_doubt_since: datetime | None = None
    awaiting_app_since: datetime | None = None
    entity: Entity | None = None
    link: LinkRow | None = None

    @property
    def key(self) -> EntityKey | None:
        """What names the entity in the app, if the app has it."""
        return EntityKey(self.kind, self.app_id) if self.app_id else None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was read of one record in QuickBooks; ``entity`` is in the contract's form."""

    kind: Kind
    quickbooks_id: str
    token: str | None = None
    entity: Json | None = None
    deleted: bool = False
    changed_at: datetime | None = None


class Takeover(StrEnum):
    """What a newer approval does to an older one of the same entity."""

    REPLACE = "replace"  # the older one is cancelled
    REPLACE_KEEPING_CREATE = "replace_keeping_create"  # and the newer one creates
    CANCEL_BOTH = "cancel_both"  # a removal of what was never sent
    QUEUE_BEHIND = "queue_behind"  # the older one is in flight or done


def takeover(older: WorkItem, newer: WorkItem) -> Takeover:
    """What becomes of an older approval when a newer one of the same entity arrives.

    pending and waiting mean that certainly nothing was applied, so the older one may be dropped.
    """
    if older.state not in (SyncState.PENDING, SyncState.WAITING):
        return Takeover.QUEUE_BEHIND
    creates = older.direction is Direction.EXPORT and older.operation is Operation.CREATE
    if creates and newer.direction is Direction.EXPORT:
        if newer.operation in _REMOVALS:
            return Takeover.CANCEL_BOTH
        if newer.operation is Operation.UPDATE:
            return Takeover.REPLACE_KEEPING_CREATE
    return Takeover.REPLACE


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will really be done: an ``operation`` with the ``fields`` that differ now."""

    operation: Operation
    fields: tuple[str, ...]

    @property
    def changes_nothing(self) -> bool:
        """Whether QuickBooks already holds all of it."""
        return self.operation is Operation.UPDATE and not self.fields


def plan(item: WorkItem, link: LinkRow | None) -> Plan | Failed:
    """Check an export against the entity's link as it is now.

    An operation is never turned into another, with one exception: a create that finds a link made by an earlier
    approval of the same entity becomes an update.
    """
    operation = item.operation
    if operation is Operation.LINK:
        if link is not None and link.quickbooks_id != item.quickbooks_id:
            return Failed(
                code="QS-LINK-EXISTS", message="It is linked to another record of QuickBooks already."
            )
        return Plan(operation=operation, fields=())
    if operation is Operation.CREATE:
        if link is None:
            return Plan(operation=operation, fields=changed_fields(None, item.data))
        if not 0 < link.entity_seq < item.entity_seq:
            return Failed(code="QS-LINK-EXISTS", message="It is linked to a record of QuickBooks already.")
        operation = Operation.UPDATE
    if link is None:
        return Failed(code="QS-LINK-MISSING", message="It has no link to a record of QuickBooks.")
    fields: tuple[str, ...] = ()
    if operation is Operation.UPDATE:
        # a record that was matched, never sent, has nothing to compare with: the reviewer saw which fields go
        fields = changed_fields(link.sent, item.data) if link.sent else item.fields
    return Plan(operation=operation, fields=fields)


class Standing(StrEnum):
    """How a record stands that another one refers to."""

    LINKED = "linked"
    ON_ITS_WAY = "on_its_way"  # pending or in flight: it goes before, in this same run
    HELD_UP = "held_up"  # waiting, failed, or back for review
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether an item may go: ``standing`` of the first reference that is in the way, if any."""

    standing: Standing
    on: EntityKey | None = None


def verdict(standings: dict[EntityKey, Standing]) -> Verdict:
    """Join how all references stand; the worst one decides."""
    for worst in (Standing.UNKNOWN, Standing.HELD_UP, Standing.ON_ITS_WAY):
        for key, standing in standings.items():
            if standing is worst:
                return Verdict(standing=worst, on=key)
    return Verdict(standing=Standing.LINKED)


def standing_of(states: list[SyncState]) -> Standing:
    """How an unlinked record stands, by the states of its exports, newest approval first."""
    if not states:
        return Standing.UNKNOWN
    if states[0] in (SyncState.PENDING, SyncState.IN_FLIGHT):
        return Standing.ON_ITS_WAY
    return Standing.HELD_UP


def backoff(attempts: int, spread: float = 0.0) -> timedelta:
    """When a transient failure is tried again: 30 s, then doubled, at most 30 minutes.

    Args:
        attempts: how often it was tried.
        spread: 0.0 to 1.0, random; spreads the tries of many over a fifth of the time.
    """
    seconds = min(30 * 2 ** max(attempts - 1, 0), 1800)
    return timedelta(seconds=seconds * (1 + 0.2 * spread))


def total_warning(entity: Json, returned: Json) -> Warned | None:
    """Compare the total that QuickBooks computed with the one the app expects (contract, section 3)."""
    if "lines" not in entity or returned.get("total") is None:
        return None
    amounts = tuple(Decimal(line["amount"]) for line in entity["lines"])
    expected = expected_total(_number(entity.get("total")), _number(entity.get("tax_total")), amounts)
    actual = Decimal(returned["total"])
    if actual == expected:
        return None
    return Warned(
        code="QS-TOTAL-DIFFERS",
        message=f"The app expects {expected:.2f}, QuickBooks computed {actual:.2f}.",
    )


def line_ids(link: LinkRow | None) -> dict[str, str]:
    """The app's line id -> QuickBooks' id of the same line, by their places at the last sync."""
    if link is None:
        return {}
    sent, returned = link.sent.get("lines", []), link.returned.get("lines", [])
    if len(sent) != len(returned):
        return {}
    return {mine["line_id"]: theirs["line_id"] for mine, theirs in zip(sent, returned, strict=True)}


def without_quickbooks_ids(entity: Json) -> Json:
    """An imported entity as the app would hand it over: references to its records by app id alone."""

    def reduce(value: Any) -> Any:
        if isinstance(value, dict):
            if "app_id" in value and "quickbooks_id" in value:
                return {"app_id": value["app_id"]}
            return {key: reduce(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [reduce(inner) for inner in value]
        return value

    return {key: reduce(value) for key, value in entity.items()}


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
