"""What a connector, a session and a message set are."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from qbsync_qbwc_gateway.qbxml.outcomes import Why
from qbsync_shared.kinds import Kind, Operation

Json = dict[str, Any]


class SessionState(StrEnum):
    """Where a session stands (qbwc-protocol.md, section 6)."""

    AUTHENTICATED = "authenticated"
    OUT = "out"  # a request is with QuickBooks: receiveResponseXML is due
    ANSWERED = "answered"
    ENDED = "ended"


class Purpose(StrEnum):
    """Writes and queries are never mixed in one set."""

    WRITE = "write"
    FETCH = "fetch"


class SetState(StrEnum):
    """The life of a message set."""

    STORED = "stored"  # never handed out
    OUT = "out"
    DOUBT = "doubt"  # handed out, outcome unknown: the same bytes go again
    SETTLED = "settled"  # outcome durable; QuickBooks still keeps its record
    CLEARED = "cleared"


@dataclass(frozen=True, kw_only=True)
class Member:
    """One request of a set. Without ``sync_id`` it only helps another one (a customer message)."""

    request_id: str
    sync_id: str | None = None
    kind: Kind | None = None
    operation: Operation | None = None
    quickbooks_id: str | None = None
    token: str | None = None
    why: Why | None = None
    guid: str | None = None
    mod: str | None = None

    def to_json(self) -> Json:
        """As it is stored."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @classmethod
    def from_json(cls, data: Json) -> "Member":
        """As it was stored."""
        return cls(
            request_id=data["request_id"],
            sync_id=data.get("sync_id"),
            kind=Kind(data["kind"]) if "kind" in data else None,
            operation=Operation(data["operation"]) if "operation" in data else None,
            quickbooks_id=data.get("quickbooks_id"),
            token=data.get("token"),
            why=Why(data["why"]) if "why" in data else None,
            guid=data.get("guid"),
            mod=data.get("mod"),
        )


@dataclass(frozen=True, kw_only=True)
class MessageSet:
    """A message set as stored: the exact text that is handed out, and what its members are."""

    set_id: str
    purpose: Purpose
    state: SetState
    body: str
    members: tuple[Member, ...]
    session_id: str
    sent_at: datetime | None = None

    @property
    def sync_ids(self) -> list[str]:
        """The syncs that it carries."""
        return [member.sync_id for member in self.members if member.sync_id]


@dataclass(kw_only=True)
class Session:
    """One session of the Web Connector, from authenticate to closeConnection. ``plan`` holds its steps."""

    session_id: str
    tenant: str
    state: SessionState
    started_at: datetime
    called_at: datetime
    ended_at: datetime | None = None
    sent_at: datetime | None = None
    round_trips: int = 0
    sent: int = 0
    received: int = 0
    failed: int = 0
    trouble: int = 0
    plan: Json = field(default_factory=dict)
    answer: int | None = None
    answer_hash: str | None = None
    error: str | None = None
    result: str | None = None
    note: Json = field(default_factory=dict)
    """What the call at hand exchanged, for the transcript."""


@dataclass(frozen=True, kw_only=True)
class Connector:
    """A tenant's Web Connector user, its company, and how the connection stands.

    ``marker`` is the highest run marker that the company file was seen to hold; ``compare`` says that a file with a
    lower one (``compare_marker``) is being compared (``running``) or that an admin must decide (``open``).
    """

    tenant: str
    username: str
    password_set_at: datetime
    password_set_by: str
    owner_id: str
    file_id: str
    qwc: Json
    company_file: str | None
    bound_at: datetime | None
    facts: Json
    state: str
    code: str | None
    message: str | None
    connector_version: str | None
    last_seen_at: datetime | None
    last_result: str | None
    last_read_at: datetime | None
    told_at: datetime | None
    seconds_per_write: float | None
    marker: int = 0
    compare: str | None = None
    compare_marker: int | None = None
    lost_reads: int = 0
    previous_owner_id: str | None = None
    previous_file_id: str | None = None

    @property
    def may_bind(self) -> bool:
        """Whether a file without our FileID may become the tenant's: the first run, or after ids were renewed."""
        return self.bound_at is None or self.previous_file_id is not None
