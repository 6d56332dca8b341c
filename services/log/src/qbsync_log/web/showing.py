"""Rows as the pages show them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from qbsync_log.domain.causes import entity_words
from qbsync_log.domain.linking import may_link
from qbsync_log.domain.records import SyncRecord
from qbsync_log.domain.unsynced import WAITS_FOR, Bucket, guidance, problem
from qbsync_log.postgres.rows import record_of
from qbsync_shared.catalogue import Guidance
from qbsync_shared.kinds import Edition, Kind
from qbsync_shared.states import StateGroup, SyncState
from qbsync_shared.web.layout import Tone


@dataclass(frozen=True)
class Badge:
    """A state in words; ``at`` is a time that belongs to it."""

    text: str
    tone: Tone
    icon: str | None = None
    at: datetime | None = None
    plain: bool = True


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One sync in a table."""

    record: SyncRecord
    who: str
    state: Badge
    why: Guidance | None
    said: str
    latest: bool
    bucket: Bucket | None
    now_state: Badge | None

    @property
    def id(self) -> str:
        return self.record.sync_id

    @property
    def kind(self) -> Kind:
        return self.record.kind

    @property
    def label(self) -> str:
        return self.record.label

    @property
    def words(self) -> str:
        """``invoice 1042``, for labels of buttons and boxes."""
        return f"{self.kind.label} {self.label}"

    @property
    def href(self) -> str:
        return f"/t/{self.record.tenant}/syncs/{self.record.sync_id}"

    @property
    def amount(self) -> Decimal | None:
        return self.record.approval.amount if self.record.approval else None

    @property
    def approved_by(self) -> str:
        return self.record.approval.approved_by if self.record.approval else ""

    @property
    def approved_at(self) -> datetime | None:
        return self.record.approval.approved_at if self.record.approval else None

    @property
    def can_cancel(self) -> bool:
        """Only what is certainly not on its way."""
        return self.record.state in (SyncState.PENDING, SyncState.WAITING)

    @property
    def can_link(self) -> bool:
        """Whether QuickBooks may hold it already, under its name or number."""
        return may_link(self.record, latest=self.latest) is None

    @property
    def queued(self) -> bool:
        """Whether its Resync is under way."""
        return self.bucket is Bucket.RESYNCING


def shown(row: Any, *, now: datetime) -> Shown:
    """A row of a list."""
    record = record_of(row)
    why = problem(record)
    bucket = Bucket(row["bucket"]) if row["bucket"] else None
    return Shown(
        record=record,
        who=row["party_name"] or row["party_label"] or "",
        state=state_badge(record, waits_for_label=row["waits_for_label"], now=now, bucket=bucket),
        why=guidance(record, why) if why else None,
        said=why.message if why else "",
        latest=bool(row["latest"]),
        bucket=bucket,
        now_state=_now_state(row, bucket),
    )


def state_badge(
    record: SyncRecord, *, waits_for_label: str | None, now: datetime, bucket: Bucket | None
) -> Badge:
    """The state of a sync in words that say what it waits for."""
    match record.state:
        case SyncState.PENDING:
            return _pending(record, now)
        case SyncState.IN_FLIGHT:
            return _in_flight(record)
        case SyncState.WAITING:
            return _waiting(record, waits_for_label, bucket)
        case _:
            return _ended(record, bucket)


def _ended(record: SyncRecord, bucket: Bucket | None) -> Badge:
    if record.state is SyncState.CANCELLED:
        return Badge("Cancelled", "neutral", "close")
    if record.state is SyncState.SUCCEEDED:
        return (
            Badge("Arrived, look at it", "warn") if bucket is Bucket.NEEDS_YOU else Badge("Successful", "ok")
        )
    if bucket is Bucket.RESYNCING:
        return Badge("Queued again", "info", "clock")
    return Badge("Failed again" if record.resync_of else "Failed", "bad")


def _in_flight(record: SyncRecord) -> Badge:
    if record.standing.in_doubt_since:
        return Badge("Answer lost, being checked", "warn", "clock", plain=False)
    if record.standing.awaiting_app_since:
        return Badge("Waits for the app's answer", "neutral", "clock")
    return Badge("Retrying" if record.resync_of else "On its way", "info", "clock")


def _waiting(record: SyncRecord, waits_for_label: str | None, bucket: Bucket | None) -> Badge:
    standing = record.standing
    if bucket is Bucket.RESYNCING:
        return Badge("Queued again", "info", "clock")
    if standing.waits_for and standing.code == WAITS_FOR:
        words = entity_words(standing.waits_for, waits_for_label)
        return Badge(f"Waits for {words}", "bad" if bucket is Bucket.NEEDS_YOU else "neutral", "needs")
    if standing.retry_at and bucket is Bucket.RETRIES:
        return Badge("Will retry by itself:", "neutral", "clock", at=standing.retry_at)
    if bucket is Bucket.NEEDS_YOU:
        return Badge("Waits for you", "bad")
    return Badge("Will retry by itself", "neutral", "clock")


def _pending(record: SyncRecord, now: datetime) -> Badge:
    not_before = record.approval.not_before if record.approval else None
    if not_before is not None and not_before > now:
        return Badge("Held until", "info", "clock", at=not_before)
    if record.resync_of:
        return Badge("Queued", "info", "clock")
    return Badge(
        "Waits for the connector" if record.edition is Edition.DESKTOP else "Waits to be sent",
        "neutral",
        "clock",
    )


def _now_state(row: Any, bucket: Bucket | None) -> Badge | None:
    """What became of the entity of a failed sync."""
    if row["state_group"] != StateGroup.FAILED.value:
        return None
    if row["latest"]:
        return (
            Badge("Queued again", "info", "clock") if bucket is Bucket.RESYNCING else Badge("Unsynced", "bad")
        )
    match row["newest_state"]:
        case "succeeded":
            return Badge("Resynced", "ok", at=row["newest_at"])
        case "failed":
            return Badge("Failed again", "bad")
        case "cancelled":
            return Badge("Back in the Sync Wizard", "neutral", "wizard")
        case _:
            return Badge("Queued again", "info", "clock")
