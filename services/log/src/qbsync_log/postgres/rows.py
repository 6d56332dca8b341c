"""Between a row of ``sync`` and the domain's record."""

from collections.abc import Mapping
from typing import Any

from qbsync_log.domain.records import Approval, Problem, Standing, SyncRecord
from qbsync_shared.kinds import Direction, Edition, Kind, Operation
from qbsync_shared.states import SyncState

Row = Mapping[str, Any]


def record_of(row: Row) -> SyncRecord:
    """The record in a row."""
    return SyncRecord(
        tenant=row["tenant_id"],
        sync_id=row["sync_id"],
        edition=Edition(row["edition"]),
        direction=Direction(row["direction"]),
        kind=Kind(row["kind"]),
        operation=Operation(row["operation"]),
        app_id=row["app_id"],
        linked_app_id=row["linked_app_id"],
        quickbooks_id=row["quickbooks_id"],
        approval=_approval(row),
        standing=_standing(row),
        changed_at=row["changed_at"],
    )


def _approval(row: Row) -> Approval | None:
    if row["entity_seq"] is None:
        return None
    return Approval(
        entity=row["entity"],
        fields=tuple(row["fields"]),
        entity_seq=row["entity_seq"],
        label=row["label"],
        amount=row["amount"],
        party=row["party"],
        party_name=row["party_name"],
        resync_of=row["resync_of"],
        not_before=row["not_before"],
        approved_by=row["approved_by"],
        approved_at=row["approved_at"],
    )


def _standing(row: Row) -> Standing:
    return Standing(
        version=row["version"],
        state=SyncState(row["state"]),
        attempt=row["attempt"],
        code=row["code"],
        message=row["message"],
        retry_at=row["retry_at"],
        waits_for=row["waits_for"],
        in_doubt_since=row["in_doubt_since"],
        awaiting_app_since=row["awaiting_app_since"],
        warnings=tuple(Problem(code=one["code"], message=one["message"]) for one in row["warnings"]),
        by=row["cancelled_by"],
        superseded_by=row["superseded_by"],
    )


def values_of(record: SyncRecord) -> tuple[Any, ...]:
    """The parameters of ``write_sync``."""
    approval, standing = record.approval, record.standing
    return (
        record.tenant,
        record.sync_id,
        record.edition.value,
        record.direction.value,
        record.kind.value,
        record.operation.value,
        record.app_id,
        record.quickbooks_id,
        record.entity_key,
        record.label,
        approval.amount if approval else None,
        approval.party if approval else None,
        approval.party_name if approval else None,
        approval.entity if approval else None,
        list(approval.fields) if approval else [],
        approval.entity_seq if approval else None,
        approval.resync_of if approval else None,
        approval.not_before if approval else None,
        approval.approved_by if approval else None,
        approval.approved_at if approval else None,
        standing.version,
        standing.state.value,
        record.group.value,
        standing.attempt,
        standing.code,
        standing.message,
        standing.retry_at,
        standing.waits_for,
        standing.in_doubt_since,
        standing.awaiting_app_since,
        [{"code": one.code, "message": one.message} for one in standing.warnings],
        standing.by,
        standing.superseded_by,
        record.changed_at,
        record.linked_app_id,
    )
