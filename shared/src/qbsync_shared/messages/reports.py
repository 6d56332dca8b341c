"""For the log: comparisons of both sides, and who did what."""

from typing import Any

from pydantic import Field

from qbsync_shared.kinds import Kind
from qbsync_shared.messages.base import Channel, EditionMessage, Message, Version


class ReconcileReported(EditionMessage):
    """How the books of both sides compare, per kind."""

    noun = "reconcile"
    verb = "reported"

    version: Version
    kind: Kind
    app_count: int
    quickbooks_count: int
    differing: tuple[dict[str, Any], ...] = ()


class AuditRecorded(Message):
    """Who did what, and why."""

    noun = "audit"
    verb = "recorded"

    speaker: Channel
    by: str
    action: str
    subject_kind: Kind | None = None
    app_id: str | None = None
    sync_id: str | None = None
    why: str = ""
    details: dict[str, Any] = Field(default_factory=dict)

    @property
    def channel(self) -> Channel:
        return self.speaker
