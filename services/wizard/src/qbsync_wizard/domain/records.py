"""What the wizard knows of one entity: both sides' records, the link, the latest sync, the last decision."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from qbsync_shared.kinds import Direction, Kind, Operation
from qbsync_shared.states import FINAL, SyncState

Json = dict[str, Any]

REMOVALS = frozenset({Operation.VOID, Operation.DELETE, Operation.DEACTIVATE})


class Standing(StrEnum):
    """On which list a review item stands."""

    WAITING = "waiting"
    KEPT = "kept"
    CLEARED = "cleared"
    SKIPPED = "skipped"


def digest(entity: Json | None, *, deleted: bool = False) -> str:
    """Names a content: the same for the same values, whatever the revision."""
    content = {key: value for key, value in (entity or {}).items() if key != "revision"}
    text = json.dumps(
        [content, deleted], sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class AppRecord:
    """A record as the app last handed it over; of a deleted one ``entity`` is the last known content.

    ``applied`` is the content that an applied import left, ``applied_seq`` the place of that import among the entity's
    approvals. ``replaced`` leads from a text that QuickBooks Desktop cannot store to the one that somebody accepted for it.
    """

    kind: Kind
    app_id: str
    revision: int
    entity: Json
    deleted: bool = False
    changed_at: datetime | None = None
    applied: Json | None = None
    applied_seq: int = 0
    replaced: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return digest(self.entity, deleted=self.deleted)


@dataclass(frozen=True, kw_only=True)
class QuickBooksRecord:
    """A record as QuickBooks was last seen to hold it."""

    kind: Kind
    quickbooks_id: str
    version: int
    entity: Json
    deleted: bool = False
    for_matching: bool = False
    changed_at: datetime | None = None

    @property
    def digest(self) -> str:
        return digest(self.entity, deleted=self.deleted)


@dataclass(frozen=True, kw_only=True)
class LinkRecord:
    """The pair of ids with the snapshot of the last sync; a cleared one is kept to know when that was.

    ``seq`` is the place of the sync that wrote it among the approvals, 0 where there was none; ``imported`` tells that
    it was an import.
    """

    kind: Kind
    app_id: str
    quickbooks_id: str
    version: int
    at: datetime
    sent: Json = field(default_factory=dict)
    returned: Json = field(default_factory=dict)
    cleared: bool = False
    seq: int = 0
    imported: bool = False


@dataclass(frozen=True, kw_only=True)
class SyncRecord:
    """The latest approval of the entity, with the contents that the reviewer saw."""

    sync_id: str
    seq: int
    direction: Direction
    operation: Operation
    state: SyncState
    app_digest: str | None = None
    quickbooks_digest: str | None = None
    in_doubt: bool = False
    resynced: bool = False
    resync_of: str | None = None
    settled_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state not in FINAL


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What somebody last decided about the entity without approving it; ``content`` is what it was about."""

    standing: Standing
    content: str


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A probable duplicate: a record of the other side that is not linked. ``same`` names what
    agrees, ``confidence`` says in percent how probable it is that they are one."""

    id: str
    entity: Json
    same: tuple[str, ...]
    confidence: int = 0

    @property
    def is_active(self) -> bool:
        """Whether it is in use; one that is not is no match."""
        return self.entity.get("active") is not False

    @property
    def label(self) -> str:
        """Its name or number."""
        return str(self.entity.get("name") or self.entity.get("number") or self.id)


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that is known of one entity."""

    kind: Kind
    app: AppRecord | None = None
    quickbooks: QuickBooksRecord | None = None
    link: LinkRecord | None = None
    sync: SyncRecord | None = None
    decision: Decision | None = None
    duplicates: tuple[Candidate, ...] = ()
