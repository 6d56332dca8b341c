"""What was approved: clicks of Approve and the syncs that came of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from qbsync_shared.ids import EntityKey
from qbsync_shared.kinds import Direction, Kind, Operation
from qbsync_shared.messages import SyncApproved
from qbsync_shared.postgres import Connection
from qbsync_shared.states import OPEN, SyncState
from qbsync_wizard.domain.approving import Movement
from qbsync_wizard.domain.records import Json, digest
from qbsync_wizard.postgres.repository import QUERIES, Row


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """How a record stands that another one refers to."""

    key: EntityKey
    label: str
    known: bool
    linked: bool
    sync_state: SyncState | None
    item_id: str | None
    standing: str | None

    @property
    def may_be_referred_to(self) -> bool:
        """Whether a record that refers to it may be approved: it is linked, or was approved and does not wait again.

        Of one that failed the connector service waits for the success (contract, section 4).
        """
        if self.linked or self.sync_state in OPEN:
            return True
        return self.item_id is None and self.sync_state in (SyncState.FAILED, SyncState.SUCCEEDED)

    @property
    def has_failed(self) -> bool:
        """Whether what refers to it will wait until somebody resyncs it."""
        return not self.linked and self.sync_state is SyncState.FAILED


async def dependencies(
    connection: Connection, tenant_id: str, keys: Sequence[EntityKey]
) -> dict[EntityKey, Dependency]:
    """How these records stand."""
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    rows = await connection.fetch(
        QUERIES["dependency_states"],
        tenant_id,
        [key.kind.value for key in wanted],
        [key.app_id for key in wanted],
    )
    return {found.key: found for found in map(_dependency, rows)}


def _dependency(row: Row) -> Dependency:
    return Dependency(
        key=EntityKey(Kind(row["kind"]), row["app_id"]),
        label=row["label"],
        known=row["known"],
        linked=row["linked"],
        sync_state=SyncState(row["sync_state"]) if row["sync_state"] else None,
        item_id=row["item_id"],
        standing=row["standing"],
    )


@dataclass(frozen=True, kw_only=True)
class Sides:
    """What both sides held when it was approved, named by their digests."""

    app: str | None
    quickbooks: str | None


async def take_places(connection: Connection, tenant_id: str, count: int) -> list[int]:
    """The next places for approvals, which grow per tenant and hence per entity."""
    last: int = await connection.fetchval(QUERIES["next_sync_seq"], tenant_id, count)
    return list(range(last - count + 1, last + 1))


@dataclass(frozen=True, kw_only=True)
class NewSync:
    """An approved movement, with what the reviewer saw."""

    approved: SyncApproved
    sides: Sides
    label: str
    approval_id: str | None


async def sides(connection: Connection, tenant_id: str, moves: Sequence[Movement]) -> list[Sides]:
    """What both sides hold now, for each movement."""
    ours = await _held(connection, tenant_id, "app_contents", [(one.kind, one.app_id) for one in moves])
    theirs = await _held(
        connection, tenant_id, "quickbooks_contents", [(one.kind, one.quickbooks_id) for one in moves]
    )
    return [
        Sides(app=ours.get((one.kind, one.app_id)), quickbooks=theirs.get((one.kind, one.quickbooks_id)))
        for one in moves
    ]


async def _held(
    connection: Connection, tenant_id: str, query: str, records: Sequence[tuple[Kind, str | None]]
) -> dict[tuple[Kind, str | None], str]:
    wanted = [(kind, one) for kind, one in dict.fromkeys(records) if one is not None]
    if not wanted:
        return {}
    kinds, ids = [kind.value for kind, _ in wanted], [one for _, one in wanted]
    rows = await connection.fetch(QUERIES[query], tenant_id, kinds, ids)
    return {(Kind(row["kind"]), row["id"]): digest(row["entity"], deleted=row["deleted"]) for row in rows}


async def add_syncs(connection: Connection, tenant_id: str, rows: Sequence[NewSync]) -> None:
    """Remember approved movements."""
    await connection.execute(QUERIES["insert_syncs"], tenant_id, [_values(row) for row in rows])


def _values(row: NewSync) -> Json:
    approved = row.approved
    return {
        "sync_id": approved.sync_id,
        "seq": approved.entity_seq,
        "direction": approved.direction.value,
        "kind": approved.kind.value,
        "app_id": approved.app_id,
        "quickbooks_id": approved.quickbooks_id,
        "operation": approved.operation.value,
        "entity": approved.entity,
        "fields": approved.fields,
        "base_version": approved.base_version,
        "depends_on": [[one.kind.value, one.app_id] for one in approved.depends_on],
        "app_digest": row.sides.app,
        "quickbooks_digest": row.sides.quickbooks,
        "label": row.label,
        "approval_id": row.approval_id,
        "resync_of": approved.resync_of,
        "approved_by": approved.approved_by,
        "approved_at": approved.approved_at.isoformat(),
        "not_before": approved.not_before.isoformat() if approved.not_before else None,
    }


@dataclass(frozen=True, kw_only=True)
class Approval:
    """One click of Approve, and how far it has come."""

    approval_id: str
    by: str
    at: datetime
    unchecked: str
    running: bool
    total: int
    approved: int
    changed: int
    blocked: int
    job: Json | None = None
    sent: int = 0
    failed: int = 0
    cancelled: int = 0
    held_until: datetime | None = None
    undone: bool = False

    def held_seconds(self, now: datetime) -> int:
        """For how many seconds more it can be undone."""
        if self.held_until is None or self.undone or self.is_done:
            return 0
        return max(0, math.ceil((self.held_until - now).total_seconds()))

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is under way."""
        return not self.running and self.sent + self.failed + self.cancelled >= self.approved


def _approval(row: Row, **more: int) -> Approval:
    return Approval(
        approval_id=row["approval_id"],
        by=row["by"],
        at=row["at"],
        unchecked=row["unchecked"],
        running=row["running"],
        total=row["total"],
        approved=row["approved"],
        changed=row["changed"],
        blocked=row["blocked"],
        job=dict(row).get("job"),
        held_until=dict(row).get("held_until"),
        undone=bool(dict(row).get("undone")),
        **more,
    )


async def begin(
    connection: Connection, tenant_id: str, approval: Approval, *, job: Json | None = None
) -> None:
    """A click of Approve; with ``job`` it runs on after the answer."""
    await connection.execute(
        QUERIES["insert_approval"],
        tenant_id,
        approval.approval_id,
        approval.by,
        approval.at,
        approval.unchecked,
        job,
        job is not None,
        approval.total,
        approval.held_until,
    )


async def advance(
    connection: Connection,
    tenant_id: str,
    approval_id: str,
    *,
    approved: int,
    changed: int,
    blocked: int,
    job: Json | None = None,
) -> None:
    """A part of it is done; without ``job`` all of it."""
    await connection.execute(
        QUERIES["advance_approval"], tenant_id, approval_id, approved, changed, blocked, job, job is not None
    )


async def get(connection: Connection, tenant_id: str, approval_id: str) -> Approval | None:
    """One click of Approve, locked."""
    row = await connection.fetchrow(QUERIES["get_approval"], tenant_id, approval_id)
    return _approval(row) if row else None


async def recent(
    connection: Connection, tenant_id: str, *, since: datetime, limit: int = 3
) -> list[Approval]:
    """The last clicks of Approve with the progress of their syncs."""
    found = []
    for row in await connection.fetch(QUERIES["latest_approvals"], tenant_id, since, limit):
        progress = await connection.fetchrow(QUERIES["approval_progress"], tenant_id, row["approval_id"])
        assert progress is not None
        counts = {name: progress[name] for name in ("sent", "failed", "cancelled")}
        found.append(_approval(row, **counts))
    return found


@dataclass(frozen=True, kw_only=True)
class Approved:
    """One approved movement with its present state, for the audit."""

    sync_id: str
    seq: int
    kind: Kind
    app_id: str | None
    quickbooks_id: str | None
    direction: Direction
    operation: Operation
    approved_at: datetime
    approved_by: str
    resync_of: str | None
    state: SyncState


async def listed(
    connection: Connection, tenant_id: str, *, before: int | None, limit: int
) -> tuple[list[Approved], int]:
    """Approved movements, newest first, and how many there are."""
    rows = await connection.fetch(QUERIES["list_approvals"], tenant_id, before, limit)
    total: int = await connection.fetchval(QUERIES["count_approvals"], tenant_id)
    return [_approved(row) for row in rows], total


def _approved(row: Row) -> Approved:
    return Approved(
        sync_id=row["sync_id"],
        seq=row["seq"],
        kind=Kind(row["kind"]),
        app_id=row["app_id"],
        quickbooks_id=row["quickbooks_id"],
        direction=Direction(row["direction"]),
        operation=Operation(row["operation"]),
        approved_at=row["approved_at"],
        approved_by=row["approved_by"],
        resync_of=row["resync_of"],
        state=SyncState(row["state"]),
    )
